"""Sounds of any kind -> log-mel spectra of one rate and one scale.

Dimensions: N frames, M mel bands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from jaxtyping import Float

from deepdojo.data.sounds import Sound, decode_sound, sound_facts
from deepdojo.data.spectra import log_mel, mel_filters
from deepdojo.errors import DataError, RecipeError
from deepdojo.swaps import taken

__all__ = ["LogMel"]

SAMPLE = 256
HIGHEST_RATE = 16_000
LOUDEST = 0.995


@dataclass(frozen=True)
class LogMel:
    """How a sound becomes frames of mel bands.

    With a `depth` each sound is measured against its own loudest parts: x = max(0, depth + ln m - q), q the 99.5 %
    quantile of its values. So how loud it was recorded does not matter, 0 is silence, and `depth` the loudest. Without,
    x = ln m as it is.

    Attributes:
        rate: samples a second that sounds are brought to.
        window, hop, fft: in samples.
        bands: of mel, from `low` to `high` Hz.
        exponent, floor: as in `spectra.log_mel`.
        depth: nats below the loudest that count, or None.
        mean, std: of x over a sample of training sounds, over all bands.
    """

    rate: int
    window: int
    hop: int
    fft: int
    bands: int
    low: float
    high: float
    exponent: float = 2.0
    floor: float = 1e-10
    depth: float | None = 8.0
    mean: float = 0.0
    std: float = 1.0

    @classmethod
    def of(
        cls, rate: int, *, bands: int = 40, window_ms: float = 25.0, hop_ms: float = 10.0, low: float = 0.0, **more: Any
    ) -> Self:
        """Without a look at any sound: the transform has the next power of two, and the bands reach half the rate."""
        window, hop = round(window_ms * rate / 1000), round(hop_ms * rate / 1000)
        if min(window, hop, bands) < 1:
            raise RecipeError(f"a window of {window_ms} ms, steps of {hop_ms} ms and {bands} bands are too few")
        fft = max(1 << (window - 1).bit_length(), 2 * bands)  # as many frequencies as bands at least
        return cls(rate, window, hop, fft, bands, low, rate / 2, **more)

    @classmethod
    def fit(cls, cells: Sequence[Any], *, rate: int | None = None, seed: int = 0, **options: Any) -> Self:
        """From a seeded sample of 256 training sounds: the rate that most of them have, at most 16 kHz (unless given),
        and the mean and spread of what comes out.

        Raises:
            DataError: none of them can be read.
        """
        order = np.random.default_rng(seed).permutation(len(cells))[:SAMPLE]
        sounds = [sound for at in order if (sound := _readable(cells[int(at)])) is not None]
        if not sounds:
            raise DataError("none of the training sounds can be read", todo="look at rejected.csv or run dojo check")
        if rate is None:
            rate = min(Counter(sound.rate for sound in sounds).most_common(1)[0][0], HIGHEST_RATE)
        codec = cls.of(int(rate), **options)
        values = np.concatenate([codec.encode(sound).ravel() for sound in sounds])
        return replace(codec, mean=float(values.mean(dtype=np.float64)), std=float(max(values.std(), 1e-3)))

    def encode(self, cell: Any) -> Float[np.ndarray, "N M"]:
        """float32. Raises DataError for a cell that is no sound."""
        samples = decode_sound(cell).at(self.rate).samples
        found = log_mel(
            samples, self.rate, window=self.window, hop=self.hop, fft=self.fft, bands=self.bands, low=self.low,
            high=self.high, exponent=self.exponent, floor=self.floor, filters_of=taken("mel_filters", mel_filters),
        )  # fmt: skip
        if self.depth is not None:
            loudest = _quantile(found.ravel(), LOUDEST)
            silent = loudest <= np.log(self.floor) + 1e-9  # digital silence has no loudest part
            found = np.zeros_like(found) if silent else np.maximum(found - loudest + self.depth, 0.0)
        return found.astype(np.float32)

    def count_of(self, cell: Any) -> int:
        """Frames that `encode` gives, from the head of the file alone. Raises DataError."""
        facts = None if isinstance(cell, Sound) else sound_facts(cell)
        samples, rate = (len(cell.samples), cell.rate) if facts is None else (facts.samples, facts.rate)
        new = -(-samples * self.rate // rate)
        return 1 + max(0, -(-(new - self.window) // self.hop))

    @property
    def frames_a_second(self) -> float:
        return self.rate / self.hop


def _quantile(values: Float[np.ndarray, " V"], share: float) -> float:
    """`np.quantile`, linear between its neighbours, bit for bit, in a quarter of its time for so few numbers."""
    at = share * (len(values) - 1)
    low = int(at)
    rest = at - low
    if low + 1 == len(values):
        return float(values.max())
    part = np.partition(values, (low, low + 1))
    a, b = float(part[low]), float(part[low + 1])
    return b - (b - a) * (1 - rest) if rest >= 0.5 else a + (b - a) * rest


def _readable(cell: Any) -> Sound | None:
    try:
        return decode_sound(cell)
    except DataError:
        return None
