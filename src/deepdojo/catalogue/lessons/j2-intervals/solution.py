"""Intervals for a score and for the difference of two (Wilson 1927; Efron 1979). n rows."""

import math

import torch


def wilson(k, n, z=1.96):
    """An interval for the probability behind k successes in n trials.

    Args:
        k, n: ints, 0 ≤ k ≤ n, n ≥ 1.
        z: 1.96 for 95 %.

    Returns:
        (low, high): the p with |k/n − p| ≤ z √(p (1 − p) / n).
    """
    # --- your code ---
    share = k / n
    middle = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    whole = 1 + z * z / n
    return (middle - half) / whole, (middle + half) / whole
    # --- end ---


def paired_bootstrap(a, b, gen, draws=4000):
    """A 95 % interval for mean(a) − mean(b), where row i of both is the same example, scored for two models.

    Args:
        a, b: (n,) float, one score for each row.
        gen: a torch.Generator; all random numbers come from it.
        draws: how many times n rows are drawn anew, with replacement.

    Returns:
        (low, high), floats or tensors of one number.
    """
    # --- your code ---
    n = len(a)
    rows = torch.randint(n, (draws, n), generator=gen)
    differences = a[rows].mean(1) - b[rows].mean(1)
    ends = differences.new_tensor([0.025, 0.975])
    low, high = torch.quantile(differences, ends).tolist()
    return low, high
    # --- end ---
