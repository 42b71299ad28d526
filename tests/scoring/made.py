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


def labelled(rng: np.random.Generator, n: int, labels: int, *, ties: bool = False):
    """{kind: (truth, predicted)} of n random rows with none, one or several labels; the first row has them all."""
    names = [f"label {i:03d}" for i in range(labels)]
    hot = rng.random((n, labels)) < 0.4
    hot[0] = True
    p = np.clip(0.3 * rng.random((n, labels)) + 0.5 * hot + 0.2 * rng.random((n, labels)), 0, 1)
    p = np.round(p * 4) / 4 if ties else p
    truth = [[name for name, yes in zip(names, row, strict=True) if yes] for row in hot]
    said = [[name for name, q in zip(names, row, strict=True) if q >= 0.45] for row in p]
    return {"labels": (truth, said), "marginals": (truth, [dict(zip(names, map(float, r), strict=True)) for r in p])}


def made_texts(rng: np.random.Generator, n: int):
    """(references, answers): sentences whose first five words are right and the others mostly."""
    words = ["a", "man", "in", "the", "red", "hat", "sees", "dogs", "Hüte", "人"]
    truth = [rng.choice(words, int(rng.integers(6, 12))).tolist() for _ in range(n)]
    said = [[*row[:5], *(word if rng.random() < 0.6 else "cat" for word in row[5:])] for row in truth]
    return [" ".join(row) + "." for row in truth], [" ".join(row) + "." for row in said]


def made_cells(name: str, rng: np.random.Generator, n: int, classes: int = 3):
    """(truth, predicted) of n random rows, of the kinds that the metric compares."""
    if METRICS[name].truth == "number":
        y = rng.normal(size=n)
        return list(y), list(y + rng.normal(size=n))
    if METRICS[name].truth == "vector":
        return forecast_cells(name, rng, n)
    if METRICS[name].truth == "texts":
        some = ["the red cat", "a cat", "red dogs", "Cat!", "dogs of the north", ""]
        truth = [[some[i] for i in rng.integers(0, 5, size=rng.integers(1, 4))] for _ in range(n)]
        return truth, [some[i] for i in rng.integers(0, 6, size=n)]
    if METRICS[name].truth == "labels":
        return labelled(rng, n, classes)[METRICS[name].predicted]
    if METRICS[name].predicted == "record":  # hidden words of a text: what they cost, and how many were guessed
        texts = ["words of \u6587\n" * int(count) for count in rng.integers(1, 9, size=n)]
        most = [len(hidden_spans(text)) for text in texts]
        return texts, [{"nats": float(rng.exponential()), "right": int(rng.integers(0, top + 1))} for top in most]
    if METRICS[name].predicted == "text":
        return made_texts(rng, n)
    if METRICS[name].truth == "text":
        texts = ["words of \u6587\n" * int(count) for count in rng.integers(1, 9, size=n)]
        return texts, [float(nats) for nats in rng.exponential(size=n)]
    if METRICS[name].truth == "tokens":
        tags = [f"{letter}-{kind}" for letter in "BI" for kind in range(classes)] + ["O"]
        lengths = rng.integers(1, 9, size=n)
        truth = [[str(tag) for tag in rng.choice(tags, size)] for size in lengths]
        kept = [
            [t if keep else str(rng.choice(tags)) for t, keep in zip(row, rng.random(len(row)) < 0.6, strict=True)]
            for row in truth
        ]
        return truth, kept
    if METRICS[name].predicted == "number":  # pairs
        same = rng.random(n) < 0.5
        return ["same" if yes else "different" for yes in same], [
            float(v) for v in np.round(rng.normal(size=n) + same, 2)
        ]
    truth, labels, cells, _, _ = classified(rng, n, classes)
    return truth, labels if METRICS[name].predicted == "label" else cells


def forecast_cells(name: str, rng: np.random.Generator, n: int, steps: int = 3, rows: int = 9):
    """(truth, predicted) of n random forecasts; the truth with its scale where the metric asks for it."""
    y = [rng.normal(size=steps) for _ in range(n)]
    truth = y if METRICS[name].beside is None else [(values, float(rng.exponential() + 0.1)) for values in y]
    if METRICS[name].predicted == "vector":
        return truth, [values + rng.normal(size=steps) for values in y]
    return truth, [np.sort(rng.normal(size=(rows, steps)), axis=0) for _ in range(n)]
