"""One step of the GRU. Dimensions: B batch, I input width, H state width, H3 = 3·H the gates stacked."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

__all__ = ["gru_cell", "gru_cell_reference"]


def gru_cell(
    x: Float[Tensor, "B I"],
    h: Float[Tensor, "B H"],
    w_ih: Float[Tensor, "H3 I"],
    w_hh: Float[Tensor, "H3 H"],
    b_ih: Float[Tensor, " H3"],
    b_hh: Float[Tensor, " H3"],
) -> Float[Tensor, "B H"]:
    """One step: h' = (1 - z)·n + z·h, a blend of the old state with a candidate.

    r = σ(W_r x + b_ir + U_r h + b_hr)      reset
    z = σ(W_z x + b_iz + U_z h + b_hz)      update: the share of the OLD state that stays
    n = tanh(W_n x + b_in + r·(U_n h + b_hn))  candidate

    The gates are stacked in the order r, z, n, as torch has them. r multiplies U_n h with its bias b_hn inside, after
    the product, which is what cuDNN and torch compute; in Cho et al. 2014 it multiplies h before the product,
    U_n (r·h), and z weighs the old state as here (their equation 7; Chung et al. 2014 swap z and 1 - z).
    Source: Cho et al. 2014, section 2.3.
    """
    return torch.gru_cell(x, h, w_ih, w_hh, b_ih, b_hh)


def gru_cell_reference(
    x: Float[Tensor, "B I"],
    h: Float[Tensor, "B H"],
    w_ih: Float[Tensor, "H3 I"],
    w_hh: Float[Tensor, "H3 H"],
    b_ih: Float[Tensor, " H3"],
    b_hh: Float[Tensor, " H3"],
) -> Float[Tensor, "B H"]:
    """`gru_cell` in plain algebra."""
    from_x, from_h = F.linear(x, w_ih, b_ih).chunk(3, 1), F.linear(h, w_hh, b_hh).chunk(3, 1)
    r, z = torch.sigmoid(from_x[0] + from_h[0]), torch.sigmoid(from_x[1] + from_h[1])
    n = torch.tanh(from_x[2] + r * from_h[2])
    return (1 - z) * n + z * h
