"""An explanation that adds up. B rows, D inputs."""

import torch


def integrated_gradients(f, x, baseline, steps):
    """How much each input contributed to f(x) − f(baseline).

    (x − baseline) · ∫₀¹ ∇f(baseline + s (x − baseline)) ds, the integral as a mean over `steps` points.

    Args:
        f: (B, D) -> (B,), differentiable; each row by itself.
        x, baseline: (B, D).

    Returns:
        (B, D) without a graph; each row sums to about f(x) − f(baseline).
    """
    # --- your code ---
    way = x - baseline
    total = torch.zeros_like(x)
    for k in range(steps):
        point = (baseline + (k + 0.5) / steps * way).detach().requires_grad_()
        total += torch.autograd.grad(f(point).sum(), point)[0]
    return (way * total / steps).detach()
    # --- end ---
