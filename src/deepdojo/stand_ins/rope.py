"""`rope(x, positions, base, interleaved)` of the lesson in the place of our rotary positions.

B batch, H heads, T steps, K head width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.layers.positions_rotary import RotaryPositions, Turn
from deepdojo.layers.positions_rotary_scaling import RotaryScaling

__all__ = ["rope"]


def rope(own: Mapping[str, Callable[..., Any]]) -> dict[str, type[RotaryPositions]]:
    """Ours gives attention a rotation of certain steps; the lesson's function is handed those steps.

    Raises: RecipeError for angles that are stretched beyond the trained length, which the lesson has not.
    """
    rotate = own["rope"]

    class OwnRotaryPositions(RotaryPositions):
        def __init__(
            self,
            max_length: int,
            head_width: int,
            base: float = 10_000.0,
            pairing: Literal["halves", "neighbours"] = "halves",
            scaling: RotaryScaling | None = None,
        ) -> None:
            super().__init__(max_length, head_width, base, pairing, scaling)
            self.interleaved = pairing == "neighbours"
            if scaling is not None:
                raise RecipeError("rope of the lesson does not stretch its angles", where="model.rope_scaling")

        def at(self, like: Tensor, start: int, steps: int, places: Tensor | None = None) -> Turn:
            here = torch.arange(start, start + steps, device=like.device) if places is None else places
            return _OwnTurn(lambda x: self._turned(x, here), like)

        def _turned(self, x: Tensor, places: Tensor) -> Tensor:
            if places.dim() == 1:
                return rotate(x, places, self.base, self.interleaved)
            rows = [rotate(x[b : b + 1], places[b], self.base, self.interleaved) for b in range(len(x))]
            return torch.cat(rows)

    return {"RotaryPositions": OwnRotaryPositions}


class _OwnTurn(Turn):
    def __init__(self, turn: Callable[[Tensor], Tensor], like: Tensor) -> None:
        super().__init__(lambda x, cos, sin: turn(x), like.new_zeros(0), like.new_zeros(0))
