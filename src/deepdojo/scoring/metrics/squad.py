"""Metrics of answers in words: SQuAD's F1 and exact match.

Source: Rajpurkar, Zhang, Lopyrev, Liang 2016, "SQuAD: 100,000+ questions for machine comprehension of text", section 6;
    formulas of the official evaluate-v1.1.py
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from deepdojo.scoring.measured import Measured, from_mean
from deepdojo.scoring.metrics.registry import metric

__all__ = ["exact_match", "normal_answer", "squad_f1"]

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_SIGNS = str.maketrans("", "", string.punctuation)


def normal_answer(text: str) -> str:
    """Lower case; without ASCII punctuation, then without a, an, the; words parted by single blanks."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_SIGNS)).split())


@metric(
    truth="texts",
    predicted="text",
    higher_is_better=True,
    title="SQuAD F1",
    goal="answers that share most of their words with a right one count almost fully",
    percent=True,
)
def squad_f1(truth: Sequence[Sequence[str]], predicted: Sequence[str]) -> Measured:
    """F1 of the answer's words with the nearest right answer's, averaged over questions.

    max over right answers of 2 p r / (p + r), p and r the shares of the words of the prediction and of the answer that
    they have in common (as often as both have them), after `normal_answer`; 0 without a common word, as in the official
    script of version 1.1, which gives 0 to two empty texts as well.
    """
    terms = np.array([_best(_f1, answers, said) for answers, said in zip(truth, predicted, strict=True)])
    return from_mean(terms, losses=1 - terms, bounds=(0.0, 1.0))


@metric(
    truth="texts",
    predicted="text",
    higher_is_better=True,
    title="exact match",
    goal="only an answer that is right to the word counts",
    percent=True,
)
def exact_match(truth: Sequence[Sequence[str]], predicted: Sequence[str]) -> Measured:
    """Share of questions whose answer equals a right one, after `normal_answer`."""
    right = np.array([_best(_same, answers, said) for answers, said in zip(truth, predicted, strict=True)])
    return from_mean(right, losses=1 - right, proportion=True, bounds=(0.0, 1.0))


def _best(of: Callable[[str, str], float], answers: Sequence[str], said: str) -> float:
    words = normal_answer(said)
    return max((of(normal_answer(answer), words) for answer in answers), default=0.0)


def _same(answer: str, said: str) -> float:
    return float(answer == said)


def _f1(answer: str, said: str) -> float:
    right, words = answer.split(), said.split()
    common = sum((Counter(right) & Counter(words)).values())
    return 2 * common / (len(right) + len(words)) if common else 0.0
