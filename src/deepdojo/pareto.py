"""The Pareto front of score against cost. Without numpy: the web process of a competition marks its boards by it."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["pareto"]


def pareto(costs: Sequence[float | None], scores: Sequence[float], *, higher_is_better: bool = True) -> list[bool]:
    """Whether no other entry is as good for as little cost, and strictly better in one. Unknown costs: False.

    Cost: one sort.
    """
    sign = 1.0 if higher_is_better else -1.0
    points = [
        (math.nan if cost is None else float(cost), sign * float(score))
        for cost, score in zip(costs, scores, strict=True)
    ]
    known = [i for i, point in enumerate(points) if not any(map(math.isnan, point))]
    front, best, last = [False] * len(points), -math.inf, None
    for i in sorted(known, key=lambda i: (points[i][0], -points[i][1])):
        if points[i][1] > best:
            front[i], best, last = True, points[i][1], points[i]
        elif points[i] == last:  # twins stand on it together
            front[i] = True
    return front
