"""One step of a GRU (Cho et al. 2014), in the form of cuDNN and torch. B batch, I input width, H state width."""

import torch


def gru_cell(x, h, w_ih, w_hh, b_ih, b_hh):
    """One step; rows of the weights in the order reset, update, candidate.

    Args:
        x: (B, I). h: (B, H), the state of the step before.
        w_ih: (3H, I). w_hh: (3H, H). b_ih, b_hh: (3H,).

    Returns:
        h of this step, (B, H).
    """
    # --- your code ---
    x_r, x_z, x_n = (x @ w_ih.T + b_ih).chunk(3, dim=-1)
    h_r, h_z, h_n = (h @ w_hh.T + b_hh).chunk(3, dim=-1)
    r = torch.sigmoid(x_r + h_r)
    z = torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)
    return (1 - z) * n + z * h
    # --- end ---
