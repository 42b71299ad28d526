import math
from statistics import NormalDist

import torch


def wilson(k, n, z=1.96):
    """Roots of (1 + z²/n) p² − (2k/n + z²/n) p + (k/n)² = 0."""
    a, b, c = 1 + z**2 / n, -(2 * k + z**2) / n, (k / n) ** 2
    root = math.sqrt(b * b - 4 * a * c)
    return [(-b - root) / (2 * a), (-b + root) / (2 * a)]


def paired_bootstrap(a, b, gen, draws=4000):
    """Bias-corrected and accelerated (Efron 1987), with weights of rows instead of rows."""
    d = (a - b).double()
    n, normal = len(d), NormalDist()
    weights = torch.zeros(draws, n, dtype=d.dtype)
    weights.scatter_add_(1, torch.randint(0, n, (draws, n), generator=gen), torch.ones(draws, n, dtype=d.dtype))
    means = (weights @ d / n).sort().values
    below = ((means < d.mean()).double().mean() + (means == d.mean()).double().mean() / 2).clamp(1e-3, 1 - 1e-3)
    z0 = normal.inv_cdf(float(below))
    left_out = (d.sum() - d) / (n - 1)
    gap = left_out.mean() - left_out
    spread = float(gap.square().sum()) ** 1.5
    skew = float(gap.pow(3).sum()) / (6 * spread) if spread else 0.0
    ends = []
    for z in (-1.96, 1.96):
        shifted = z0 + (z0 + z) / (1 - skew * (z0 + z))
        ends.append(means[min(draws - 1, int(normal.cdf(shifted) * draws))])
    return tuple(ends)
