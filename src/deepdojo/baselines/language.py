"""Floors of language models: what text costs that is predicted from counts alone.

Legend: N positions in all texts laid end to end, V symbols, G different n-grams.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from deepdojo.baselines.problem import Problem, Row
from deepdojo.data.codecs.symbols import Symbols

__all__ = ["five_gram", "ngram_nats", "uniform", "unigram", "witten_bell"]

ORDER = 5
MOST_CHARS = 30_000_000
"""Of more training text the end is counted, which is nearest to what is held out: the counts take 100 bytes a place."""
BY_WORDS = "word_perplexity"


def uniform(problem: Problem) -> tuple[np.ndarray, str]:
    """Every symbol of the training text, and one for all others, is equally likely: (n,) nats."""
    symbols = _symbols(problem)
    nats = np.array([len(symbols.encode(text)) * math.log(len(symbols)) for text in problem.cells(problem.test)])
    about = f"each of {len(symbols) - 1:,} {symbols.units} and an unknown one with the same probability"
    return nats + _unknown(symbols, problem.test), about


def unigram(problem: Problem) -> tuple[np.ndarray, str]:
    """How often each symbol is in the training text: (n,) nats."""
    return _counted(problem, 1, "frequencies of {n:,} {units} in the training text")


def five_gram(problem: Problem) -> tuple[np.ndarray, str]:
    """Interpolated Witten-Bell estimates from the four symbols before each: (n,) nats."""
    return _counted(
        problem, ORDER, "counts of up to five {units} in a row, {n:,} different ones, Witten-Bell smoothing"
    )


def _counted(problem: Problem, order: int, about: str) -> tuple[np.ndarray, str]:
    symbols, counted = _symbols(problem), _last(problem.train)
    nats = ngram_nats(symbols, counted, problem.test, order)
    said = about.format(n=len(symbols) - 1, units=symbols.units)
    if len(counted) < len(problem.train):
        said += f", of the last {MOST_CHARS / 1e6:g} M characters"
    return nats + _unknown(symbols, problem.test), said


def _last(rows: Sequence[Row]) -> Sequence[Row]:
    """The last rows that hold at most MOST_CHARS characters, one at least."""
    left, first = MOST_CHARS, len(rows)
    while first > 0 and (left := left - len(rows[first - 1]["text"])) >= 0:
        first -= 1
    return rows[min(first, len(rows) - 1) :]


def _symbols(problem: Problem) -> Symbols:
    """Words where the metric counts words, else characters."""
    units = "words" if problem.metric == BY_WORDS else "characters"
    return Symbols.fit(problem.cells(problem.train), units=units)


def _unknown(symbols: Symbols, rows: Sequence[Row]) -> np.ndarray:
    return np.array([symbols.unknown_nats(row["text"]).sum() for row in rows])


def ngram_nats(symbols: Symbols, train: Sequence[Row], test: Sequence[Row], order: int) -> np.ndarray:
    """-ln p of each test row by n-grams of the training rows, with the text before it as its first contexts.

    p_h(w | c) = (count(c w) + T(c) p_{h-1}(w | c')) / (count(c) + T(c)) for contexts c of h = 0 .. order - 1 symbols,
    T(c) how many different symbols follow c, c' the context without its first symbol, p_{-1} = 1 / V.

    Args:
        order: symbols of the longest n-gram.

    Returns:
        (n,) float64.

    Source: Witten and Bell 1991, "The Zero-Frequency Problem", method C; interpolated as in Chen and Goodman 1998.
    Cost: a sort of all positions for each order.
    """
    rows = [*train, *test]
    ids, own, row_of = _laid_out(symbols, rows, order - 1)
    learn = own & (row_of < len(train))
    asked = own & (row_of >= len(train))
    p = np.full(len(ids), 1.0 / len(symbols))
    context = np.zeros(len(ids), dtype=np.int64)
    for _ in range(order):
        _, gram = np.unique(context * (len(symbols) + 1) + ids, return_inverse=True)
        p = witten_bell(context, gram, learn, p)
        context = np.concatenate([[gram.max() + 1], gram[:-1]])  # what ends before a position is its next context
    nats = np.bincount(row_of[asked], weights=-np.log(p[asked]), minlength=len(rows))
    return nats[len(train) :]


def witten_bell(context: np.ndarray, gram: np.ndarray, learn: np.ndarray, shorter: np.ndarray) -> np.ndarray:
    """(N,) probabilities at one order, from those at the order below."""
    count = np.bincount(gram[learn], minlength=int(gram.max()) + 1)
    first = np.zeros(len(count), dtype=np.int64)  # the context of each n-gram
    first[gram] = context
    size = int(context.max()) + 1
    total = np.bincount(context[learn], minlength=size)
    kinds = np.bincount(first[count > 0], minlength=size)
    seen = total[context] > 0
    mixed = (count[gram] + kinds[context] * shorter) / np.maximum(total[context] + kinds[context], 1)
    return np.where(seen, mixed, shorter)


def _laid_out(symbols: Symbols, rows: Sequence[Row], before: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(ids (N,), whether a position is a row's own, the row of each): rows end to end, each after the last `before`
    symbols of its context; where there are fewer, a sign of its own (V) stands there."""
    ids, own, row_of = [], [], []
    for k, row in enumerate(rows):
        text = symbols.encode(row["text"])
        context = symbols.encode(row.get("context") or "")[-before:] if before else text[:0]
        edge = np.full(before - len(context), len(symbols), dtype=np.int64)
        ids.append(np.concatenate([edge, context, text]))
        own.append(np.arange(len(ids[-1])) >= before)
        row_of.append(np.full(len(ids[-1]), k))
    return np.concatenate(ids), np.concatenate(own), np.concatenate(row_of)
