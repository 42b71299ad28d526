"""Floors of extractive question answering: words that both texts have, weighted by how rare they are.

Legend: T tokens of the context, W tokens of the longest answer tried.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from deepdojo.baselines.problem import Problem
from deepdojo.data.codecs.match_features import Matches, MatchFeatures
from deepdojo.data.codecs.passages import Passage, passage_of

__all__ = ["best_sentence", "sliding_window"]

LONGEST = 4
"""Tokens of the longest answer that the window tries; half of SQuAD's answers have one or two."""

REACH = 10
"""Tokens to either side within which words of the question speak for an answer."""

Answered = tuple[dict[str, list[str]], str]


def best_sentence(problem: Problem) -> Answered:
    """The whole sentence that shares the rarest words with the question."""

    def answer(passage: Passage, found: Matches, rarity: MatchFeatures) -> tuple[int, int]:
        inside = np.flatnonzero(passage.sentence == found.overlap.argmax())
        return int(inside[0]), int(inside[-1])

    return _answers(problem, answer), "the sentence with the largest sum of its shared words' rarity, whole"


def sliding_window(problem: Problem) -> Answered:
    """The span of at most four tokens, none of them in the question, with the most of its words around it.

    A word at distance d counts its rarity / (1 + d). Ends must be no stop words; of equal spans the first, and of those
    that begin there the longest.

    Source: Richardson, Burges & Renshaw 2013, "MCTest", section 4.2 (sliding window and distance).
    """
    about = f"the span of 1 to {LONGEST} tokens with the rarest words of the question within {REACH} tokens of it"
    return _answers(problem, _window), about


Choose = Callable[[Passage, Matches, MatchFeatures], tuple[int, int]]


def _answers(problem: Problem, choose: Choose) -> dict[str, list[str]]:
    context = problem.contract.within[problem.contract.target]
    rarity = MatchFeatures.fit(str(row[context]) for row in problem.train)
    found = []
    for row in problem.test:
        question, passage = passage_of(row[problem.input]), passage_of(row[context])
        if not len(passage) or not len(question):
            found.append("")
            continue
        first, last = choose(passage, rarity.matches(question, passage), rarity)
        found.append(row[context][passage.spans[first, 0] : passage.spans[last, 1]])
    return {problem.contract.answer: found}


def _window(passage: Passage, found: Matches, rarity: MatchFeatures) -> tuple[int, int]:
    shared, T = found.common > 0, len(passage)
    worth = np.zeros(T)
    worth[shared] = [rarity.rarity(passage.stems[i]) for i in np.flatnonzero(shared)]
    support = np.zeros(T)
    for distance in range(1, min(REACH, T - 1) + 1):
        same = passage.sentence[distance:] == passage.sentence[:-distance]
        support[distance:] += same * worth[:-distance] / (1 + distance)
        support[:-distance] += same * worth[distance:] / (1 + distance)
    support += found.overlap[passage.sentence]
    free = ~(shared | passage.stops)
    best, at = -1.0, (0, 0)
    for first in np.flatnonzero(free).tolist():
        if support[first] <= best:
            continue
        best, last = float(support[first]), first
        alike = free & (passage.sentence == passage.sentence[first])
        while last + 1 < T and last - first + 1 < LONGEST and alike[last + 1]:
            last += 1
        at = (first, last)
    return at
