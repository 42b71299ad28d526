"""Ranks of whole boards: familywise error in simulated fields, ties, degenerate boards, the Pareto front."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deepdojo.errors import ScoreError
from deepdojo.scoring.flips import pairwise_p
from deepdojo.scoring.measured import from_mean, paired
from deepdojo.scoring.ranking import better, ranks, tie_groups


def board(terms):
    """Scores and influences of entries whose metric is the mean of their rows' terms."""
    scores = terms.mean(axis=1)
    return scores, terms - scores[:, None]


def equal_field(rng, k, n):
    """k equally able entries on n rows of shared difficulty: errors are correlated, as those of real entries are."""
    difficulty = rng.beta(6, 2, size=n)
    return (rng.random((k, n)) < difficulty).astype(float)


def false_alarms(k, n, boards, groups=None):
    rng = np.random.default_rng(3)
    return sum(
        max(ranks(*board(equal_field(rng, k, n)), higher_is_better=True, groups=groups, draws=1000, seed=seed)) > 1
        for seed in range(boards)
    )


def test_equal_entries_share_rank_one():
    """20 equal entries, 200 boards: any false "better" on at most 5 % of boards. 20 or more by chance: p = 0.003."""
    assert false_alarms(20, 120, 200) < 20


@pytest.mark.slow
def test_two_hundred_equal_entries():
    """200 equal entries, 200 boards of 1,000 rows; the same bound."""
    assert false_alarms(200, 1000, 200) < 20


def test_control_is_strong():
    """10 equal entries beside 10 far worse ones: the true differences do not make false ones likelier."""
    rng = np.random.default_rng(5)
    false = 0
    for seed in range(200):
        terms = equal_field(rng, 20, 150)
        terms[10:] *= rng.random((10, 150)) < 0.5
        beats = better(*board(terms), higher_is_better=True, draws=1000, seed=seed)
        false += beats[:10, :10].any()
        assert beats[:10, 10:].mean() > 0.9
    assert false < 20


def test_skewed_losses_are_controlled_too():
    rng = np.random.default_rng(7)
    false = 0
    for seed in range(200):
        terms = rng.lognormal(size=200) * rng.lognormal(0, 0.5, size=(8, 200))
        false += max(ranks(*board(terms), higher_is_better=False, draws=1000, seed=seed)) > 1
    assert false < 20


def test_groups_are_respected():
    """Rows of a group repeat one another: counted singly, nearly every board has a false "better"."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 10)
    alone = together = 0
    for seed in range(60):
        scores, influence = board(rng.normal(size=(6, 40))[:, groups])
        alone += max(ranks(scores, influence, higher_is_better=True, draws=1000, seed=seed)) > 1
        together += max(ranks(scores, influence, higher_is_better=True, groups=groups, draws=1000, seed=seed)) > 1
    assert alone > 40
    assert together <= 9  # 3 expected; 10 or more by chance: p = 6e-4


def test_real_differences_are_found_in_both_directions():
    rng = np.random.default_rng(0)
    skill = np.array([0.95, 0.95, 0.8, 0.5])
    terms = (rng.random((4, 2000)) < skill[:, None]).astype(float)
    assert ranks(*board(terms), higher_is_better=True) == [1, 1, 3, 4]
    assert ranks(*board(1 - terms), higher_is_better=False) == [1, 1, 3, 4]
    assert tie_groups([1, 1, 3, 4]) == [[0, 1], [2], [3]]
    assert tie_groups([3, 1, 1]) == [[1, 2], [0]]


def test_neighbours_are_not_chained():
    """a ties b and b ties c, yet a beats c: c has one better entry, so rank 2 for c alone."""
    rows = np.zeros((3, 400))
    rows[0, :200] = rows[1, :195] = rows[2, :190] = 1
    found = ranks(*board(rows), higher_is_better=True)
    beats = better(*board(rows), higher_is_better=True)
    assert beats[0, 2]
    assert not beats[0, 1]
    assert not beats[1, 2]
    assert found == [1, 1, 2]


def test_two_entries_rank_as_they_compare():
    """`dojo board` and `dojo compare` say the same: p below 5 % is exactly rank 2."""
    rng = np.random.default_rng(0)
    seen = set()
    for seed in range(150):
        n = int(rng.integers(10, 300))
        terms = (rng.random((2, n)) < [[0.8], [0.7]]).astype(float)
        if seed % 3 == 0:
            terms = rng.exponential(size=(2, n)) + np.array([[0.0], [0.2]])
        proportion = seed % 3 != 0
        p = paired(*(from_mean(t, proportion=proportion) for t in terms), draws=50).p
        found = ranks(*board(terms), higher_is_better=True)
        assert (max(found) == 2) == (p <= 0.05)
        seen.add(max(found))
    assert seen == {1, 2}


def test_identical_rows_and_tiny_boards():
    same = np.tile(np.random.default_rng(0).random(30), (4, 1))
    assert ranks(*board(same), higher_is_better=True) == [1, 1, 1, 1]
    assert ranks(*board(np.ones((3, 50))), higher_is_better=True) == [1, 1, 1]
    assert ranks([0.5], np.zeros((1, 9)), higher_is_better=True) == [1]
    assert ranks([], np.zeros((0, 9)), higher_is_better=True) == []
    assert ranks(*board(np.array([[1.0], [0.0], [0.0]])), higher_is_better=True) == [1, 1, 1]  # one row
    twins = np.random.default_rng(1).random((3, 200))
    twins[1] = twins[0]
    twins[2] += 0.5
    assert ranks(*board(twins), higher_is_better=True) == [2, 2, 1]


@pytest.mark.parametrize("unit", [1e-200, 1e150])
def test_the_targets_unit_does_not_matter(unit):
    terms = np.random.default_rng(0).random((3, 200)) + np.array([[0.0], [0.5], [0.5]])
    assert ranks(*board(terms * unit), higher_is_better=False) == [1, 2, 2]
    assert ranks(*board(terms[:2] * unit), higher_is_better=False) == [1, 2]


def test_one_group_ranks_nobody():
    terms = np.random.default_rng(0).random((3, 50)) + np.array([[0.0], [1.0], [2.0]])
    assert ranks(*board(terms), higher_is_better=True, groups=np.zeros(50, dtype=int)) == [1, 1, 1]


def test_the_same_seed_gives_the_same_ranks_in_any_order():
    rng = np.random.default_rng(0)
    terms = (rng.random((12, 300)) < rng.uniform(0.6, 0.95, size=(12, 1))).astype(float)
    scores, influence = board(terms)
    found = ranks(scores, influence, higher_is_better=True)
    assert ranks(scores, influence, higher_is_better=True) == found
    order = rng.permutation(12)
    assert ranks(scores[order], influence[order], higher_is_better=True) == [found[i] for i in order]


def test_more_entries_never_make_a_pair_more_significant():
    """The adjusted p of a pair grows with the board (same rows differ, so the same flips)."""
    rng = np.random.default_rng(0)
    terms = (rng.random((10, 200)) < 0.8).astype(float)
    terms[0] += 0.1 * rng.random(200)
    small, large = pairwise_p(terms[:4], draws=2000), pairwise_p(terms, draws=2000)
    assert (large[:4, :4] >= small - 0.03).all()


def test_bad_input():
    with pytest.raises(ScoreError, match="3 scores do not go with"):
        ranks([1, 2, 3], np.zeros((2, 5)), higher_is_better=True)
    with pytest.raises(ScoreError, match="entry 1 has a value or an influence that is not finite"):
        ranks([math.nan, 0.5], np.zeros((2, 5)), higher_is_better=True)
