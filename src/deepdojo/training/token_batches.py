"""Training batches that are bounded by their tokens, padding included, not by their examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

__all__ = ["TokenBatches"]


@dataclass(frozen=True)
class TokenBatches:
    """Batches of as many examples as have at most `most` tokens when all are padded, at least one.

    Examples are sorted by their last length (a target, whose scores are what costs), then by the others, which count in
    steps of `STEP`: enough examples are then alike for each pass to mix them anew, and each pass has the same number of
    batches.

    Attributes:
        lengths: of each counted entry, (n,).
    """

    lengths: Sequence[np.ndarray]
    most: int

    STEP: ClassVar[int] = 4

    def cut(self, order: Tensor) -> list[Tensor]:
        """The batches of examples that come in this order, which decides among those alike."""
        rounded = [-(-lengths // self.STEP) * self.STEP for lengths in self.lengths[:-1]]
        keys = [lengths[order.numpy()] for lengths in (*rounded, self.lengths[-1])]
        places = np.lexsort(keys)
        return list(order[torch.from_numpy(places)].split(self._sizes([key[places] for key in keys])))

    def _sizes(self, keys: Sequence[np.ndarray]) -> list[int]:
        sizes, first = [], 0
        while first < len(keys[0]):
            most = max(1, self.most // max(1, sum(int(key[first]) for key in keys)))
            longest = np.sum([np.maximum.accumulate(key[first : first + most]) for key in keys], axis=0)
            padded = longest * np.arange(1, len(longest) + 1)
            sizes.append(max(1, int(np.searchsorted(padded, self.most, side="right"))))
            first += sizes[-1]
        return sizes
