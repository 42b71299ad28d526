"""How an error falls with the number of training rows: a power law of two parameters, fitted with its uncertainty.

Legend: n rows, e error, K shares, S seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepdojo.scoring.formulas import t_two_sided_p, t_two_sided_quantile

__all__ = ["BackTest", "PowerLaw", "back_test", "bend_p", "fit_power_law"]

OWN_FREEDOM = 4.0
"""The spread of a share's few seeds is drawn to that of all shares as if those were so many more degrees of freedom."""
FEWEST_SHARES = 3
FEWEST_TO_BEND = 5
SMALL = 0.2
"""The back-test fits the shares of at most so much of the data, and foretells the largest."""


@dataclass(frozen=True)
class PowerLaw:
    """e(n) = a n^-b, by weighted least squares of log e on log n.

    Attributes:
        a, b: the law. b_low, b_high: the 95 % interval of b.
        covariance: (2, 2) of (log a, -b). freedom: degrees of freedom of the t that intervals take.
        extra: variance of log e around the law beyond that of the seeds.
    """

    a: float
    b: float
    b_low: float
    b_high: float
    covariance: tuple[tuple[float, float], tuple[float, float]]
    freedom: int
    extra: float

    @property
    def t(self) -> float:
        return t_two_sided_quantile(0.95, self.freedom)

    def at(self, n: float, *, beside: float = 0.0) -> tuple[float, float, float]:
        """The law's error at n rows and its 95 % interval.

        Args:
            beside: variance of log e that is to be added, for the interval of one more observation.
        """
        x = np.array([1.0, math.log(n)])
        middle = math.log(self.a) - self.b * math.log(n)
        half = self.t * math.sqrt(max(0.0, float(x @ np.array(self.covariance) @ x)) + beside)
        return math.exp(middle), math.exp(middle - half), math.exp(middle + half)

    def change(self, factor: float) -> tuple[float, float, float]:
        """By what share the error changes with `factor` times the rows, factor^-b - 1, and its 95 % interval."""
        value, low, high = (factor**-b - 1.0 for b in (self.b, self.b_high, self.b_low))
        return value, low, high


@dataclass(frozen=True)
class BackTest:
    """What the law of the small shares foretold for the largest, and what was seen there.

    Attributes:
        shares: how many the law was fitted on. predicted, low, high: with the 95 % interval of one more observation.
    """

    shares: int
    predicted: float
    low: float
    high: float
    seen: float

    @property
    def holds(self) -> bool:
        return self.low <= self.seen <= self.high


def fit_power_law(rows: Sequence[float], errors: Sequence[Sequence[float]]) -> PowerLaw | None:
    """Fit e = a n^-b to the seeds of K shares; None for fewer than three shares, or an error that is not positive.

    log e is averaged over the S seeds of a share; its variance is s²/S, each s² drawn to that of all shares. What
    the means differ from the law beyond that is a variance of its own (DerSimonian & Laird 1986), added to every
    share's. The covariance is that of weighted least squares times max(1, chi²/(K - 2)), and intervals take t with
    K - 2 degrees of freedom (Knapp & Hartung 2003), so that neither a lucky fit nor one that is bent looks sure. A
    third parameter, a floor c in a n^-b + c, cannot be told from seven shares, so there is none; `bend_p` and
    `back_test` say where the law does not hold.

    Args:
        rows: training rows of each share.
        errors: of each share those of its seeds.
    """
    if len(rows) < FEWEST_SHARES or len(set(rows)) < FEWEST_SHARES or any(not e for e in errors):
        return None
    if any(not (value > 0 and math.isfinite(value)) for e in errors for value in e):
        return None
    x, y, variances, known = _means(rows, errors, 1)
    found, covariance, freedom, extra = _weighted(x, y, variances, known)
    half = t_two_sided_quantile(0.95, freedom) * math.sqrt(float(covariance[1, 1]))
    b = -float(found[1])
    held = ((float(covariance[0, 0]), float(covariance[0, 1])), (float(covariance[1, 0]), float(covariance[1, 1])))
    return PowerLaw(math.exp(float(found[0])), b, b - half, b + half, held, freedom, extra)


