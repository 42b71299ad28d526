"""The Ladder: first entry plain, chance moves nothing, real steps do; its state in JSON; what attacks get from it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from deepdojo.competition.ladder import Ladder
from deepdojo.errors import ScoreError

N = 400


def offered(ladder, name, terms, **options):
    terms = np.asarray(terms, dtype=float)
    return ladder.offer(name, float(terms.mean()), terms - terms.mean(), **options)


def right(count, n=N):
    return (np.arange(n) < count).astype(float)


def test_the_first_entry_is_shown_as_it_is():
    ladder = Ladder(N, higher_is_better=True)
    assert (ladder.shown, ladder.submission) == (None, None)
    ladder, offer = offered(ladder, "one", right(123))
    assert ladder.shown == 123 / N
    assert offer.moved
    assert offer.gain is None


def test_steps_move_by_the_stated_amount_and_not_at_it():
    """0.25/√400 = 5 rows of 400: five rows more are not enough, six are where 2 s allows it."""
    ladder, _ = offered(Ladder(N, higher_is_better=True), "one", right(200))
    for more in (1, 5):
        ladder, offer = offered(ladder, f"{more} more", right(200 + more))
        s = np.std(right(200 + more) - right(200), ddof=1)
        assert not offer.moved
        assert offer.gain == pytest.approx(more / N)
        assert offer.needed == pytest.approx(max(2 * s, 0.25) / 20)
        assert ladder.shown == 0.5
    ladder, offer = offered(ladder, "six more", right(206))
    assert offer.moved
    assert ladder.shown == pytest.approx(206 / N)
    assert [step.submission for step in ladder.steps] == ["one", "six more"]
    assert (ladder.since, ladder.offered) == ((), 4)


def test_one_right_flip_never_passes():
    """With n in the denominator of s, a gain of 1/n would exceed s/√n."""
    n = 10
    ladder, _ = offered(Ladder(n, higher_is_better=True), "one", right(5, n))
    assert not offered(ladder, "two", right(6, n))[1].moved


def test_losses_go_down():
    rng = np.random.default_rng(0)
    losses = rng.exponential(size=N)
    ladder, _ = offered(Ladder(N, higher_is_better=False), "one", losses)
    assert not offered(ladder, "worse", losses * 1.5)[1].moved
    ladder, offer = offered(ladder, "better", losses * 0.5)
    assert offer.moved
    assert offer.gain == pytest.approx(losses.mean() / 2, rel=1e-5)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_the_metrics_unit_does_not_matter(unit):
    rng = np.random.default_rng(0)
    losses = rng.normal(3, 1, size=N)
    near = losses - 0.02 + 0.001 * rng.normal(size=N)  # surely better, and by less than half a deviation / √n
    ladder, _ = offered(Ladder(N, higher_is_better=False), "one", losses * unit)
    assert not offered(ladder, "near", near * unit)[1].moved
    assert offered(ladder, "far", (near - 0.05) * unit)[1].moved


def test_groups_count_as_wholes():
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(20), 20)
    base, noise = rng.normal(size=N), rng.normal(size=20)[groups]
    better = base + 0.25 + noise
    ladder, _ = offered(Ladder(N, higher_is_better=True), "one", base)
    alone, together = (offered(ladder, "two", better, groups=g)[1] for g in (None, groups))
    assert together.needed > 3 * alone.needed
    assert together.gain == pytest.approx(alone.gain)
    one = offered(ladder, "two", base + 9, groups=np.zeros(N, dtype=int))[1]
    assert not one.moved


def test_state_survives_json_and_bytes():
    ladder = Ladder(N, higher_is_better=True)
    assert Ladder.from_json(json.dumps(ladder.as_json()), ladder.vector()) == ladder
    for i, count in enumerate((100, 103, 150, 151)):
        ladder, _ = offered(ladder, str(i), right(count))
    again = Ladder.from_json(json.dumps(ladder.as_json()), ladder.vector())
    assert again == ladder
    assert np.array_equal(again.held, ladder.held)
    assert len(ladder.vector()) == 4 * N
    assert [offer.submission for offer in again.since] == ["3"]
    assert offered(again, "4", right(200)) == offered(ladder, "4", right(200))


def test_broken_states_are_refused():
    ladder, _ = offered(Ladder(N, higher_is_better=True), "one", right(100))
    state, vector = ladder.as_json(), ladder.vector()
    for bad, bytes_ in (
        (state, vector[:-4]),
        (state, b""),
        (state, vector[:-1]),
        (state | {"shown": 0.9}, vector),
        (state | {"steps": [], "shown": None}, vector),
        (state | {"offered": 0}, vector),
        ({"n": 3}, vector),
        ("{", vector),
        (state, b"\xff" * len(vector)),
    ):
        with pytest.raises(ScoreError, match="a ladder's state"):
            Ladder.from_json(bad, bytes_)


def test_bad_entries_are_refused():
    ladder = Ladder(N, higher_is_better=True)
    with pytest.raises(ScoreError, match="3 rows does not fit 400 public ones"):
        ladder.offer("a", 0.5, np.zeros(3))
    for value in (np.nan, np.inf, 1e300):
        with pytest.raises(ScoreError, match="not finite"):
            ladder.offer("a", value, np.zeros(N))


def test_climbing_by_chance_gets_little():
    """Flip 16 rows and keep what helps, 300 times on 3,000 rows: a plain board shows +0.06."""
    rng = np.random.default_rng(0)
    labels, held = rng.integers(0, 2, size=(2, 3000))
    ladder, _ = offered(Ladder(3000, higher_is_better=True), "first", held == labels)
    first = ladder.shown
    for turn in range(300):
        tried = held.copy()
        rows = rng.choice(3000, 16, replace=False)
        tried[rows] = 1 - tried[rows]
        ladder, offer = offered(ladder, str(turn), tried == labels)
        held = tried if offer.moved else held
    assert ladder.shown - first < 0.02
