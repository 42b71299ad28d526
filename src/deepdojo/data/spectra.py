"""What ears hear of a sound, in numpy: short spectra, mel bands, their logarithms and cepstra.

Dimensions: T samples, N frames, W samples of a window, F frequencies of a spectrum, M mel bands, Q cepstra.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from jaxtyping import Float

__all__ = [
    "cepstra", "deltas", "frames", "hann", "hertz_of_mel", "log_mel", "mel_filters", "mel_of_hertz", "mfcc", "power",
]  # fmt: skip


def hann(size: int) -> Float[np.ndarray, " W"]:
    """w[n] = 1/2 - 1/2 cos(2 π n / W): the periodic Hann window, as spectra want it (scipy's `hann(W, sym=False)`)."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)


@lru_cache(maxsize=32)
def _hann(size: int) -> Float[np.ndarray, " W"]:
    found = hann(size)
    found.setflags(write=False)
    return found


def frames(samples: Float[np.ndarray, " T"], window: int, hop: int) -> Float[np.ndarray, "N W"]:
    """Windows of `window` samples, one each `hop`, from the first sample on; zeros fill up the last.

    Returns: N = 1 + max(0, ceil((T - W) / hop)) windows: each sample stands in one at least, if hop ≤ W.
    """
    count = 1 + max(0, -(-(len(samples) - window) // hop))
    whole = (count - 1) * hop + window
    if len(samples) < whole:  # np.pad and sliding_window_view take longer than the spectra of a spoken word
        samples, short = np.zeros(whole, dtype=samples.dtype), samples
        samples[: len(short)] = short
    step = samples.strides[0]
    return np.lib.stride_tricks.as_strided(samples, (count, window), (hop * step, step), writeable=False)


def power(samples: Float[np.ndarray, " T"], window: int, hop: int, fft: int) -> Float[np.ndarray, "N F"]:
    """|X_n[f]|², X_n the Fourier transform of frame n under a Hann window, padded with zeros to `fft` samples.

    Args:
        fft: at least `window`; F = fft // 2 + 1 frequencies, f · rate / fft Hz.

    Source: Allen & Rabiner 1977, "A unified approach to short-time Fourier analysis and synthesis".
    """
    spectrum = np.fft.rfft(frames(np.asarray(samples, dtype=np.float64), window, hop) * _hann(window), fft, axis=1)
    return spectrum.real**2 + spectrum.imag**2


def mel_of_hertz(hertz: float | np.ndarray) -> np.ndarray:
    """m = 2595 log10(1 + f / 700): equal steps sound equally wide.

    Source: O'Shaughnessy 1987, "Speech communication", page 150 (of several formulas the one that HTK uses).
    """
    return 2595.0 * np.log10(1.0 + np.asarray(hertz, dtype=np.float64) / 700.0)


def hertz_of_mel(mel: float | np.ndarray) -> np.ndarray:
    """The inverse of `mel_of_hertz`."""
    return 700.0 * (10.0 ** (np.asarray(mel, dtype=np.float64) / 2595.0) - 1.0)


@lru_cache(maxsize=32)
def mel_filters(
    bands: int, fft: int, rate: int, low: float = 0.0, high: float | None = None
) -> Float[np.ndarray, "F M"]:
    """Triangles of height 1 whose corners stand at equal steps of the mel scale between `low` and `high` Hz.

    Band k rises from corner k to k + 1 and falls to k + 2, linearly in Hz.

    Args:
        high: None: half the rate.

    Source: Davis & Mermelstein 1980, "Comparison of parametric representations for monosyllabic word recognition".
    """
    corners = hertz_of_mel(np.linspace(mel_of_hertz(low), mel_of_hertz(rate / 2 if high is None else high), bands + 2))
    at = np.arange(fft // 2 + 1)[:, None] * (rate / fft)
    rising = (at - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - at) / (corners[2:] - corners[1:-1])
    found = np.maximum(0.0, np.minimum(rising, falling))
    found.setflags(write=False)
    return found


def log_mel(
    samples: Float[np.ndarray, " T"],
    rate: int,
    *,
    window: int,
    hop: int,
    fft: int,
    bands: int = 40,
    low: float = 0.0,
    high: float | None = None,
    exponent: float = 2.0,
    floor: float = 1e-10,
    filters_of: Callable[..., np.ndarray] = mel_filters,
) -> Float[np.ndarray, "N M"]:
    """ln(max(|X|^exponent · mel filters, floor)): the spectrum as loudness in bands.

    Args:
        window, hop, fft: in samples. bands, low, high: of `mel_filters`.
        exponent: 2 sums power, 1 sums magnitudes (as speech synthesis has it).
        filters_of: with the arguments of `mel_filters`.
        floor: what silence counts as; 1e-10 lies 100 dB below a power of 1.

    Returns: float64 nats (10 nats = 43 dB of power).
    """
    spectrum = power(samples, window, hop, fft)
    if exponent != 2.0:
        spectrum = spectrum ** (exponent / 2.0)
    return np.log(np.maximum(spectrum @ filters_of(bands, fft, rate, low, high), floor))


def cepstra(log_bands: Float[np.ndarray, "N M"], count: int = 13) -> Float[np.ndarray, "N Q"]:
    """The first `count` coefficients of the orthonormal cosine transform (DCT-II) over the bands.

    c_q = s_q Σ_k x_k cos(π q (k + 1/2) / M), s_0 = √(1/M), else √(2/M): the shape of the spectrum without its pitch.
    """
    return log_bands @ _cosines(log_bands.shape[1], count)


@lru_cache(maxsize=32)
def _cosines(bands: int, count: int) -> Float[np.ndarray, "M Q"]:
    q, k = np.arange(count)[None], np.arange(bands)[:, None]
    found = np.sqrt(2.0 / bands) * np.cos(np.pi * q * (k + 0.5) / bands)
    found[:, 0] = np.sqrt(1.0 / bands)
    return found


def mfcc(
    samples: Float[np.ndarray, " T"], rate: int, *, count: int = 13, bands: int = 40, floor: float = 1e-10
) -> Float[np.ndarray, "N Q"]:
    """Mel-frequency cepstra of windows of 25 ms, one each 10 ms.

    Source: Davis & Mermelstein 1980.
    """
    window, hop = round(0.025 * rate), round(0.010 * rate)
    fft = 1 << (window - 1).bit_length()
    return cepstra(log_mel(samples, rate, window=window, hop=hop, fft=fft, bands=bands, floor=floor), count)


def deltas(features: Float[np.ndarray, "N Q"], reach: int = 2) -> Float[np.ndarray, "N Q"]:
    """The slope over time: Δ_t = Σ_{n ≤ reach} n (c_{t+n} - c_{t-n}) / (2 Σ n²), the ends repeated beyond themselves.

    Source: Furui 1986, "Speaker-independent isolated word recognition using dynamic features of speech spectrum".
    """
    padded = np.pad(features, ((reach, reach), (0, 0)), mode="edge")
    N = len(features)
    steps = range(1, reach + 1)
    slope = sum(n * (padded[reach + n : reach + n + N] - padded[reach - n : reach - n + N]) for n in steps)
    return np.asarray(slope) / (2.0 * sum(n * n for n in steps))
