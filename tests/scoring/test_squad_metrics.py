"""SQuAD's F1 and exact match against the formula of the official script (version 1.1), written here by itself."""

from __future__ import annotations

import collections
import re
import string

import numpy as np
import pytest

from deepdojo.scoring.metrics import METRICS


def official(truth, said):
    """(exact match, F1) of one question."""

    def normal(text):
        text = "".join(sign for sign in text.lower() if sign not in set(string.punctuation))
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())

    def f1(answer):
        right, words = normal(answer).split(), normal(said).split()
        same = sum((collections.Counter(words) & collections.Counter(right)).values())
        if same == 0:
            return 0.0
        precision, recall = same / len(words), same / len(right)
        return 2 * precision * recall / (precision + recall)

    return max(float(normal(a) == normal(said)) for a in truth), max(f1(a) for a in truth)


WORDS = [
    "the",
    "a",
    "An",
    "cat",
    "Cat's",
    "24–10",
    "$1,000",
    "U.S.",
    "Zürich",
    "中文",
    "😀",
    "é",
    "İ",
    "",
    "—",
    "the-cat",
]


def tables(seed):
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, rng.integers(0, 6))) for _ in range(400)]
    truth = [[texts[i] for i in rng.integers(0, 400, rng.integers(1, 5))] for _ in range(300)]
    return truth, [texts[i] for i in rng.integers(0, 400, 300)]


@pytest.mark.parametrize("seed", range(5))
def test_both_equal_the_official_formula_on_random_tables(seed):
    truth, said = tables(seed)
    wanted = np.array([official(t, s) for t, s in zip(truth, said, strict=True)])
    for name, column in (("exact_match", 0), ("squad_f1", 1)):
        measured = METRICS[name](truth, said)
        assert measured.value() == pytest.approx(wanted[:, column].mean(), abs=1e-12)
        assert measured.losses == pytest.approx(1 - wanted[:, column], abs=1e-12)
        weights = np.random.default_rng(seed).random((3, len(truth)))
        assert measured.value_at(weights) == pytest.approx(weights @ wanted[:, column] / weights.sum(1), abs=1e-12)


@pytest.mark.parametrize(
    ("truth", "said", "exact", "f1"),
    [
        (["the cat"], "", 0.0, 0.0),
        (["the"], "a", 1.0, 0.0),  # articles alone: equal texts of no words, which share none
        (["the"], "", 1.0, 0.0),
        (["!!!"], "the", 1.0, 0.0),
        (["Denver Broncos", "The Broncos"], "broncos.", 1.0, 1.0),
        (["cat cat dog"], "cat dog dog", 0.0, 2 / 3),
        (["ÉCOLE"], "école", 1.0, 1.0),
        (["“cat”"], "cat", 0.0, 0.0),  # punctuation is ASCII's, as in the official script
    ],
)
def test_degenerate_answers(truth, said, exact, f1):
    assert official(truth, said) == pytest.approx((exact, f1))
    assert METRICS["exact_match"]([truth], [said]).value() == exact
    assert METRICS["squad_f1"]([truth], [said]).value() == pytest.approx(f1, abs=1e-12)
