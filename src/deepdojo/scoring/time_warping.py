"""Dynamic time warping: two sequences laid along one another, whatever the pace of each.

Dimensions: n and m frames of the two, K numbers a frame.
"""

from __future__ import annotations

import numpy as np

__all__ = ["frame_distances", "warped_cost"]


def warped_cost(costs: np.ndarray) -> tuple[float, int]:
    """(the least sum of costs along a path, how many cells that path has).

    A path begins at (0, 0), ends at (n - 1, m - 1) and goes on by one in the first, the second, or both; each of its
    cells counts once. Of equal sums that of the diagonal step is taken, then that of the step in the first.

    Args:
        costs: (n, m) of frame i laid beside frame j, finite.

    Cost: O(n m), one numpy operation on each of the n + m - 1 diagonals.
    Source: Sakoe and Chiba 1978, "Dynamic programming algorithm optimization for spoken word recognition", with the
        weights (1, 1, 1) and no band.
    """
    n, m = costs.shape
    # By diagonal i + j, place i + 1; place 0 lies outside.
    before, last = (np.full(n + 1, np.inf) for _ in range(2))
    before_steps, last_steps = (np.zeros(n + 1, dtype=np.int64) for _ in range(2))
    for k in range(n + m - 1):
        i = np.arange(max(0, k - m + 1), min(k, n - 1) + 1)
        both, first, second = before[i], last[i], last[i + 1]
        steps = np.where(first < both, last_steps[i], before_steps[i])
        least = np.minimum(both, first)
        steps = np.where(second < least, last_steps[i + 1], steps)
        least = np.minimum(least, second) if k else np.zeros(1)
        now, now_steps = np.full(n + 1, np.inf), np.zeros(n + 1, dtype=np.int64)
        now[i + 1], now_steps[i + 1] = least + costs[i, k - i], steps + 1
        before, before_steps, last, last_steps = last, last_steps, now, now_steps
    return float(last[n]), int(last_steps[n])


def frame_distances(a: np.ndarray, b: np.ndarray, *, power: int) -> np.ndarray:
    """(n, m) of frames (n, K) and (m, K): mean over K of |a_i - b_j| (power 1), or √Σ (a_i - b_j)² (power 2)."""
    found = np.empty((len(a), len(b)))
    for i, frame in enumerate(a):  # (m, K) at a time stays in the cache; all at once is ten times slower
        off = b - frame
        found[i] = np.abs(off).mean(axis=1) if power == 1 else np.sqrt((off * off).sum(axis=1))
    return found
