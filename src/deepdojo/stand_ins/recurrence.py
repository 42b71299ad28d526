"""`rnn(x, h0, w_xh, w_hh, b)` of the lesson as the cell of our recurrent network: it is run over one step at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from deepdojo.errors import RecipeError

__all__ = ["rnn"]


def rnn(own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Tensor]]:
    """The lesson has one bias and tanh; ours has two biases, which are added, and may bend by relu."""
    run = own["rnn"]

    def cell(
        x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor, activation: str = "tanh"
    ) -> Tensor:
        if activation != "tanh":
            raise RecipeError("rnn of the lesson bends by tanh, and this recipe by relu", where="model.activation")
        return run(x[:, None], h, w_ih, w_hh, b_ih + b_hh)[1]

    return {"elman_cell": cell}
