"""One step of the LSTM. Dimensions: B batch, I input width, H state width, H4 = 4·H the four gates stacked."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

__all__ = ["lstm_cell", "lstm_cell_reference"]


def lstm_cell(
    x: Float[Tensor, "B I"],
    h: Float[Tensor, "B H"],
    c: Float[Tensor, "B H"],
    w_ih: Float[Tensor, "H4 I"],
    w_hh: Float[Tensor, "H4 H"],
    b_ih: Float[Tensor, " H4"],
    b_hh: Float[Tensor, " H4"],
) -> tuple[Float[Tensor, "B H"], Float[Tensor, "B H"]]:
    """One step: c' = f·c + i·g and h' = o·tanh(c'), (i, f, g, o) = (σ, σ, tanh, σ)(W_ih x + b_ih + W_hh h + b_hh).

    The gates are stacked in the order input, forget, candidate, output, as torch has them.
    Source: Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 1999.
    """
    return torch.lstm_cell(x, (h, c), w_ih, w_hh, b_ih, b_hh)


def lstm_cell_reference(
    x: Float[Tensor, "B I"],
    h: Float[Tensor, "B H"],
    c: Float[Tensor, "B H"],
    w_ih: Float[Tensor, "H4 I"],
    w_hh: Float[Tensor, "H4 H"],
    b_ih: Float[Tensor, " H4"],
    b_hh: Float[Tensor, " H4"],
) -> tuple[Float[Tensor, "B H"], Float[Tensor, "B H"]]:
    """`lstm_cell` in plain algebra."""
    i, f, g, o = (F.linear(x, w_ih, b_ih) + F.linear(h, w_hh, b_hh)).chunk(4, 1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c
