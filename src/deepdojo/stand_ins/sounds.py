"""`mel_filters(n_mels, n_fft, sr)` and `stft(x, n_fft, hop, window)` of the lessons where sounds become numbers.

N samples, T frames, F frequencies, M bands, W samples of a window. Ours work on arrays, the lessons' on tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import torch

from deepdojo.data.spectra import hann
from deepdojo.errors import RecipeError

__all__ = ["mel_filters", "stft"]


def mel_filters(own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., np.ndarray]]:
    """The lesson's bands reach from 0 to half the rate, and are of torch's default type: here float64."""
    make = own["mel_filters"]

    @cache
    def filters(bands: int, fft: int, rate: int, low: float = 0.0, high: float | None = None) -> np.ndarray:
        if low or (high is not None and high != rate / 2):
            raise RecipeError(
                f"mel_filters of the lesson reach from 0 Hz to {rate / 2:g}, and here from {low:g} to {high:g}",
                where="mel_filters",
            )
        with _float64():
            return np.asarray(make(bands, fft, rate))

    return {"mel_filters": filters}


def stft(own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., np.ndarray]]:
    """Zeros make a sound long enough for its ends to be mirrored; what they add behind it goes again."""
    transform = own["stft"]

    def spectra(samples: np.ndarray, *, hop: int, window: int) -> np.ndarray:
        count, lacking = 1 + len(samples) // hop, window // 2 + 1 - len(samples)
        x = np.pad(np.asarray(samples, dtype=np.float32), (0, max(0, lacking))).astype(np.float64)
        with _float64():
            found = transform(torch.from_numpy(x)[None], window, hop, torch.from_numpy(hann(window)))
        return np.asarray(found[0].T)[:count].astype(np.complex64)

    return {"stft": spectra}


@contextmanager
def _float64() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
