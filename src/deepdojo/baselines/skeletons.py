"""Skeletons without a network: poses as one long row of numbers, and the nearest sequence in bent time.

Legend: n sequences, J joints, T steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deepdojo.baselines.linear import fit_logistic
from deepdojo.baselines.problem import Problem, Unfit, choose
from deepdojo.data.skeletons import placed, resampled

__all__ = ["logistic", "nearest"]

STEPS = 16
SETTINGS = (0.01, 0.1, 1.0)
MOST_PAIRS = 20_000_000
"""Sequences to judge times sequences to compare with: some minutes of a core."""


def logistic(problem: Problem) -> tuple[np.ndarray, str]:
    """Multinomial logistic regression on 16 poses and the changes between them, standardised: (n, K) probabilities.

    C from 0.01, 0.1, 1 on validation rows, else 0.1.
    """
    train = _rows(problem, problem.cells(problem.train))
    mean, std = train.mean(axis=0), train.std(axis=0)
    std = np.where(std > 1e-9, std, 1.0)

    def fit(c: float) -> Any:
        model = fit_logistic(problem, (train - mean) / std, c)
        return lambda cells: model.predict_proba((_rows(problem, cells) - mean) / std)

    chosen = choose(problem, SETTINGS, 0.1, fit)
    about = f"logistic regression on {STEPS} poses and their changes, {train.shape[1]:,} numbers, {chosen.said('C')}"
    return problem.predicted(chosen.predict), about


def nearest(problem: Problem) -> tuple[np.ndarray, str]:
    """The class of the nearest training sequence, where time may be bent: (n, K) probabilities.

    D(i, j) = d(i, j) + min(D(i-1, j), D(i, j-1), D(i-1, j-1)) over 16 poses each, d the squared distance of two poses.
    Probabilities are exp(-D_k / s), normalised, D_k the distance to the nearest sequence of class k and s the mean
    distance of a training sequence to the nearest of its own class: the label does not depend on s.

    Source: Sakoe & Chiba 1978, "Dynamic programming algorithm optimization for spoken word recognition"
    """
    known = _poses(problem, problem.cells(problem.train))
    if len(known) * max(len(problem.test), len(known)) > MOST_PAIRS:
        raise Unfit(f"{len(known):,} sequences to compare each of {len(problem.test):,} with take too long")
    classes = len(problem.classes)
    one_of = [np.flatnonzero(problem.target == k) for k in range(classes)]

    def to_classes(pose: np.ndarray, without: int | None = None) -> np.ndarray:
        far = bent_distances(pose, known)
        if without is not None:
            far[without] = np.inf
        return np.array([far[members].min() for members in one_of])

    some = np.random.default_rng(problem.seed).permutation(len(known))[:100]
    own = np.array([to_classes(known[i], int(i))[problem.target[i]] for i in some])
    scale = float(own[np.isfinite(own)].mean()) if np.isfinite(own).any() else 1.0

    def predict(cells: Sequence[Any]) -> np.ndarray:
        if not len(cells):
            return np.zeros((0, classes))
        far = np.stack([to_classes(pose) for pose in _poses(problem, cells)])
        close = np.exp(-(far - far.min(axis=1, keepdims=True)) / max(scale, 1e-12))
        return close / close.sum(axis=1, keepdims=True)

    about = f"nearest of {len(known):,} sequences of {STEPS} poses, time bent (DTW)"
    return problem.predicted(predict), about


def bent_distances(one: np.ndarray, many: np.ndarray) -> np.ndarray:
    """(T, D) and (n, T, D) -> (n,) distances of dynamic time warping, all n at once."""
    apart = (
        (one**2).sum(-1)[None, :, None] + (many**2).sum(-1)[:, None] - 2 * one @ many.transpose(0, 2, 1)
    )  # (n, T, T)
    apart = np.maximum(apart, 0.0)
    n, steps, others = apart.shape
    total = np.full((n, steps + 1, others + 1), np.inf)
    total[:, 0, 0] = 0.0
    for i in range(steps):
        for j in range(others):
            before = np.minimum(np.minimum(total[:, i, j + 1], total[:, i + 1, j]), total[:, i, j])
            total[:, i + 1, j + 1] = apart[:, i, j] + before
    return total[:, -1, -1]


def _poses(problem: Problem, cells: Sequence[Any]) -> np.ndarray:
    """(n, T, 3 J): placed about their middle, in sizes of the body, 16 poses each."""
    joints = np.shape(problem.train[0][problem.input])[1]
    motions = [np.asarray(cell, dtype=np.float64) for cell in cells]
    if any(motion.ndim != 3 or motion.shape[1] != joints for motion in motions):
        raise Unfit("the skeletons have different numbers of joints")
    if not motions:
        return np.zeros((0, STEPS, 3 * joints))
    return np.stack([resampled(placed(motion), STEPS).reshape(STEPS, -1) for motion in motions])


def _rows(problem: Problem, cells: Sequence[Any]) -> np.ndarray:
    """(n, D): poses, and what changes from one to the next."""
    poses = _poses(problem, cells)
    return np.concatenate([poses, np.diff(poses, axis=1)], axis=1).reshape(len(poses), -1)
