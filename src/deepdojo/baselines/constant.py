"""The same answer for every row: what a model must beat to have learned anything."""

from __future__ import annotations

import numpy as np

from deepdojo.baselines.problem import Problem

__all__ = ["majority", "mean"]


def majority(problem: Problem) -> tuple[np.ndarray, str]:
    """The commonest class (of equally common ones the first by name); probabilities are the shares: (n, K)."""
    counts = np.bincount(problem.target, minlength=len(problem.classes))
    best = int(counts.argmax())
    share = counts / counts.sum()
    about = f"always {problem.classes[best]!r}, which {counts[best]:,} of {counts.sum():,} training rows are"
    return np.tile(share, (len(problem.test), 1)), about


def mean(problem: Problem) -> tuple[np.ndarray, str]:
    """The mean of the training values, or their median where the metric is the mean absolute error: (n,)."""
    name, value = "mean", float(problem.target.mean())
    if problem.metric == "mae":
        name, value = "median", float(np.median(problem.target))
    return np.full(len(problem.test), value), f"always {value:.6g}, the {name} of the training values"
