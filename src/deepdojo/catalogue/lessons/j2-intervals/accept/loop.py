import numpy as np
import torch


def wilson(k, n, z=1.96):
    centre = (k + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * np.sqrt(k * (n - k) / n + z * z / 4)
    return float(centre - half), float(centre + half)


def paired_bootstrap(a, b, gen, draws=4000):
    gap = (a - b).numpy()
    rng = np.random.default_rng(int(torch.randint(2**31, (), generator=gen)))
    means = sorted(gap[rng.integers(0, len(gap), len(gap))].mean() for _ in range(draws))
    return means[round(0.025 * draws)], means[round(0.975 * draws) - 1]
