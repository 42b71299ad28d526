"""Strings of spoken digits, put together from single recordings of one speaker, with pauses between.

The recordings of each speaker are shuffled and dealt out, so that each occurs once in a deal, but for one or two that
are left over: no string of one part shares a recording with one of another where `first` and `last` keep them apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from deepdojo.data.files import Files
from deepdojo.data.readers import RawRow
from deepdojo.data.sounds import decode_sound, encode_sound

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NAME = re.compile(r"/(\d)_([a-z]+)_(\d+)\.wav$")
SHORTEST, LONGEST = 3, 6
PAUSE_S = (0.05, 0.25)
HISS = 1e-4
"""Of the pauses: digital silence would tell where a digit begins."""


def read(
    files: Files,
    file: str,
    first: int = 0,
    last: int = 49,
    deals: int = 1,
    seed: int = 0,
    speakers: Sequence[str] | None = None,
) -> Iterator[RawRow]:
    """One row a string: its sound as WAV bytes, its digits as words, its speaker.

    Args:
        first, last: numbers of the recordings that are used; 0 to 4 are the source's test part.
        deals: how often each recording occurs.
        seed: another one gives other strings.
        speakers: these alone; None: all.
    """
    names: dict[str, list[tuple[int, str]]] = {}
    for name in files.expand(f"{file}!recordings/*.wav"):
        match = NAME.search(name)
        if match and first <= int(match[3]) <= last and (speakers is None or match[2] in speakers):
            names.setdefault(match[2], []).append((int(match[1]), name))
    number = 0
    for speaker in sorted(names):
        sounds = [(digit, decode_sound(files.peek(name))) for digit, name in sorted(names[speaker])]
        draw = np.random.default_rng([seed, first, sum(map(ord, speaker))])
        for deal in range(deals):
            for at, string in enumerate(_dealt(draw, len(sounds))):
                number += 1
                key = f"{speaker}-{first}-{deal + 1}-{at + 1}"
                yield RawRow(_row(key, speaker, [sounds[i] for i in string], draw), file, number)


def _dealt(draw: np.random.Generator, count: int) -> Iterator[list[int]]:
    """The numbers below `count` in strings of three to six; one or two that are left over fall away."""
    order = draw.permutation(count).tolist()
    while len(order) >= SHORTEST:
        size = int(draw.integers(SHORTEST, LONGEST + 1))
        yield order[:size]
        order = order[size:] if len(order) - size >= SHORTEST else []


def _row(key: str, speaker: str, parts: list[tuple[int, Any]], draw: np.random.Generator) -> dict[str, Any]:
    rate = parts[0][1].rate
    pieces = [_pause(draw, rate)]
    for _, sound in parts:
        pieces += [sound.samples, _pause(draw, rate)]
    text = " ".join(WORDS[digit] for digit, _ in parts)
    return {"id": key, "speaker": speaker, "audio": encode_sound(np.concatenate(pieces), rate), "text": text}


def _pause(draw: np.random.Generator, rate: int) -> np.ndarray:
    return HISS * draw.normal(size=int(rate * draw.uniform(*PAUSE_S)))
