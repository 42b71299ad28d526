"""Floors that say a text: the mean spectrum of all training speech at the mean pace, and the nearest training sentence
as it was said.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from deepdojo.baselines.problem import Problem, Unfit
from deepdojo.baselines.translation import nearest_rows
from deepdojo.data.codecs.mel_frames import MelFrames
from deepdojo.errors import DataError
from deepdojo.tables import media_bytes

__all__ = ["mean_voice", "nearest_sentence"]

ITERATIONS = 32
LONGEST_S = 600


def mean_voice(problem: Problem) -> tuple[dict[str, list[Any]], str]:
    """A noise with the mean spectrum (of logarithms), for as long as so many characters take in the mean.

    Raises: Unfit where no training sound can be read.
    """
    cells = [row[problem.contract.target] for row in problem.train]
    try:
        codec = MelFrames.fit(cells)
    except DataError as error:
        raise Unfit(error.what) from None
    counts = [codec.count(cell) for cell in cells]
    known = [(len(text), count) for text, count in zip(problem.cells(problem.train), counts, strict=True) if count]
    pace = sum(count for _, count in known) / max(1, sum(size for size, _ in known))  # frames a character
    most = LONGEST_S * codec.rate // codec.hop
    frames = [min(most, max(4, round(pace * len(text)))) for text in problem.cells(problem.test)]
    longest = codec.sound(np.zeros((max(frames, default=4), codec.bands)), ITERATIONS)
    said = [codec.wav(longest[: (count - 1) * codec.hop]) for count in frames]
    about = f"the mean log spectrum as a noise, {pace * codec.hop / codec.rate * 1000:.0f} ms for each character"
    return {problem.contract.answer: said}, about


def nearest_sentence(problem: Problem) -> tuple[dict[str, list[Any]], str]:
    """The sound of the training sentence whose text is nearest.

    Raises: Unfit where the training texts hold no words.
    """
    target = problem.contract.target
    said = [media_bytes(problem.train[i][target]) for i in nearest_rows(problem)]
    return {problem.contract.answer: said}, "the sound of the nearest training text by TF-IDF of words and pairs"
