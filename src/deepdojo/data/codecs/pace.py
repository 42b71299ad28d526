"""How long a text takes to say: so many frames for each of its characters, found by ridge regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepdojo.errors import DataError

__all__ = ["Pace"]

RIDGE = 30.0
FEWEST_FRAMES = 4


@dataclass(frozen=True)
class Pace:
    """frames = base + Σ frames[id] over the ids of a text.

    Attributes:
        base: of every text, whatever its length.
        frames: of each id; one that training texts lack has the mean rate.
    """

    base: float
    frames: tuple[float, ...]

    @classmethod
    def fit(cls, texts: Sequence[Sequence[int]], lengths: Sequence[int], vocab_size: int) -> Pace:
        """Least squares of the lengths, with a penalty on how far an id's frames lie from those that all ids share.

        min Σ (y - b - Σ_id (r + d_id) n_id)² + λ Σ d_id², λ = 30: base and common rate are free. In tenfold
        cross-validation on 270 sentences of 3 s the error was the same for λ from 10 to 100.

        Raises:
            DataError: no text.
        """
        if not len(texts):
            raise DataError("there is no text with its sound to learn the pace from", todo="see rejected.csv")
        counts = np.stack([np.bincount(ids, minlength=vocab_size) for ids in texts]).astype(np.float64)
        design = np.column_stack([counts, counts.sum(axis=1), np.ones(len(counts))])
        penalty = np.diag([RIDGE] * vocab_size + [1e-6, 1e-6])  # what all share is as good as free
        found = np.linalg.solve(design.T @ design + penalty, design.T @ np.asarray(lengths, dtype=np.float64))
        return cls(float(found[-1]), tuple(float(d + found[-2]) for d in found[:vocab_size]))

    def count(self, ids: Sequence[int]) -> int:
        """Frames of a text, at least 4."""
        return max(FEWEST_FRAMES, round(self.base + sum(self.frames[i] for i in ids)))
