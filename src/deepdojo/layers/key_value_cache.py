"""The key/value cache: what an attention layer has seen, so that a new step costs one step.

Dimensions: B batch, G key/value heads, T new steps, S all steps so far, K head width.
"""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from deepdojo.layers.shapes import ShapeError

__all__ = ["KeyValues"]


class KeyValues:
    """Keys and values of the steps that one layer has seen, in buffers made once.

    Args:
        capacity: steps that fit.

    Cost: 2·B·G·capacity·K numbers. Adding a step writes that step alone; growing tensors by concatenation would copy
    all earlier ones at each step.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity, self.length = capacity, 0
        self._keys: Tensor | None = None
        self._values: Tensor | None = None

    def extended(
        self, k: Float[Tensor, "B G T K"], v: Float[Tensor, "B G T W"]
    ) -> tuple[Float[Tensor, "B G S K"], Float[Tensor, "B G S W"]]:
        """All keys and values, with those of T new steps at the end. Raises ShapeError when they do not fit."""
        end = self.length + k.shape[2]
        if end > self.capacity:
            raise ShapeError(f"the cache holds {self.capacity} steps, and {end} are asked for")
        if self._keys is None or self._values is None:
            self._keys = k.new_empty((*k.shape[:2], self.capacity, k.shape[3]))
            self._values = v.new_empty((*v.shape[:2], self.capacity, v.shape[3]))
        if k.shape[0] != self._keys.shape[0]:
            raise ShapeError(f"the cache holds {self._keys.shape[0]} rows, got {k.shape[0]}")
        self._keys[:, :, self.length : end] = k
        self._values[:, :, self.length : end] = v
        self.length = end
        return self.held()

    def held(self) -> tuple[Float[Tensor, "B G S K"], Float[Tensor, "B G S W"]]:
        """All keys and values so far. Raises ShapeError when there are none."""
        if self._keys is None or self._values is None:
            raise ShapeError("the cache is empty")
        return self._keys[:, :, : self.length], self._values[:, :, : self.length]

    def reorder(self, rows: Int[Tensor, R]) -> None:
        """Row i becomes what row `rows[i]` was: beams are dropped and doubled, and a batch may grow."""
        if self._keys is None or self._values is None:
            return
        if len(rows) == len(self._keys):
            # Only what is filled is copied; the gather makes a copy first, so rows may cross.
            self._keys[:, :, : self.length] = self._keys[:, :, : self.length].index_select(0, rows)
            self._values[:, :, : self.length] = self._values[:, :, : self.length].index_select(0, rows)
        else:
            self._keys, self._values = self._keys.index_select(0, rows), self._values.index_select(0, rows)
