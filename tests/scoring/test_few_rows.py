"""Boards of few groups: power near that of each pair alone, no more than 5 % of boards with a false "better"."""

from __future__ import annotations

import numpy as np
import pytest

from deepdojo.scoring.few_rows import stepped_p
from deepdojo.scoring.flips import inverse_scales, pair_p
from deepdojo.scoring.ranking import better


def field(rng, m, k=12):
    return rng.normal(size=(k, m)) + 2 * rng.normal(size=m)


def beats_of(terms, **options):
    values = terms.mean(axis=1)
    return better(values, terms - values[:, None], higher_is_better=True, **options)


@pytest.mark.parametrize(("m", "least"), [(6, 0.8), (8, 0.95), (12, 0.95)])
def test_one_clear_entry_among_many_is_found(m, least):
    """Max-T alone finds 30 to 40 % of these differences at 6 groups."""
    found, alone = [], []
    for seed in range(60):
        terms = field(np.random.default_rng(seed), m)
        terms[0] += 4
        found.append(beats_of(terms)[0, 1:].mean())
        alone.append(np.mean([pair_p(terms[0], other) <= 0.05 for other in terms[1:]]))
    assert np.mean(found) > least * np.mean(alone)


def test_a_small_but_steady_difference_among_noisy_entries_is_found():
    """Two entries that err alike differ little beside the others' noise, and much beside their own."""
    found = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        terms = field(rng, 10)
        terms[1] = terms[0] - 0.8 + 0.2 * rng.normal(size=10)
        found += beats_of(terms)[0, 1]
    assert found > 32


def test_five_groups_decide_nothing_and_six_can():
    clear = np.arange(4.0)[:, None] * 100 + np.random.default_rng(0).normal(size=(4, 6))
    assert not beats_of(clear[:, :5]).any()
    assert beats_of(clear).sum() == 6


def false_alarms(m, boards, k=10, clear=0, skewed=False):
    wrong = 0
    for seed in range(boards):
        rng = np.random.default_rng([m, seed])
        terms = rng.lognormal(size=m) * rng.lognormal(0, 0.5, size=(k, m)) if skewed else field(rng, m, k)
        terms[:clear] += 5
        beats = beats_of(terms)
        wrong += bool(beats[:clear, :clear].any() or beats[clear:, clear:].any())
    return wrong


def test_equal_entries_tie_on_few_groups():
    """5 % of 300 boards are 15; 26 or more by chance: p = 0.004."""
    assert false_alarms(8, 300) < 26


@pytest.mark.slow
@pytest.mark.parametrize("m", [6, 7, 9, 12])
@pytest.mark.parametrize(("clear", "skewed"), [(0, False), (3, False), (0, True)])
def test_familywise_error_whatever_truly_differs(m, clear, skewed):
    """600 boards: 30 expected at most; 45 or more by chance: p = 0.005."""
    assert false_alarms(m, 600, clear=clear, skewed=skewed) < 45


def test_many_entries_on_few_groups_take_drawn_patterns():
    rng = np.random.default_rng(0)
    terms = field(rng, 12, 330)
    terms[0] += 8
    beats = beats_of(terms)
    assert beats[0, 1:].mean() > 0.9
    assert not beats[1:, 1:].any()


def test_equal_entries_have_p_one():
    terms = field(np.random.default_rng(0), 9, 4)
    terms[1] = terms[0]
    p = stepped_p(terms, inverse_scales(terms), 0.05)
    assert p[0, 1] == 1.0
    assert np.array_equal(p, p.T)
