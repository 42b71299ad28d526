"""How much moves in a video, as a row of numbers: what a network that reads frames has to beat."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from deepdojo.baselines.linear import fit_logistic
from deepdojo.baselines.problem import Problem, Row, choose
from deepdojo.data.videos import decode_video
from deepdojo.errors import DataError

__all__ = ["described", "logistic", "motion"]

SIDE, FRAMES = 64, 16
SETTINGS = (0.03, 0.3, 3.0)
NUMBERS = 12


def logistic(problem: Problem) -> tuple[np.ndarray, str]:
    """Logistic regression on twelve numbers of motion, standardised: (n, K) probabilities.

    C from 0.03, 0.3, 3 on validation rows, else 0.3.
    """
    train = _rows(problem.cells(problem.train))
    mean, std = train.mean(axis=0), train.std(axis=0)
    std = np.where(std > 1e-9, std, 1.0)

    def fit(c: float) -> Any:
        model = fit_logistic(problem, (train - mean) / std, c)
        return lambda cells: model.predict_proba((_rows(cells) - mean) / std)

    chosen = choose(problem, SETTINGS, 0.3, fit)
    return problem.predicted(chosen.predict), f"logistic regression on {NUMBERS} numbers of motion, {chosen.said('C')}"


def motion(cell: Any) -> np.ndarray:
    """(12,) of a video: logarithms of the mean change from frame to frame of 16 frames, its spread over time, its
    maximum, quantiles of the change of a pixel, the share of pixels that move; how far apart what moves lies; and the
    brightness and contrast of the picture. Zeros where it cannot be read."""
    try:
        clip = decode_video(cell, size=SIDE, colour=False)
    except DataError:  # the dataset lists it in rejected.csv; one that slipped through must not stop the floor
        return np.zeros(NUMBERS)
    frames = clip.at((np.arange(FRAMES) + 0.5) * clip.seconds / FRAMES).astype(np.float64) / 255.0
    change = np.abs(np.diff(frames, axis=0))  # (T, Y, X)
    over_time = change.mean(axis=(1, 2))
    places = change.mean(axis=0)
    sizes = [over_time.mean(), over_time.std(), over_time.max(), *np.quantile(change, (0.5, 0.9, 0.99)), places.std()]
    moving = [(change > level).mean() for level in (0.05, 0.15)]
    return np.array([*np.log(np.array(sizes) + 1e-4), *moving, _apart(places), frames.mean(), frames.std()])


def _apart(places: np.ndarray) -> float:
    """How far from their middle the changes lie, as a share of the frame's longer side."""
    weight = places / max(places.sum(), 1e-12)
    y, x = np.indices(places.shape)
    far = sum(((axis - (axis * weight).sum()) ** 2 * weight).sum() for axis in (y, x))
    return float(np.sqrt(far) / max(places.shape))


def described(rows: Iterable[Row], name: str) -> list[dict[str, Any]]:
    """The rows with these numbers in the place of the video."""
    return [{**row, name: motion(row[name])} for row in rows]


def _rows(cells: Sequence[Any]) -> np.ndarray:
    """(n, 12): numbers that are there already (`described`), or those of videos."""
    found = [motion(cell) if not isinstance(cell, list) else np.array(cell, dtype=np.float64) for cell in cells]
    return np.stack(found) if found else np.zeros((0, NUMBERS))
