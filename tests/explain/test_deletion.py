"""The deletion test: chance is zero, a right order is above it, its reverse below."""

from __future__ import annotations

import numpy as np
import pytest

from deepdojo.explain.deletion import RANDOM_ORDERS, Deletion, delete, gap, top_third


class _Additive:
    """A probe whose evidence is the sum of what is left: the ideal order is known."""

    def __init__(self, worth: np.ndarray) -> None:
        self.worth, self.units = worth, len(worth)

    def after(self, deleted: np.ndarray) -> np.ndarray:
        return (~deleted) @ self.worth - self.worth.sum()


def test_a_third_is_rounded_and_never_empty():
    draw = np.random.default_rng(0)
    assert [int(top_third(np.arange(n), draw).sum()) for n in (3, 4, 5, 7, 8, 16)] == [1, 1, 2, 2, 3, 5]
    assert top_third(np.array([0.1, 3.0, -9.0, 2.0, 0.0, 1.0]), draw).nonzero()[0].tolist() == [1, 3]


def test_equal_scores_are_drawn_by_chance_not_by_place():
    draw = np.random.default_rng(0)
    share = np.mean([top_third(np.zeros(9), draw) for _ in range(3000)], axis=0)
    np.testing.assert_allclose(share, 1 / 3, atol=0.05)  # 0.05 is 5.8 deviations: false alarm below 1e-7


def test_the_right_order_the_reverse_and_chance():
    draw = np.random.default_rng(0)
    rows = [_Additive(draw.exponential(size=12)) for _ in range(400)]
    deletions = [delete(row, {"right": row.worth, "reverse": -row.worth}, draw) for row in rows]
    right, reverse, chance = (gap(deletions, name) for name in ("right", "reverse", None))
    # Of twelve exponentials the four largest sum to 4 + 4 (H_12 - H_4) = 8.08, a random four to 4, the least to 0.69.
    assert right.value == pytest.approx(4.08, abs=0.3)
    assert reverse.value == pytest.approx(0.69 - 4, abs=0.2)
    assert right.low > 1 > -1 > reverse.high
    assert chance.low < 0 < chance.high
    assert chance.high - chance.low < 0.5


def test_the_interval_is_that_of_a_mean():
    draw = np.random.default_rng(1)
    values = draw.normal(2.0, 3.0, size=200)
    found = gap([Deletion(v, 0.0, {"m": 0.0}) for v in values], "m")
    half = 1.96 * values.std() / np.sqrt(200)
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.1)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1)


def test_few_rows_say_nothing_however_narrow_their_interval():
    """Of two rows that agree the bootstrap's interval lies above zero; the paired test has p = 1/2."""
    both = gap([Deletion(1.0, 0.0, {"m": 0.0})] * 2, "m")
    assert both.low > 0
    assert both.p == pytest.approx(0.5)
    assert gap([Deletion(v, 0.0, {"m": 0.0}) for v in (1.0, 2.0, 3.0, 4.0, 5.0)], "m").p == pytest.approx(2 / 32)
    assert gap([Deletion(v, 0.0, {"m": 0.0}) for v in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)], "m").p < 0.05


def test_random_figures_do_not_depend_on_the_methods():
    row = _Additive(np.arange(9.0))
    few = delete(row, {"a": row.worth}, np.random.default_rng(3))
    many = delete(row, {"a": row.worth, "b": -row.worth}, np.random.default_rng(3))
    assert (few.random, few.control, few.methods["a"]) == (many.random, many.control, many.methods["a"])
    assert few.random != few.control


def test_bounded_is_the_mean_of_likelihoods():
    seen = []

    class Noted(_Additive):
        def after(self, deleted: np.ndarray) -> np.ndarray:
            seen.append(super().after(deleted))
            return seen[-1]

    found = delete(Noted(np.arange(6.0)), {"a": np.arange(6.0)}, np.random.default_rng(0))
    assert found.bounded is not None
    assert found.bounded.random == pytest.approx(np.exp(seen[0][:RANDOM_ORDERS]).mean())
    assert found.bounded.methods["a"] == pytest.approx(np.exp(-9.0))
