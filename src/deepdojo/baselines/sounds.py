"""Sounds as a few numbers each: means and spreads of cepstra over eight parts, and what can be learned from those."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from deepdojo.baselines.problem import Problem, Row, Unfit
from deepdojo.data.codecs.log_mel import LogMel
from deepdojo.data.spectra import cepstra
from deepdojo.data.spectra_warps import trimmed
from deepdojo.errors import DataError

__all__ = ["CEPSTRA", "PARTS", "commonest_text", "numbers_of", "signal_numbers", "similar_text", "support_vectors"]

PARTS, CEPSTRA = 8, 13
RATE, TRIM_DB = 8_000, 33.0
MOST_ROWS = 6_000
SETTINGS = (1.0, 10.0)


def numbers_of(cell: Any) -> np.ndarray:
    """(208,) float32: mean and spread of 13 mel-frequency cepstra in each of eight equal parts of a sound, its silent
    ends cut off; zeros where it cannot be read.

    At 8 kHz, so that all rates are alike. Source: Davis & Mermelstein 1980 (the cepstra).
    """
    codec = LogMel.of(RATE)
    try:
        mel = codec.encode(cell)
    except DataError:
        return np.zeros(2 * PARTS * CEPSTRA, dtype=np.float32)
    return _of_parts(cepstra(trimmed(mel, TRIM_DB)[0], CEPSTRA))


def signal_numbers(signal: Any) -> np.ndarray:
    """The same of a signal (channels, T) as it is."""
    return _of_parts(np.asarray(signal, dtype=np.float64).T)


def _of_parts(frames: np.ndarray) -> np.ndarray:
    places = np.linspace(0, len(frames), PARTS + 1)
    found = []
    for k in range(PARTS):
        start = min(int(places[k]), len(frames) - 1)
        part = frames[start : max(start + 1, int(np.ceil(places[k + 1])))]
        found += [part.mean(axis=0), part.std(axis=0)]
    return np.concatenate(found).astype(np.float32)


def support_vectors(problem: Problem) -> tuple[np.ndarray, str]:
    """A support vector machine with Gaussian kernels on these numbers, standardised: (n, K).

    C from 1 and 10 on validation rows, else 10. Probabilities are the softmax of its decision values: the order is the
    machine's own, how sure it is, is not learned.

    Source: Boser, Guyon, Vapnik 1992, "A training algorithm for optimal margin classifiers".
    """
    from sklearn.svm import SVC

    K = len(problem.classes)
    if K < 2:
        raise Unfit("there is one class alone")
    raw, y = _drawn(problem)
    mean, std = raw.mean(axis=0), raw.std(axis=0)
    std = np.where(std > 0, std, 1.0)

    def of(rows: Iterable[Row]) -> np.ndarray:
        return (_numbers(problem, rows) - mean) / std

    def fit(c: float) -> Any:
        return SVC(C=c, decision_function_shape="ovr", random_state=problem.seed).fit((raw - mean) / std, y)

    def probabilities(model: Any, rows: np.ndarray) -> np.ndarray:
        scores = np.zeros((len(rows), K)) if len(rows) else np.zeros((0, K))
        if len(rows):
            values = model.decision_function(rows)
            scores[:, model.classes_] = np.stack([-values, values], 1) if values.ndim == 1 else values
            absent = np.setdiff1d(np.arange(K), model.classes_)
            scores[:, absent] = scores.min() - 10.0
        e = np.exp(scores - scores.max(axis=1, keepdims=True)) if len(rows) else scores
        return e / e.sum(axis=1, keepdims=True) if len(rows) else e

    best, setting, how = fit(SETTINGS[-1]), SETTINGS[-1], ""
    if problem.can_choose:
        held = of(problem.validation)
        models = {SETTINGS[-1]: best, **{c: fit(c) for c in SETTINGS[:-1]}}
        setting = min(sorted(models), key=lambda c: problem.loss(probabilities(models[c], held)))
        best, how = models[setting], " chosen on validation rows"
    about = f"support vectors on {raw.shape[1]} means and spreads of cepstra of {len(raw):,} rows, C = {setting:g}{how}"
    return probabilities(best, of(problem.test)), about


def commonest_text(problem: Problem) -> tuple[dict[str, list[str]], str]:
    """The text that most training rows have, of equally common ones the first by letters, for every row."""
    texts = [str(row[problem.contract.target]) for row in problem.train]
    counts: dict[str, int] = {}
    for text in texts:
        counts[text] = counts.get(text, 0) + 1
    best = min(counts, key=lambda text: (-counts[text], text))
    about = f"always {best!r}, which {counts[best]:,} of {len(texts):,} training rows say"
    return {problem.contract.answer: [best] * len(problem.test)}, about


def similar_text(problem: Problem) -> tuple[dict[str, list[str]], str]:
    """The text of the training row whose numbers, standardised, are nearest (Euclid)."""
    raw = _numbers(problem, problem.train)
    mean, std = raw.mean(axis=0), raw.std(axis=0)
    std = np.where(std > 0, std, 1.0)
    x, texts = (raw - mean) / std, [str(row[problem.contract.target]) for row in problem.train]
    found = []
    for row in problem.test:
        z = (_numbers(problem, [row]) - mean) / std
        found.append(texts[int(((x - z) ** 2).sum(axis=1).argmin())])
    return {problem.contract.answer: found}, f"the text of the most similar of {len(x):,} training rows"


def _drawn(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and targets of the training rows, of very many a seeded sample."""
    n = len(problem.train)
    at = np.arange(n)
    if n > MOST_ROWS:
        at = np.sort(np.random.default_rng(problem.seed).permutation(n)[:MOST_ROWS])
    return _numbers(problem, (problem.train[int(i)] for i in at)), problem.target[at]


def _numbers(problem: Problem, rows: Iterable[Row]) -> np.ndarray:
    """(n, D) of rows whose sound is reduced already (`job.write_job`), or is the sound itself."""
    name, kind = problem.contract.input, problem.contract.input_kind
    found = []
    for row in rows:
        cell = row[name]
        if kind == "matrix":
            found.append(signal_numbers(cell))
        else:
            found.append(cell if isinstance(cell, np.ndarray) else numbers_of(cell))
    if len({len(values) for values in found}) > 1:
        raise Unfit("the signals have different numbers of channels")
    return np.stack(found) if found else np.zeros((0, 2 * PARTS * CEPSTRA))
