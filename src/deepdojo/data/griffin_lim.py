"""Mel frames -> sound without a network: magnitudes that would give these frames, then phases that agree with one
another, by the search of Griffin and Lim in its fast form.

Dimensions: T frames, F frequencies of a window, N samples, bands of a mel spectrum.
"""

from __future__ import annotations

import numpy as np

from deepdojo.data.short_time import istft, stft
from deepdojo.data.spectra import mel_filters

__all__ = ["griffin_lim", "magnitudes_of"]

MOMENTUM = 0.99
_SMALL = 1e-8


def griffin_lim(
    magnitudes: np.ndarray, *, hop: int, iterations: int = 32, momentum: float = MOMENTUM, seed: int = 0
) -> np.ndarray:
    """Samples whose short-time spectrum has nearly these magnitudes; float32, (T - 1) · hop of them.

    c_0 = s · e^{iφ} with random phases φ; t_n = STFT(ISTFT(c_{n-1})); c_n has the magnitudes s and the phases of
    t_n + α (t_n - t_{n-1}).

    Args:
        magnitudes: (T, F) s, of Hann windows of 2 (F - 1) samples.
        iterations: more are closer, slowly.
        momentum: α; 0 is the original search.
        seed: of the first phases: the same seed gives the same samples.

    Cost: two transforms of all frames an iteration.
    Source: Griffin & Lim 1984, "Signal estimation from modified short-time Fourier transform"; Perraudin, Balazs &
        Søndergaard 2013, "A fast Griffin-Lim algorithm", equation 11.
    """
    window = 2 * (magnitudes.shape[1] - 1)
    magnitudes = magnitudes.astype(np.float32)
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, magnitudes.shape).astype(np.float32)
    spectrum = magnitudes * np.exp(1j * phases)
    before = np.zeros_like(spectrum)
    for _ in range(iterations):
        now = stft(istft(spectrum, hop=hop, window=window), hop=hop, window=window)[: len(magnitudes)]
        ahead = now + momentum * (now - before)
        before = now
        spectrum = magnitudes * (ahead / np.maximum(np.abs(ahead), _SMALL))
    return istft(spectrum, hop=hop, window=window)


def magnitudes_of(mel: np.ndarray, *, rate: int, window: int, steps: int = 20) -> np.ndarray:
    """(T, F) magnitudes, 0 or more, whose mel bands are nearly `mel`.

    Least squares under that bound by multiplicative steps, S <- S · (M W) / (S Wᵀ W), from S = M W / ΣW.

    Args:
        mel: (T, bands) magnitudes of the bands, 0 or more (no logarithm).

    Source: Lee & Seung 2001, "Algorithms for non-negative matrix factorization", with the filters W kept fixed.
    """
    filters = mel_filters(mel.shape[1], window, rate).T.astype(np.float32)  # (bands, F)
    mel = np.maximum(mel, 0.0).astype(np.float32)
    wanted, both = mel @ filters, filters.T @ filters
    sizes = filters.sum(axis=1, keepdims=True)
    found = (mel / np.maximum(sizes.T, _SMALL)) @ filters / np.maximum(filters.sum(axis=0), _SMALL)
    found = np.maximum(found, _SMALL)
    for _ in range(steps):
        found = found * (wanted / np.maximum(found @ both, _SMALL))
    return found
