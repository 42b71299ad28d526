"""A log-mel spectrum changed as voices and rooms change it: other pitch, other tempo, silent ends cut off.

Dimensions: N frames, M mel bands. 0 is silence.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

__all__ = ["trimmed", "warped"]


def trimmed(mel: Float[np.ndarray, "N M"], decibels: float) -> tuple[Float[np.ndarray, "n M"], int]:
    """Without the frames at both ends whose power lies more than `decibels` below that of the loudest one.

    Returns: the frames from the first to the last that is loud enough, and the place of the first; one at least.
    """
    heard = np.expm1(mel.astype(np.float64)).sum(axis=1)  # power above silence
    loud = np.flatnonzero(heard >= heard.max() * 10.0 ** (-decibels / 10))
    return mel[loud[0] : loud[-1] + 1], int(loud[0])


def warped(mel: Float[np.ndarray, "N M"], *, pitch: float, speed: float) -> Float[np.ndarray, "n M"]:
    """What stood at band m stands at m · pitch, what stood at frame t at t / speed; linear between neighbours.

    Above the highest band that there was its value goes on. Source: Jaitly & Hinton 2013, "Vocal tract length
    perturbation improves speech recognition", here along the mel scale.
    """
    N, M = mel.shape
    bands = np.minimum(np.arange(M) / pitch, M - 1)
    count = max(1, round(N / speed))
    times = np.minimum(np.arange(count) * speed, N - 1)
    return _between(_between(mel, times).T, bands).T.astype(np.float32)


def _between(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Rows at places between whole ones."""
    low = np.floor(places).astype(np.int64)
    high = np.minimum(low + 1, len(values) - 1)
    share = (places - low)[:, None]
    return (1 - share) * values[low] + share * values[high]
