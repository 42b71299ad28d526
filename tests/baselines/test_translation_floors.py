"""Floors that write a text: the model 1 table against a plain one, what is copied, odd texts."""

from __future__ import annotations

import numpy as np
import pytest

from deepdojo.baselines import run_floors
from deepdojo.baselines.translation import _likeliest

PAIRS = [
    ("das Haus", "the house"), ("das Buch", "the book"), ("ein Buch", "a book"), ("ein Haus", "a house"),
    ("das rote Haus", "the red house"), ("das rote Buch", "the red book"),
]  # fmt: skip


def rows(pairs=PAIRS):
    return [{"id": str(i), "source": a, "target": b} for i, (a, b) in enumerate(pairs)]


def answers(name, test, train=None, metric="bleu"):
    asked = [{"id": str(i), "source": text} for i, text in enumerate(test)]
    found = next(run_floors("translation", train or rows(), asked, floors=[name], metric=metric))
    return [row["target"] for row in found.predictions]


def plain_model_1(pairs, rounds=5):
    """Brown et al. 1993, word pair by word pair."""
    t = {(s, w): 1.0 for a, b in pairs for s in ["", *a] for w in b}
    for _ in range(rounds):
        counts = dict.fromkeys(t, 0.0)
        for a, b in pairs:
            for w in b:
                total = sum(t[s, w] for s in ["", *a])
                for s in ["", *a]:
                    counts[s, w] += t[s, w] / total
        sums = {s: sum(c for (x, _), c in counts.items() if x == s) for s in {s for s, _ in t}}
        t = {key: count / sums[key[0]] for key, count in counts.items()}
    return t


def test_model_1_is_that_of_the_paper():
    rng = np.random.default_rng(0)
    pairs = [
        (rng.choice(list("abcdef"), 4).tolist(), rng.choice(list("uvwxyz"), int(rng.integers(1, 6))).tolist())
        for _ in range(30)
    ]
    t, best = plain_model_1(pairs), _likeliest(pairs)
    for word in "abcdef":
        assert t[word, best[word]] == pytest.approx(max(p for (s, _), p in t.items() if s == word), rel=1e-9)


def test_word_by_word_keeps_order_signs_and_unknown_words():
    assert answers("word_by_word", ["ein rote Haus, Berlin!"]) == ["a red house, Berlin!"]


def test_nearest_and_copied():
    assert answers("nearest", ["rote Haus", "nichts davon"]) == ["the red house", "the house"]
    assert answers("copied", ["ein Haus \n", ""]) == ["ein Haus \n", ""]


@pytest.mark.parametrize("name", ["copied", "nearest", "word_by_word"])
def test_odd_texts_get_an_answer(name):
    odd = ["", "🐕 人口普查 עברית", "x" * 10**6, "ha " * 300_000, "\ud800"]
    assert len(answers(name, odd)) == len(odd)


def test_texts_without_words_leave_two_out():
    told: list[str] = []
    blank = rows([("\u200b", "\u200b"), ("\u200b ", "\u200b")])
    assert len(list(run_floors("translation", blank, blank, left_out=told.append))) >= 1
    assert all("no words" in sentence for sentence in told)
