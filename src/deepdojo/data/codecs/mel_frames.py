"""Sounds <-> frames of a mel spectrum: logarithms of magnitudes, standardised, and back by Griffin and Lim's search.

Dimensions: T frames, N samples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepdojo.data.griffin_lim import griffin_lim, magnitudes_of
from deepdojo.data.short_time import stft
from deepdojo.data.sounds import Sound, decode_sound, encode_sound
from deepdojo.data.spectra import mel_filters
from deepdojo.errors import DataError
from deepdojo.swaps import taken

__all__ = ["MelFrames"]

FLOOR = 1e-3
SAMPLE = 512
GRID = 1e-3
"""Frames are rounded to this before phases are searched for, so that rounding errors of a network give one sound."""


@dataclass(frozen=True)
class MelFrames:
    """z = (ln(M |S| + 1e-3) - mean) / std, |S| the magnitudes of Hann windows, M triangular filters on the mel scale.

    Attributes:
        rate: samples a second; sounds of another rate are resampled.
        hop, window: samples.
        mean: of each band over training frames; std: of all that is left, one for all bands.
    """

    rate: int
    hop: int
    window: int
    mean: tuple[float, ...]
    std: float

    @classmethod
    def fit(cls, cells: Sequence[Any], *, bands: int = 80, hop_ms: float = 16.0, window_ms: float = 64.0) -> MelFrames:
        """Rate and statistics of a seeded sample of 512 training sounds. Raises DataError where none can be read."""
        rates: Counter[int] = Counter()
        sounds: list[Sound] = []
        for i in np.random.default_rng(0).permutation(len(cells)).tolist():
            if len(sounds) == SAMPLE:
                break
            try:
                sounds.append(decode_sound(cells[i]))
            except DataError:
                continue
            rates[sounds[-1].rate] += 1
        if not sounds:
            raise DataError("none of the training sounds can be read", todo="look at rejected.csv or run dojo check")
        rate = rates.most_common(1)[0][0]
        hop, window = max(1, round(rate * hop_ms / 1000)), 2 * max(8, round(rate * window_ms / 2000))
        plain = cls(rate, min(hop, window // 2), window, (0.0,) * bands, 1.0)
        frames = np.concatenate([plain.encode(sound.at(rate).samples) for sound in sounds]).astype(np.float64)
        mean = frames.mean(axis=0)
        return cls(rate, plain.hop, window, tuple(mean.tolist()), float(max((frames - mean).std(), 1e-3)))

    @property
    def bands(self) -> int:
        return len(self.mean)

    def samples(self, cell: Any) -> np.ndarray:
        """(N,) float32 at the codec's rate. Raises DataError for what is no sound."""
        return decode_sound(cell).at(self.rate).samples

    def count(self, cell: Any) -> int | None:
        """Frames of a sound; None for what is no sound."""
        try:
            return 1 + len(self.samples(cell)) // self.hop
        except DataError:
            return None

    def encode(self, sound: np.ndarray) -> np.ndarray:
        """(T, bands) float32 of samples; T = 1 + N // hop."""
        sizes = np.abs(taken("stft", stft)(sound, hop=self.hop, window=self.window))
        mel = np.log(sizes @ taken("mel_filters", mel_filters)(self.bands, self.window, self.rate) + FLOOR)
        return ((mel - np.array(self.mean)) / self.std).astype(np.float32)

    def sound(self, frames: np.ndarray, iterations: int) -> np.ndarray:
        """(N,) samples that have nearly these frames; N = (T - 1) · hop."""
        log = np.round((frames.astype(np.float64) * self.std + np.array(self.mean)) / GRID) * GRID
        mel = np.exp(np.minimum(log, 12.0)) - FLOOR
        sizes = magnitudes_of(mel, rate=self.rate, window=self.window)
        return griffin_lim(sizes, hop=self.hop, iterations=iterations)

    def wav(self, sound: np.ndarray) -> bytes:
        """The samples as a WAV file of 16 bits."""
        return encode_sound(sound, self.rate)
