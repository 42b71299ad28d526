"""Small videos written with PyAV: a bright bar that moves, at any times; and files that are no videos."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def bar(at: int, height: int = 48, width: int = 64) -> np.ndarray:
    """(Y, X, 3) uint8: dark, with a bright bar from column `at` on."""
    frame = np.full((height, width, 3), 20, dtype=np.uint8)
    frame[:, at : at + 8] = 230
    return frame


def write_video(path: Path, times_ms: list[int], *, speed: int = 2, codec: str = "mpeg4") -> Path:
    """A frame at each time; the bar moves by `speed` columns a frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for k, time in enumerate(times_ms):
            frame = av.VideoFrame.from_ndarray(bar(k * speed % 56), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def write_sound(path: Path) -> Path:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path
