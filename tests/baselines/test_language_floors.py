"""Floors of language models: against dictionaries of counts, and the published figures on Tiny Shakespeare."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest

from deepdojo.baselines import floors_for
from deepdojo.baselines.language import five_gram, ngram_nats, uniform, unigram
from deepdojo.baselines.problem import Problem
from deepdojo.baselines.run import run_floors
from deepdojo.data.codecs.symbols import Symbols

TRAIN = [
    {"id": "1", "text": "the cat sat on the mat.\n", "context": ""},
    {"id": "2", "text": "the dog sat on the log.\n", "context": "the cat sat on the mat.\n"},
    {"id": "3", "text": "that is that.\n", "context": ""},
]
TEST = [
    {"id": "a", "text": "the cat on the log sat", "context": "that is that.\n"},
    {"id": "b", "text": "zap!", "context": ""},
]


def by_dictionaries(order):
    """Witten-Bell, one character after the other, straight from the formula; a text begins with a sign of its own."""
    count, before = defaultdict(lambda: defaultdict(int)), order - 1

    def laid_out(row):
        return ("^" * before + row["context"])[len(row["context"]) :] + row["text"]

    for row in TRAIN:
        whole = laid_out(row)
        for i in range(before, len(whole)):
            for h in range(order):
                count[whole[i - h : i]][whole[i]] += 1
    known = {sign for row in TRAIN for sign in row["text"]}

    def p(context, sign):
        shorter = p(context[1:], sign) if context else 1 / (len(known) + 1)
        seen = count.get(context, {})
        if not seen:
            return shorter
        return (seen.get(sign, 0) + len(seen) * shorter) / (sum(seen.values()) + len(seen))

    found = []
    for row in TEST:
        whole, nats = laid_out(row), 0.0
        for i in range(before, len(whole)):
            nats -= math.log(p(whole[i - before : i], whole[i]))
            nats += 0 if whole[i] in known else math.log(0x110000 - len(known))
        found.append(nats)
    return found


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_ngrams_against_dictionaries(order):
    symbols = Symbols.fit(row["text"] for row in TRAIN)
    unknown = [symbols.unknown_nats(row["text"]).sum() for row in TEST]
    np.testing.assert_allclose(ngram_nats(symbols, TRAIN, TEST, order) + unknown, by_dictionaries(order), rtol=1e-12)


def test_the_floors_of_the_task():
    problem = Problem("language-modelling", TRAIN, TEST)
    np.testing.assert_allclose(unigram(problem)[0], by_dictionaries(1), rtol=1e-12)
    np.testing.assert_allclose(five_gram(problem)[0], by_dictionaries(5), rtol=1e-12)
    known = len({sign for row in TRAIN for sign in row["text"]})
    assert uniform(problem)[0][0] == pytest.approx(22 * math.log(known + 1))
    assert floors_for("language-modelling") == ["uniform", "unigram", "five_gram"]
    rows = [dict(r.predictions[0]) for r in run_floors("language-modelling", TRAIN, TEST)]
    assert [set(row) for row in rows] == [{"id", "nll_nats"}] * 3
    assert rows[0]["nll_nats"] > rows[1]["nll_nats"] > rows[2]["nll_nats"]


def test_of_much_text_the_end_is_counted(monkeypatch):
    from deepdojo.baselines import language

    monkeypatch.setattr(language, "MOST_CHARS", 40)
    nats, about = unigram(Problem("language-modelling", TRAIN, TEST))
    symbols = Symbols.fit(row["text"] for row in TRAIN)
    expected = ngram_nats(symbols, TRAIN[1:], TEST, 1) + [symbols.unknown_nats(row["text"]).sum() for row in TEST]
    np.testing.assert_allclose(nats, expected)
    assert about.endswith("of the last 4e-05 M characters")


def test_words_where_the_metric_counts_words():
    by_words, about = unigram(Problem("language-modelling", TRAIN, TEST, metric="word_perplexity"))
    assert "words" in about
    counts = defaultdict(int)
    for row in TRAIN:
        for word in row["text"].replace("\n", " \n ").split(" "):
            counts[word] += word != ""
    total, kinds = sum(counts.values()), sum(c > 0 for c in counts.values())
    p = lambda word: (counts[word] + kinds / (kinds + 1)) / (total + kinds)  # noqa: E731
    spelled = {"log": 4 * math.log(256)}  # in training it stands before a full stop only
    assert by_words[0] == pytest.approx(sum(spelled.get(w, 0.0) - math.log(p(w)) for w in TEST[0]["text"].split()))


def test_shakespeare_by_the_published_counts(monkeypatch):
    """n = 1 / 2 / 3 / 5 on the first 90 % and the last tenth, as measured by another implementation."""
    monkeypatch.delenv("DEEPDOJO_DATA", raising=False)
    from deepdojo.data.dataset import load_dataset
    from deepdojo.data.project import find_project

    data = load_dataset(find_project("shakespeare"), offline=True)
    train, test = [*data.rows("validation"), *data.rows("train")], data.rows("test")
    symbols, n = Symbols.fit(row["text"] for row in train), sum(len(row["text"]) for row in test)
    found = {order: float(ngram_nats(symbols, train, test, order).sum() / n) for order in (1, 2, 5)}
    assert found == pytest.approx({1: 3.347, 2: 2.486, 5: 1.669}, abs=5e-4)
