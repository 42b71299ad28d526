"""What flows back through y = x wᵀ + bias. B batch, I inputs, O outputs."""

import torch


def linear_backward(x: torch.Tensor, w: torch.Tensor, dy: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Gradients of a loss with respect to input, weight and bias, without autograd.

    Args:
        x: (B, I), the input of the layer.
        w: (O, I), its weight.
        dy: (B, O), the gradient of the loss with respect to y = x @ w.T + bias.

    Returns:
        dx (B, I), dw (O, I), db (O,), as a tuple.
    """
    # --- your code ---
    dx = dy @ w
    dw = dy.T @ x
    db = dy.sum(0)
    return dx, dw, db
    # --- end ---
