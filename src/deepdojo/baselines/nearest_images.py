"""The label of the training images that look most alike, pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deepdojo.baselines.pixels import LOOKED_AT, Form, form_of, shrink_all
from deepdojo.baselines.problem import Problem, choose, drawn

__all__ = ["nearest"]

MOST_ROWS = 10_000
"""Training images that are compared with: beyond them the comparisons cost more than they bring."""

NEIGHBOURS = (1.0, 3.0, 5.0, 9.0)
AT_ONCE = 1_000


def nearest(problem: Problem) -> tuple[np.ndarray, str]:
    """Votes of the k training images with the highest correlation of pixels, k of 1, 3, 5, 9 chosen on validation rows,
    else 3: (n, K) probabilities (votes + 1 / K) / (k + 1).

    Source: Cover & Hart 1967, "Nearest neighbor pattern classification"
    """
    form = form_of([*problem.cells(problem.train), *problem.cells(problem.test[:LOOKED_AT])])
    small = drawn(problem, MOST_ROWS)
    known, labels, classes = _vectors(small.cells(small.train), form), small.target, len(problem.classes)

    def fit(setting: float) -> Any:
        k = min(int(setting), len(known))

        def predict(cells: Sequence[Any]) -> np.ndarray:
            found = np.full((len(cells), classes), 1.0 / classes)
            for start in range(0, len(cells), AT_ONCE):
                like = _vectors(cells[start : start + AT_ONCE], form) @ known.T
                best = np.argpartition(-like, k - 1, axis=1)[:, :k]
                for votes in labels[best].T:
                    found[np.arange(start, start + len(votes)), votes] += 1.0
            return found / (k + 1.0)

        return predict

    choice = choose(problem, NEIGHBOURS, 3.0, fit)
    about = f"votes of the most alike of {len(known):,} training images, by pixels, {choice.said('k')}"
    return problem.predicted(choice.predict), about


def _vectors(cells: Sequence[Any], form: Form) -> np.ndarray:
    """(n, pixels) float32 of mean 0 and length 1, so that a product is a correlation."""
    flat = shrink_all(cells, form).reshape(len(cells), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
