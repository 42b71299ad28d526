"""The Pareto front."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deepdojo.pareto import pareto


def test_pareto_front():
    costs, scores = [1, 2, 3, 3, 1, None, 5], [0.5, 0.7, 0.7, 0.9, 0.5, 0.99, 0.8]
    assert pareto(costs, scores) == [True, True, False, True, True, False, False]
    assert pareto([1, 2], [0.5, 0.4], higher_is_better=False) == [True, True]
    assert pareto(np.array([1.0, 2.0]), np.array([0.5, math.nan])) == [True, False]
    assert pareto([], []) == []


@pytest.mark.parametrize("seed", range(10))
def test_pareto_by_brute_force(seed):
    rng = np.random.default_rng(seed)
    c, s = rng.integers(5, size=30), rng.integers(5, size=30)
    worse = [any(c[j] <= c[i] and s[j] >= s[i] and (c[j] < c[i] or s[j] > s[i]) for j in range(30)) for i in range(30)]
    assert pareto(c, s) == [not w for w in worse]
