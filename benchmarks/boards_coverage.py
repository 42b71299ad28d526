"""How often an interval holds the value of the whole population. Part of benchmarks/boards.py."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from deepdojo.scoring.formulas import normal_cdf
from deepdojo.scoring.measured import Measured
from deepdojo.scoring.metrics import METRICS

__all__ = ["coverage", "sample"]

_WORDS = np.array([f"w{i}" for i in range(60)])


def sample(metric: str, rng: np.random.Generator, n: int) -> Measured:
    if metric in ("rmse", "rmse, normal errors"):  # Student's t of 6: errors² have no third moment
        truth = rng.normal(size=n)
        errors = rng.standard_t(6, size=n) if metric == "rmse" else rng.normal(size=n)
        return METRICS["rmse"](list(truth), list(truth + errors))
    if metric == "bleu":
        return METRICS[metric](*_sentences(rng, n))
    if metric == "roc_auc":
        label = rng.random(n) < 0.3
        score = 1 / (1 + np.exp(-rng.normal(size=n) - 1.5 * label))
        cells = [{"yes": float(s), "no": 1 - float(s)} for s in score]
        return METRICS[metric](["yes" if x else "no" for x in label], cells)
    truth = rng.choice(3, size=n, p=(0.6, 0.3, 0.1))
    said = np.where(rng.random(n) < 0.8, truth, rng.integers(3, size=n))
    names = np.array(["a", "b", "c"])
    return METRICS[metric](list(names[truth]), list(names[said]))


def _sentences(rng: np.random.Generator, n: int) -> tuple[list[str], list[str]]:
    """References of 5 to 20 words, and copies in which a share of the words, its own for each row, was replaced."""
    said, told = [], []
    for length, noise in zip(rng.integers(5, 21, size=n), rng.beta(2, 4, size=n), strict=True):
        words = rng.integers(60, size=length)
        made = np.where(rng.random(length) < noise, rng.integers(60, size=length), words)
        told.append(" ".join(_WORDS[words]))
        said.append(" ".join(_WORDS[made]))
    return told, said


def _population(metric: str) -> float:
    """What a sample of endless rows would give."""
    if metric == "bleu":
        return sample(metric, np.random.default_rng(77), 300_000).value()
    if metric == "roc_auc":
        return normal_cdf(1.5 / 2**0.5)
    if metric.startswith("rmse"):
        return 1.5**0.5 if metric == "rmse" else 1.0
    shares = np.array([0.6, 0.3, 0.1])
    table = np.diag(0.8 * shares) + 0.2 * shares[:, None] / 3
    right = np.diag(table)
    return float(right.sum() if metric == "accuracy" else (2 * right / (table.sum(0) + table.sum(1))).mean())


_COVERED = ("accuracy", "macro_f1", "roc_auc", "rmse, normal errors", "rmse", "bleu")


def coverage(scale: float, metrics: Sequence[str] = _COVERED) -> list[str]:
    lines = [
        "## Coverage of 95 % intervals\n\nHow often the interval of n rows holds the value of the population that they "
        "come from (computed; of BLEU that of 300,000 sentences). Goal: 93 to 97 %. Bootstrap draws: 1,000, "
        "none (the normal interval) at 10,000.\n",
        "| metric | n = 200 | n = 2,000 | n = 10,000 | milliseconds an interval, n = 10,000 |\n|---|---|---|---|---|",
    ]
    for metric in metrics:
        true = _population(metric)
        cells = []
        for n, repeats in ((200, 1500), (2000, 800), (10_000, 800)):
            share = scale / 4 if metric == "bleu" else scale
            repeats, hits, spent = max(20, int(repeats * share)), 0, 0.0
            for seed in range(repeats):
                measured = sample(metric, np.random.default_rng([n, seed]), n)
                began = time.process_time()
                low, high = measured.interval()
                measured.influence()
                spent += time.process_time() - began
                hits += low <= true <= high
            cells.append(f"{hits / repeats:.1%} (± {(hits / repeats * (1 - hits / repeats) / repeats) ** 0.5:.1%})")
        name = "rmse, heavy-tailed errors (t, 6)" if metric == "rmse" else metric
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {1000 * spent / repeats:.1f} |")
    return [*lines, ""]
