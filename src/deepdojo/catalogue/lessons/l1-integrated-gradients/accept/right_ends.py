import torch


def integrated_gradients(f, x, baseline, steps):
    """Equation 3 of the paper: points k / steps for k = 1 … steps."""
    slopes = []
    for k in range(1, steps + 1):
        z = baseline + (k / steps) * (x - baseline)
        z = z.clone().detach()
        z.requires_grad = True
        out = f(z)
        slopes.append(torch.autograd.grad(out, z, grad_outputs=torch.ones_like(out))[0])
    return (x - baseline) * torch.stack(slopes).mean(0)
