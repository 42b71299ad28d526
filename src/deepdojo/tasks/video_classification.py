"""Video -> class.

Legend: B examples in a batch, F frames, S = F - 1 steps, Ch channels of a frame, Y height, X width, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.data.codecs.clips import Clips
from deepdojo.data.rowset import column
from deepdojo.errors import DataError
from deepdojo.tasks.base import Batch, Example, Piece, Row
from deepdojo.tasks.classification import Classification

__all__ = ["VideoClassification", "task"]

PATCHES_A_SIDE = 4
STRETCHES = 3


@dataclass(frozen=True)
class VideoClassification(Classification):
    """Some clips of each video, uint8 until they are on the device; the probabilities of a video's clips are averaged.

    A step of a clip is a frame, its change from the frame before, and the size of that change: of two people who
    stand and two who fight a single frame may be the same.
    """

    clips: Clips

    name: ClassVar[str] = "video-classification"
    protocol: ClassVar[str] = "ClipClassifier"
    images: ClassVar[tuple[str, ...]] = ("clip",)  # the frames of a clip as channels: all are moved alike
    blank: ClassVar[Mapping[str, float]] = {"clip": 0.0}  # after normalisation the mean grey, and no change

    @classmethod
    def fit(
        cls,
        rows: Sequence[Row],
        *,
        frames: int = 10,
        clips: int = 3,
        seconds: float | None = None,
        size: int = 80,
        colour: bool = False,
    ) -> Self:
        """
        Args:
            frames: of a clip, at least 2.
            clips: of a video: in training each is an example, at prediction they are averaged.
            seconds: length of a clip; a shorter video, and None, is taken whole.
            size: pixels of the longer side.
            colour: whether colours are kept.
        """
        if frames < 2 or clips < 1 or size < 8 or (seconds is not None and seconds <= 0):
            raise DataError(
                f"frames = {frames}, clips = {clips}, size = {size}, seconds = {seconds}: expected at least 2 frames, "
                "1 clip, 8 pixels and a time above 0", where="task",
            )  # fmt: skip
        cells = column(rows, "clip")
        found = Clips.fit(cells, frames=frames, clips=clips, seconds=seconds, size=size, colour=colour)
        return cls(cls.fit_labels(rows), found)

    def dims(self) -> dict[str, Any]:
        c = self.clips
        return {
            "in_channels": 3 * c.channels, "steps": c.frames - 1, "height": c.height, "width": c.width,
            "num_outputs": len(self.labels),
        }  # fmt: skip

    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        target = self.target(row) if learn else None
        if learn and target is None:
            return
        for clip in self.clips.encode(row["clip"]):
            yield {"clip": clip, "label": target} if learn else {"clip": clip}

    def prepare(self, batch: Batch) -> Batch:
        clip = batch["clip"]
        if clip.dtype != torch.uint8:
            return batch
        c = self.clips
        frames = clip.unflatten(1, (c.frames, c.channels)).float().div_(255.0)
        change = frames.diff(dim=1) / c.change  # (B, S, Ch, Y, X)
        return {**batch, "clip": torch.cat([(frames[:, 1:] - c.mean) / c.std, change, change.abs()], 2)}

    def scores(self, model: nn.Module, batch: Batch) -> Float[Tensor, "B C"]:
        return model(batch["clip"])

    def pieces(self, row: Row, example: Example) -> list[Piece]:
        """Patches, about four a side, in each of three stretches of time: [y0, x0, y1, x1, first step, end]."""
        c = self.clips
        side, steps = -(-max(c.height, c.width) // PATCHES_A_SIDE), c.frames - 1
        long = -(-steps // STRETCHES)
        return [
            Piece(
                [y, x, min(y + side, c.height), min(x + side, c.width), a, min(a + long, steps)],
                {"clip": (slice(a, a + long), slice(None), slice(y, y + side), slice(x, x + side))},
            )
            for a in range(0, steps, long)
            for y in range(0, c.height, side)
            for x in range(0, c.width, side)
        ]


task = VideoClassification
