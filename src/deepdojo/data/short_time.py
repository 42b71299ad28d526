"""Samples <-> the complex spectra of windows that overlap: there and back without loss.

Dimensions: N samples, T frames, F frequencies, W samples of a window.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex, Float

from deepdojo.data.spectra import hann

__all__ = ["istft", "stft"]


def stft(samples: Float[np.ndarray, " N"], *, hop: int, window: int) -> Complex[np.ndarray, "T F"]:
    """X_t[f] = Σ_n w[n] x[t·hop + n - W/2] e^{-2πi f n / W}, w the Hann window: frame t has its middle at sample t·hop.

    The ends are mirrored for half a window, which a shorter sound does not have: zeros make it long enough first.

    Returns: complex64; T = 1 + N // hop, F = W // 2 + 1.
    Source: Allen & Rabiner 1977, "A unified approach to short-time Fourier analysis and synthesis".
    """
    samples = np.asarray(samples, dtype=np.float32)
    half = window // 2
    count = 1 + len(samples) // hop
    if len(samples) <= half:
        samples = np.pad(samples, (0, half + 1 - len(samples)))
    padded = np.pad(samples, half, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop][:count]
    return np.fft.rfft(frames * _window(window), axis=1).astype(np.complex64, copy=False)


def istft(spectra: Complex[np.ndarray, "T F"], *, hop: int, window: int) -> Float[np.ndarray, " N"]:
    """The samples whose windowed frames are nearest to those of the spectra (least squares), (T - 1) · hop of them.

    x[n] = Σ_t w[n - t·hop] y_t[n - t·hop] / Σ_t w²[n - t·hop], y_t the inverse transform of frame t.

    Args:
        hop: at most half a window, so that every sample lies in one.

    Source: Griffin & Lim 1984, "Signal estimation from modified short-time Fourier transform", equation 6.
    """
    T, shape = len(spectra), _window(window)
    frames = np.fft.irfft(spectra, n=window, axis=1).astype(np.float32, copy=False) * shape
    parts = -(-window // hop)  # hops that a window reaches over
    frames = np.pad(frames, ((0, 0), (0, parts * hop - window))).reshape(T, parts, hop)
    squares = np.pad(shape**2, (0, parts * hop - window)).reshape(parts, hop)
    total, weight = np.zeros((T + parts, hop), np.float32), np.zeros((T + parts, hop), np.float32)
    for j in range(parts):
        total[j : j + T] += frames[:, j]
        weight[j : j + T] += squares[j]
    inside = slice(window // 2, window // 2 + (T - 1) * hop)
    return total.ravel()[inside] / np.maximum(weight.ravel()[inside], 1e-8)


def _window(size: int) -> Float[np.ndarray, " W"]:
    return hann(size).astype(np.float32)
