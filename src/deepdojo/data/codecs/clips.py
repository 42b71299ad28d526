"""Videos of any length and frame rate -> clips of one size and one number of frames.

Legend: K clips, F frames, C channels, Y height, X width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepdojo.data.videos import ARRAY_RATE, Clip, decode_video
from deepdojo.errors import DataError

__all__ = ["Clips"]

SAMPLE = 64
SIDES = 8
"""Height and width are multiples of this."""


@dataclass(frozen=True)
class Clips:
    """`clips` clips of each video, each of `frames` frames at a fixed stride.

    A clip lasts `seconds`, or, where the video is shorter, as long as the video; its frames are those seen at evenly
    spaced times. The clips begin at evenly spaced times too; where the video is no longer than a clip, they look at it
    at times that lie between one another's.

    Attributes:
        seconds: None takes each video whole.
        height, width: pixels. channels: 1 (grey) or 3.
        mean, std: of pixel values in 0..1; change: spread of the change from one frame to the next.
    """

    frames: int
    clips: int
    seconds: float | None
    height: int
    width: int
    channels: int
    mean: float = 0.0
    std: float = 1.0
    change: float = 1.0

    @classmethod
    def fit(
        cls, cells: Sequence[Any], *, frames: int, clips: int, seconds: float | None, size: int, colour: bool,
        seed: int = 0,
    ) -> Clips:  # fmt: skip
        """Shape and statistics from a seeded sample of 64 videos.

        The longer side gets `size` pixels, or as many as most videos have where these are fewer, the other one what the
        median form asks for. Raises DataError where none can be read.
        """
        found: list[Clip] = []
        for i in np.random.default_rng(seed).permutation(len(cells)):
            if len(found) == SAMPLE:
                break
            try:
                found.append(decode_video(cells[int(i)], size=2 * size, colour=colour))
            except DataError:
                continue
        if not found:
            raise DataError("none of the training videos can be read", todo="look at rejected.csv or run dojo check")
        form = float(np.median([np.log(clip.frames.shape[1] / clip.frames.shape[2]) for clip in found]))
        size = min(size, int(np.median([max(clip.frames.shape[1:3]) for clip in found])))
        y, x = (size, round(size / np.exp(form))) if form > 0 else (round(size * np.exp(form)), size)
        height, width = (max(SIDES, int(side / SIDES + 0.5) * SIDES) for side in (y, x))
        plain = cls(frames, clips, seconds, height, width, 3 if colour else 1)
        stack = np.stack([plain._middle(clip.frames) for clip in found])
        values = stack.reshape(len(stack), frames, -1).astype(np.float64) / 255.0
        spread = (max(float(part.std()), 1e-3) for part in (values, np.diff(values, axis=1)))
        return cls(frames, clips, seconds, height, width, plain.channels, float(values.mean()), *spread)

    def encode(self, cell: Any) -> list[np.ndarray]:
        """K arrays (F C, Y, X) uint8. Raises DataError for a cell that is no video."""
        return self.of(decode_video(cell, size=(self.height, self.width), colour=self.channels == 3))

    def _middle(self, frames: np.ndarray) -> np.ndarray:
        """(F C, Y, X) of the first clip of frames that are not yet of its size: those alone are resized."""
        even = Clip(frames, np.arange(len(frames)) / ARRAY_RATE, len(frames) / ARRAY_RATE)
        seen = decode_video(even.at(self.times(even.seconds)[0]), size=(self.height, self.width),
                            colour=self.channels == 3).frames  # fmt: skip
        return self._placed(seen)

    def of(self, clip: Clip) -> list[np.ndarray]:
        """The same of decoded frames."""
        return [self._placed(clip.at(times)) for times in self.times(clip.seconds)]

    def _placed(self, seen: np.ndarray) -> np.ndarray:
        if seen.ndim == 4:
            seen = seen.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(seen.reshape(-1, self.height, self.width))

    def times(self, seconds: float) -> list[np.ndarray]:
        """When the frames of each clip of a video of so many seconds are looked at, the middle clip first."""
        long = seconds if self.seconds is None else min(seconds, self.seconds)
        starts = np.linspace(0.0, seconds - long, self.clips) if self.clips > 1 else np.array([(seconds - long) / 2])
        phases = (np.arange(self.clips) + 0.5) / self.clips if seconds <= long else np.full(self.clips, 0.5)
        order = np.argsort(np.abs(np.arange(self.clips) - (self.clips - 1) / 2), kind="stable")
        return [starts[k] + (np.arange(self.frames) + phases[k]) * long / self.frames for k in order]
