"""Floors that write a text: the source itself, the answer to the nearest training source, one word for each word.

Legend: N pairs of a source and a target word of one row, all rows end to end; P different pairs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from deepdojo.baselines.problem import Problem, Unfit
from deepdojo.columns import Texts

__all__ = ["copied", "nearest", "nearest_rows", "word_by_word"]

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+(?:['’-][^\W{_CJK}]+)*|[^\w\s]")
_BEFORE_SIGN = re.compile(r"\s+([.,!?;:%)\]}»”])")
_BETWEEN_SIGNS = re.compile(rf"(?<=[{_CJK}。，！？、；：])\s+(?=[{_CJK}。，！？、；：])")
ROUNDS = 5
MOST_PAIRS = 20_000_000
"""Of more training text than has so many pairs of words the beginning is counted: a pair takes 50 bytes."""
MOST_WORDS = 200
"""Of a row; the rest of a longer one tells nothing about which word stands for which."""
BY_LOWER = "bleu_lower"
AT_ONCE = 200


def copied(problem: Problem) -> tuple[dict[str, Sequence[str]], str]:
    """The source as it stands: right for names, numbers and texts that need no change."""
    return _answers(problem, problem.cells(problem.test)), "the source as it stands"


def nearest(problem: Problem) -> tuple[dict[str, Sequence[str]], str]:
    """The answer to the training source that is nearest (`nearest_rows`)."""
    said = [problem.train[i][problem.contract.target] for i in nearest_rows(problem)]
    return _answers(problem, said), "the answer to the nearest of the training sources by TF-IDF of words and pairs"


def nearest_rows(problem: Problem) -> list[int]:
    """For each held-out row the training row whose text has the largest cosine of TF-IDF weights of words and pairs of
    words; of equally near ones the first.

    Raises: Unfit for training texts without words.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer=_units, sublinear_tf=True, dtype=np.float32)
    try:
        known = vectorizer.fit_transform(problem.cells(problem.train)).T.tocsr()
    except ValueError as error:  # "empty vocabulary"
        raise Unfit("the training texts hold no words") from error
    found: list[int] = []
    cells = problem.cells(problem.test)
    for start in range(0, len(cells), AT_ONCE):
        likeness = vectorizer.transform(cells[start : start + AT_ONCE]) @ known
        found += np.asarray(likeness.argmax(axis=1)).ravel().tolist()
    return found


def word_by_word(problem: Problem) -> tuple[dict[str, Sequence[str]], str]:
    """Each word becomes the likeliest one by IBM model 1, in the order of the source; unknown words stay.

    p(target | source) = ∏_j 1 / (S + 1) Σ_i t(target_j | source_i), i = 0 the empty word, which answers for words
    without a counterpart; t by `ROUNDS` rounds of expectation maximisation from equal shares.

    Raises: Unfit for texts without words.
    Source: Brown et al. 1993, "The mathematics of statistical machine translation", section 4.1.
    """
    lower = problem.metric == BY_LOWER  # otherwise an answer keeps the capitals that its word has most often
    target = problem.contract.target
    pairs = [(_words(row[problem.input], True), _words(row[target], lower)) for row in problem.train]
    best = _likeliest(pairs)
    if not best:
        raise Unfit("the training texts hold no words")
    said = []
    for cell in problem.cells(problem.test):
        written = [best.get(word.lower(), word) for word in _words(cell, False, most=None)]
        said.append(_joined(written))
    return _answers(problem, said), f"IBM model 1, {ROUNDS} rounds, {len(best):,} words, in the source's order"


def _likeliest(rows: Sequence[tuple[list[str], list[str]]]) -> dict[str, str]:
    """The likeliest target word of each source word."""
    sources, from_words = _numbered([["", *row[0]] for row in rows])
    targets, to_words = _numbered([row[1] for row in rows])
    pair, place = _paired(sources, targets, len(to_words))  # (N,) each
    names, pair = np.unique(pair, return_inverse=True)  # (P,) source · V + target
    source, target = np.divmod(names, len(to_words))
    chance = np.ones(len(names))
    for _ in range(ROUNDS):
        each = chance[pair]
        each /= np.bincount(place, weights=each)[place]
        counts = np.bincount(pair, weights=each, minlength=len(names))
        chance = counts / np.bincount(source, weights=counts)[source]
    order = np.lexsort((target, -chance, source))
    first = order[np.unique(source[order], return_index=True)[1]]
    return {from_words[s]: to_words[t] for s, t in zip(source[first], target[first], strict=True) if s}


def _numbered(rows: Sequence[Sequence[str]]) -> tuple[list[np.ndarray], list[str]]:
    """Words as numbers in the order in which they come up, of each row; and the words by number, "" the first."""
    place: dict[str, int] = {"": 0}
    ids = [np.array([place.setdefault(word, len(place)) for word in row], dtype=np.int64) for row in rows]
    return ids, list(place)


def _paired(sources: Sequence[np.ndarray], targets: Sequence[np.ndarray], V: int) -> tuple[np.ndarray, np.ndarray]:
    """Every source word beside every target word of its row: source · V + target, and which target word in all."""
    pairs, places, at, size = [], [], 0, 0
    for a, b in zip(sources, targets, strict=True):
        if size > MOST_PAIRS:
            break
        pairs.append((a[:, None] * V + b[None, :]).ravel())
        places.append(np.tile(np.arange(at, at + len(b)), len(a)))
        at, size = at + len(b), size + len(a) * len(b)
    if not size:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    return np.concatenate(pairs), np.concatenate(places)


def _words(text: str, lower: bool, most: int | None = MOST_WORDS) -> list[str]:
    """Words with inner apostrophes and hyphens, each sign by itself."""
    return _WORD.findall(text.lower() if lower else text)[:most]


def _units(text: str) -> list[str]:
    words = _words(text, True)
    return words + [f"{a} {b}" for a, b in pairwise(words)]


def _joined(words: Sequence[str]) -> str:
    """A text of words and signs: no blank before a full stop, none between signs that are written without."""
    return _BETWEEN_SIGNS.sub("", _BEFORE_SIGN.sub(r"\1", " ".join(words)))


def _answers(problem: Problem, said: Sequence[str]) -> dict[str, Sequence[str]]:
    return {problem.contract.answer: Texts(said)}
