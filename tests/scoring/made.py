"""Made answers and predictions for the tests of scoring."""

from __future__ import annotations

import numpy as np

from deepdojo.contracts import CONTRACTS
from deepdojo.data.codecs.hidden_words import hidden_spans
from deepdojo.scoring.metrics import METRICS

CLASSIFICATION = CONTRACTS["text-classification"]
REGRESSION = CONTRACTS["tabular-regression"]


def classified(rng: np.random.Generator, n: int, classes: int, *, said: int | None = None, ties: bool = False):
    """(truth, labels, distributions, matrix, all labels) of n random rows; `said`: how many classes are predicted."""
    names = [f"class {i:03d}" for i in range(classes)]
    truth = rng.integers(classes, size=n)
    p = rng.dirichlet(np.full(classes, 0.7), size=n)
    p[np.arange(n), truth] += rng.random(n)
    if ties:
        p = np.round(p * 4) / 4 + 0.25
    if said is not None:
        p[:, said:] = 0
        p[:, 0] += 1e-3
    p /= p.sum(axis=1, keepdims=True)
    labels = [names[i] for i in p.argmax(axis=1)]
    cells = [dict(zip(names, map(float, row), strict=True)) for row in p]
    return [names[i] for i in truth], labels, cells, p, names


def made_cells(name: str, rng: np.random.Generator, n: int, classes: int = 3):
    """(truth, predicted) of n random rows, of the kinds that the metric compares."""
    if METRICS[name].truth == "number":
        y = rng.normal(size=n)
        return list(y), list(y + rng.normal(size=n))
    if METRICS[name].predicted == "record":  # hidden words of a text: what they cost, and how many were guessed
        texts = ["words of \u6587\n" * int(count) for count in rng.integers(1, 9, size=n)]
        most = [len(hidden_spans(text)) for text in texts]
        return texts, [{"nats": float(rng.exponential()), "right": int(rng.integers(0, top + 1))} for top in most]
    if METRICS[name].truth == "text":
        texts = ["words of \u6587\n" * int(count) for count in rng.integers(1, 9, size=n)]
        return texts, [float(nats) for nats in rng.exponential(size=n)]
    truth, labels, cells, _, _ = classified(rng, n, classes)
    return truth, labels if METRICS[name].predicted == "label" else cells
