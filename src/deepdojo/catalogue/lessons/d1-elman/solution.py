"""A simple recurrent network (Elman 1990). B batch, T steps, I input width, H state width."""

import torch


def rnn(x, h0, w_xh, w_hh, b):
    """h_t = tanh(W_xh x_t + W_hh h_{t-1} + b) for every step.

    Args:
        x: (B, T, I). h0: (B, H), the state before the first step.
        w_xh: (H, I). w_hh: (H, H). b: (H,).

    Returns:
        ys: (B, T, H), the state after every step. h: (B, H), the last one.
    """
    # --- your code ---
    h, ys = h0, []
    for t in range(x.shape[1]):
        total = x[:, t] @ w_xh.T + h @ w_hh.T + b
        h = torch.tanh(total)
        ys.append(h)
    return torch.stack(ys, 1), h
    # --- end ---
