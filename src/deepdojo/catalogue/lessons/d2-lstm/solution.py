"""One step of an LSTM (Hochreiter and Schmidhuber 1997; Gers et al. 2000). B batch, I input width, H state width."""

import torch


def lstm_cell(x, h, c, w_ih, w_hh, b_ih, b_hh):
    """One step; rows of the weights in the order input, forget, content, output.

    Args:
        x: (B, I). h, c: (B, H), output and cell of the step before.
        w_ih: (4H, I). w_hh: (4H, H). b_ih, b_hh: (4H,).

    Returns:
        h, c of this step, (B, H) each.
    """
    # --- your code ---
    gates = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh  # (B, 4H)
    i, f, g, o = gates.chunk(4, dim=-1)
    i, f, o = torch.sigmoid(i), torch.sigmoid(f), torch.sigmoid(o)
    g = torch.tanh(g)
    c_new = f * c + i * g
    return o * torch.tanh(c_new), c_new
    # --- end ---
