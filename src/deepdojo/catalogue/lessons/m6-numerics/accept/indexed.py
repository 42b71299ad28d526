import torch
from torch.nn.functional import softplus


def ranking_loss(x, y, scale, keep):
    x, y = x[keep], y[keep]
    nothing = 0 * scale + x.sum() + y.sum()
    if len(x) == 0:
        return nothing + 1e-6**0.5
    distances = []
    for a, b in zip(x, y):
        d = a - b
        distances.append(torch.linalg.vector_norm(d) if bool((d != 0).any()) else (0 * d).sum())
    d = torch.stack(distances)
    each = softplus(scale * (d - 1))
    spread = torch.sqrt(d.var(correction=0) + 1e-6)
    return each.mean() + spread
