"""Training batches that hold several examples of each of their classes: what losses between examples need.

Dimensions: n examples, C classes in a batch, k examples of each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["ClassBatches"]


@dataclass(frozen=True)
class ClassBatches:
    """Draws of classes, and of examples of each: a pass has n / size batches, and no example is sure to be in it.

    Attributes:
        classes: (n,) int64, the class of each example.
        each: k; a class of fewer examples gives some of them twice.
        families: (n,) int64, of each example's class; None: no classes are alike.
        hard: probability that a batch draws its classes from as few families as have enough of them.

    Source: Schroff et al. 2015, "FaceNet", section 3.2 (batches of about 40 faces of each identity).
    """

    classes: Tensor
    each: int
    families: Tensor | None = None
    hard: float = 0.0

    def draw(self, size: int, generator: torch.Generator) -> list[Tensor]:
        """The batches of one pass: (C · k,) indices each, class after class."""
        order = torch.argsort(self.classes, stable=True)
        counts = torch.unique_consecutive(self.classes[order], return_counts=True)[1]
        starts = counts.cumsum(0) - counts
        family = None if self.families is None else self.families[order[starts]]
        many = max(2, min(size // self.each, len(counts)))
        batches = []
        for _ in range(self.steps(size)):
            kept = self._classes(len(counts), many, family, generator)
            count, start = counts[kept], starts[kept]
            # The k smallest of random numbers are k examples without replacement; beyond a class's own there is none.
            keys = torch.rand(len(kept), max(self.each, int(count.max())), generator=generator)
            keys += (torch.arange(keys.shape[1]) >= count[:, None]).float()
            places = keys.argsort(1)[:, : self.each]
            places = torch.where(places < count[:, None], places, places % count[:, None])
            batches.append(order[(start[:, None] + places).flatten()])
        return batches

    def steps(self, size: int) -> int:
        """Batches of one pass."""
        return max(1, math.ceil(len(self.classes) / size))

    def _classes(self, all_of_them: int, many: int, family: Tensor | None, generator: torch.Generator) -> Tensor:
        order = torch.randperm(all_of_them, generator=generator)
        if family is None or float(torch.rand((), generator=generator)) >= self.hard:
            return order[:many]
        names, sizes = torch.unique(family, return_counts=True)
        turn = torch.randperm(len(names), generator=generator)
        needed = int((sizes[turn].cumsum(0) < many).sum()) + 1
        return order[torch.isin(family[order], names[turn[:needed]])][:many]
