"""Which examples belong to a step: a function of seed and step alone, so that a resumed training sees the same."""

from __future__ import annotations

import math

from torch import Generator, Tensor

from deepdojo.recipes import TrainSection
from deepdojo.training.distributed import Ranks
from deepdojo.training.schedules import batch_size
from deepdojo.training.store import Store
from deepdojo.training.stream import Stream

__all__ = ["Part", "StepExamples"]

Part = tuple[int, Tensor, bool]
"""A micro-batch: its number among those of all processes, its indices, and whether it counts."""


class StepExamples:
    """The micro-batches that this process takes of each step.

    Attributes:
        epoch_steps: steps of a pass over the store.
    """

    def __init__(self, store: Store | Stream, train: TrainSection, seed: int, ranks: Ranks) -> None:
        self.store, self.seed, self.ranks = store, seed, ranks
        self.size, self.accumulate = batch_size(train), train.accumulate
        self.epoch_steps = store.steps(self.size)
        self.epoch = -1
        self.batches: list[Tensor] = []

    def batch_at(self, step: int) -> Tensor:
        """Indices of the examples of a step, of all processes together."""
        epoch, within = divmod(step, self.epoch_steps)
        if epoch != self.epoch:
            generator = Generator().manual_seed(self.seed * 1_000_003 + epoch)
            self.batches = self.store.batches(self.size, generator=generator)
            self.epoch = epoch
        return self.batches[within]

    def parts(self, step: int) -> list[Part]:
        """This process's micro-batches of a step. A small batch has no part for every process, which then takes one
        example of no weight."""
        index, world = self.batch_at(step), self.ranks.world
        count = world * min(self.accumulate, math.ceil(len(index) / world))
        own = list(enumerate(index.tensor_split(count)))[self.ranks.rank :: world]
        return [(number, part if len(part) else index[:1], len(part) > 0) for number, part in own]

    def following(self, step: int, parts: list[Part], at: int, *, last: int) -> Tensor | None:
        """The indices that are cut after those of `parts[at]`, in a training of `last` steps."""
        if at + 1 < len(parts):
            return parts[at + 1][1]
        return self.parts(step + 1)[0][1] if step + 1 < last else None
