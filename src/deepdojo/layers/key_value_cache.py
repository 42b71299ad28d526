"""The key/value cache: what an attention layer has seen, so that a new step costs one step.

Dimensions: B batch, G key/value heads, T new steps, S all steps so far, K head width.
"""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from deepdojo.layers.shapes import ShapeError

__all__ = ["KeyValues"]


class KeyValues:
    """Keys and values of the steps that one layer has seen, in buffers made before they are full.

    Args:
        capacity: steps that fit; None makes room as it is needed, twice as much each time.

    Cost: 2·B·G·capacity·K numbers. Adding a step writes that step alone; growing tensors by concatenation would copy
    all earlier ones at each step.
    """

    def __init__(self, capacity: int | None = None) -> None:
        self.capacity, self.length = capacity, 0
        self._keys: Tensor | None = None
        self._values: Tensor | None = None

    def extended(
        self, k: Float[Tensor, "B G T K"], v: Float[Tensor, "B G T W"]
    ) -> tuple[Float[Tensor, "B G S K"], Float[Tensor, "B G S W"]]:
        """All keys and values, with those of T new steps at the end. Raises ShapeError when they do not fit."""
        start, steps = self.length, k.shape[2]
        end = start + steps
        keys, values = self._keys, self._values
        if keys is None or values is None or end > keys.shape[2]:
            keys, values = self._with_room(k, v, end)
        if k.shape[0] != keys.shape[0]:
            raise ShapeError(f"the cache holds {keys.shape[0]} rows, got {k.shape[0]}")
        keys.narrow(2, start, steps).copy_(k)
        values.narrow(2, start, steps).copy_(v)
        self.length = end
        return keys.narrow(2, 0, end), values.narrow(2, 0, end)

    def _with_room(self, k: Tensor, v: Tensor, end: int) -> tuple[Tensor, Tensor]:
        if self.capacity is not None and end > self.capacity:
            raise ShapeError(f"the cache holds {self.capacity} steps, and {end} are asked for")
        room = self.capacity if self.capacity is not None else max(2 * end, 32)
        keys, values = (x.new_empty((*x.shape[:2], room, x.shape[3])) for x in (k, v))
        if self._keys is not None and self._values is not None:
            keys[:, :, : self.length], values[:, :, : self.length] = self.held()
        self._keys, self._values = keys, values
        return keys, values

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