def bend_p(rows: Sequence[float], errors: Sequence[Sequence[float]]) -> float | None:
    """Whether log e is bent over log n: the p of the square's coefficient; None for fewer than five shares.

    A curve that runs into a floor is bent, and the law would promise what more data cannot give.
    """
    if len(set(rows)) < FEWEST_TO_BEND or fit_power_law(rows, errors) is None:
        return None
    found, covariance, freedom, _ = _weighted(*_means(rows, errors, 2))
    return t_two_sided_p(float(found[2]) / math.sqrt(float(covariance[2, 2])), freedom)


def back_test(rows: Sequence[float], errors: Sequence[Sequence[float]]) -> BackTest | None:
    """Fit on the shares of at most a fifth of the largest, foretell the largest; None where three small ones lack."""
    most = max(rows, default=0.0)
    small = [i for i, n in enumerate(rows) if n <= SMALL * most * 1.05]
    law = fit_power_law([rows[i] for i in small], [errors[i] for i in small])
    largest = max(range(len(rows)), key=lambda i: rows[i], default=-1)
    if law is None or any(not value > 0 for value in errors[largest]):
        return None
    variance = float(_variances([np.log(np.asarray(e)) for e in errors])[largest])
    predicted, low, high = law.at(most, beside=variance + law.extra)
    seen = math.exp(float(np.mean(np.log(errors[largest]))))
    return BackTest(len(small), predicted, low, high, seen)


def _means(
    rows: Sequence[float], errors: Sequence[Sequence[float]], degree: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """Powers of log n up to `degree`, mean log e, its variance, and whether seeds say anything of that."""
    logs = [np.log(np.asarray(e, dtype=np.float64)) for e in errors]
    at = np.log(np.asarray(rows, dtype=np.float64))
    if degree > 1:
        at = at - at.mean()
    x = np.stack([at**power for power in range(degree + 1)], axis=1)
    return x, np.array([one.mean() for one in logs]), _variances(logs), any(len(one) > 1 for one in logs)


def _weighted(
    x: np.ndarray, y: np.ndarray, variances: np.ndarray, known: bool
) -> tuple[np.ndarray, np.ndarray, int, float]:
    """Coefficients, their covariance, degrees of freedom, and the variance beyond the shares' own."""
    freedom = len(y) - x.shape[1]
    extra = _extra(x, y, variances)
    weights = 1.0 / (variances + extra)
    bread = np.linalg.inv(x.T @ (weights[:, None] * x))
    found = bread @ (x.T @ (weights * y))
    misfit = float(weights @ (y - x @ found) ** 2) / freedom
    # Without a second seed nothing but the misfit says how sure.
    return found, bread * (max(1.0, misfit) if known else misfit), freedom, extra


def _variances(logs: Sequence[np.ndarray]) -> np.ndarray:
    """Of each share's mean over seeds; 1 where no share has two seeds, so that all weigh the same."""
    freedom = np.array([len(one) - 1 for one in logs], dtype=np.float64)
    own = np.array([one.var(ddof=1) if len(one) > 1 else 0.0 for one in logs])
    if not freedom.any():
        return np.ones(len(logs))
    pooled = float(freedom @ own / freedom.sum())
    drawn = (freedom * own + OWN_FREEDOM * pooled) / (freedom + OWN_FREEDOM)
    least = 1e-12  # equal seeds leave no spread at all
    return np.maximum(drawn, least) / np.array([len(one) for one in logs])


def _extra(x: np.ndarray, y: np.ndarray, variances: np.ndarray) -> float:
    """The variance of the means around the line beyond their own, by the method of moments."""
    weights = 1.0 / variances
    weighted = weights[:, None] * x
    bread = np.linalg.inv(x.T @ weighted)
    misfit = float(weights @ (y - x @ (bread @ (weighted.T @ y))) ** 2)
    room = float(weights.sum() - np.trace(bread @ (weighted.T @ weighted)))
    return max(0.0, (misfit - (len(y) - x.shape[1])) / room) if room > 0 else 0.0
