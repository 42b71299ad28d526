"""What sounds are compared by: frames of a mel spectrum and its cepstrum, the same whatever made the sound.

Dimensions: T frames, N samples.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from hashlib import sha256
from typing import Any

import numpy as np

from deepdojo.data.short_time import stft
from deepdojo.data.sounds import decode_sound
from deepdojo.data.spectra import mel_filters
from deepdojo.errors import DataError, ScoreError
from deepdojo.tables import media_bytes

__all__ = ["BANDS", "COEFFICIENTS", "FLOOR", "HOP", "RATE", "WINDOW", "cepstrum", "log_mel", "seconds_of"]

RATE, WINDOW, HOP, BANDS, FLOOR = 16_000, 1024, 256, 80, 1e-3
COEFFICIENTS = 13
_KEPT = 512
_known: OrderedDict[bytes, tuple[float, np.ndarray]] = OrderedDict()


def log_mel(cell: Any, where: str) -> np.ndarray:
    """(T, 80) float64: ln(M |S| + 1e-3) of a sound at 16 kHz, T = 1 + N // 256.

    |S| are the magnitudes of Hann windows of 64 ms, 16 ms apart, the ends mirrored; M are 80 triangular filters of
    height 1 on the mel scale from 0 to 8 kHz (`mel_filters`). Samples run from -1 to 1, channels are averaged.

    Raises:
        ScoreError: the cell is no sound.
    """
    return _features(cell, where)[1]


def seconds_of(cell: Any, where: str) -> float:
    """How long a sound is. Raises ScoreError."""
    return _features(cell, where)[0]


def cepstrum(mel: np.ndarray) -> np.ndarray:
    """(T, 13) coefficients 1 to 13 of each frame: c_k = (1/M) Σ_m mel_m cos(π k (m + ½) / M); loudness, c_0, is left
    out."""
    count = mel.shape[1]
    k = np.arange(1, COEFFICIENTS + 1)[:, None]
    waves = np.cos(math.pi * k * (np.arange(count) + 0.5) / count)
    return mel @ waves.T / count


def _features(cell: Any, where: str) -> tuple[float, np.ndarray]:
    data = media_bytes(cell)
    key = sha256(data).digest()
    if key in _known:  # the same true sounds are asked for after every epoch
        _known.move_to_end(key)
        return _known[key]
    try:
        sound = decode_sound(data)
    except DataError as error:
        raise ScoreError(error.what, where=where, todo="give WAV or FLAC") from None
    sizes = np.abs(stft(sound.at(RATE).samples, hop=HOP, window=WINDOW)).astype(np.float64)
    found = sound.seconds, np.log(sizes @ mel_filters(BANDS, WINDOW, RATE) + FLOOR)
    _known[key] = found
    if len(_known) > _KEPT:
        _known.popitem(last=False)
    return found
