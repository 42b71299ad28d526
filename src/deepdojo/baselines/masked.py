"""Floors of masked language models: hidden words guessed from counts, of each word alone or between its neighbours.

Legend: N words of all texts laid end to end, each text between two signs of its own; V words of the training texts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepdojo.baselines.language import witten_bell
from deepdojo.baselines.problem import Problem
from deepdojo.data.codecs.hidden_words import hidden_spans, spelling_nats, text_words

__all__ = ["frequent", "neighbours"]


def frequent(problem: Problem) -> tuple[np.ndarray, str]:
    """How often each word is in the training text: (n, 2) nats of a row's hidden words, and how many were guessed."""
    return _counted(problem, 0, "frequencies of {n:,} words in the training text; the guess is always the first")


def neighbours(problem: Problem) -> tuple[np.ndarray, str]:
    """Interpolated Witten-Bell estimates of a word from the one before it and the one behind: (n, 2).

    p(w | l, r) leans on p(w | l), that on p(w), that on 1 / (V + 1). A neighbour that is hidden itself says nothing.
    """
    return _counted(problem, 2, "counts of {n:,} words between their two neighbours, Witten-Bell smoothing")


def _counted(problem: Problem, beside: int, about: str) -> tuple[np.ndarray, str]:
    laid = _Laid(problem.cells(problem.train), problem.cells(problem.test))
    p = np.full(len(laid.ids), 1.0 / (laid.known + 1))
    best = np.zeros(len(laid.ids), dtype=np.int64)
    for context in laid.contexts()[: beside + 1]:
        _, gram = np.unique(context * laid.signs + laid.ids, return_inverse=True)
        p = witten_bell(context, gram, laid.learn, p)
        best = _likeliest(context, gram, laid, best)
    asked = laid.asked
    count = len(problem.test)
    nats = np.bincount(laid.row_of[asked], weights=laid.spelling[asked] - np.log(p[asked]), minlength=count)
    right = np.bincount(laid.row_of[asked], weights=best[asked] == laid.ids[asked], minlength=count)
    return np.stack([nats, right], axis=1), about.format(n=laid.known)


def _likeliest(context: np.ndarray, gram: np.ndarray, laid: _Laid, shorter: np.ndarray) -> np.ndarray:
    """(N,) the word that stood most often in each place's context, the first by id of equals; else `shorter`'s."""
    count = np.bincount(gram[laid.learn], minlength=int(gram.max()) + 1)
    word, inside = np.zeros_like(count), np.zeros_like(count)
    word[gram], inside[gram] = laid.ids, context
    order = np.lexsort((word, -count, inside))
    first = np.unique(inside[order], return_index=True)
    best = np.full(int(context.max()) + 1, -1)
    best[first[0]] = np.where(count[order][first[1]] > 0, word[order][first[1]], -1)
    return np.where(best[context] >= 0, best[context], shorter)


class _Laid:
    """Training and held-out texts as word ids.

    Attributes:
        ids: (N,) ids; `known` for a word that training does not hold. seen: the same, with a sign for hidden words.
        learn, asked: (N,) whether a place is a word of training, or hidden. row_of: the held-out row of each.
        spelling: (N,) nats of what an unknown word costs beside its probability.
    """

    def __init__(self, train: Sequence[str], test: Sequence[str]) -> None:
        index: dict[str, int] = {}
        for text in train:
            for start, end in text_words(text):
                index.setdefault(text[start:end].lower(), len(index))
        self.known, self.signs = len(index), len(index) + 3
        hidden_sign, edge = self.known + 1, self.known + 2
        ids, seen, learn, asked, row_of, spelling = [], [], [], [], [], []
        for number, text in enumerate([*train, *test], -len(train)):
            held_out, hidden = number >= 0, set(hidden_spans(text)) if number >= 0 else set()
            for at in (None, *text_words(text), None):
                word = None if at is None else text[slice(*at)].lower()
                found = edge if word is None else index.get(word, self.known)
                ids.append(found)
                seen.append(hidden_sign if at in hidden else found)
                learn.append(word is not None and not held_out)
                asked.append(at in hidden)
                row_of.append(max(0, number))
                spelling.append(spelling_nats(word) if word is not None and found == self.known else 0.0)
        self.ids, self.seen, self.row_of = np.array(ids), np.array(seen), np.array(row_of)
        self.learn, self.asked, self.spelling = np.array(learn), np.array(asked), np.array(spelling)

    def contexts(self) -> list[np.ndarray]:
        """(N,) numbers of: nothing, the word before, both neighbours."""
        left, right = np.roll(self.seen, 1), np.roll(self.seen, -1)
        both = np.unique(left.astype(np.int64) * self.signs + right, return_inverse=True)[1]
        return [np.zeros_like(left), left, both]
