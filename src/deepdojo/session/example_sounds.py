"""A sound as a report shows it: something to play, its waveform and its spectrum, all as data in the page."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np

from deepdojo.data.codecs.log_mel import LogMel
from deepdojo.data.sounds import Sound, decode_sound, encode_sound

__all__ = ["shown_sound", "sound_uri", "spectrogram_uri", "waveform"]

HIGHEST_RATE = 24_000
SEEN_RATE = 16_000
"""Of the spectrum: as high as models hear by default."""

LONGEST_S = 20.0
BANDS, MOST_FRAMES = 64, 600
PEAKS = 240


def shown_sound(cell: Any) -> dict[str, Any]:
    """`sound` (FLAC, at most 24 kHz and 20 s), `image` (its spectrum), `wave` and `seconds`, for examples.json."""
    sound = decode_sound(cell)
    sound = Sound(sound.samples[: round(LONGEST_S * sound.rate)], sound.rate)
    return {
        "sound": sound_uri(sound), "image": spectrogram_uri(sound), "wave": waveform(sound.samples),
        "seconds": round(sound.seconds, 3),
    }  # fmt: skip


def sound_uri(sound: Sound) -> str:
    """An address that holds the sound; its loudest sample is brought to full scale, so that quiet ones are heard."""
    played = sound.at(min(sound.rate, HIGHEST_RATE))
    peak = float(np.abs(played.samples).max(initial=0.0))
    samples = played.samples * (0.9 / peak) if peak > 0 else played.samples
    content = encode_sound(samples, played.rate, "FLAC")
    return "data:audio/flac;base64," + base64.b64encode(content).decode("ascii")


def spectrogram_uri(sound: Sound) -> str:
    """A grey picture: time to the right, pitch upwards (64 mel bands), the louder the darker. At most 600 wide."""
    from PIL import Image

    frames = LogMel.of(min(sound.rate, SEEN_RATE), bands=BANDS).encode(sound)
    many = -(-len(frames) // MOST_FRAMES)
    if many > 1:  # the mean of neighbours
        whole = np.pad(frames, ((0, -len(frames) % many), (0, 0)), mode="edge")
        frames = whole.reshape(-1, many, BANDS).mean(axis=1)
    depth = LogMel.of(8000).depth or 1.0
    grey = 255 - np.rint(np.clip(frames.T[::-1] / depth, 0.0, 1.0) * 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(grey)).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def waveform(samples: np.ndarray) -> list[list[float]]:
    """Lowest and highest sample of at most 240 stretches, by the loudest of all: the outline of the wave."""
    parts = np.array_split(np.asarray(samples, dtype=np.float64), min(PEAKS, len(samples)))
    peak = max((float(np.abs(part).max()) for part in parts), default=0.0) or 1.0
    return [[round(float(part.min()) / peak, 3), round(float(part.max()) / peak, 3)] for part in parts]
