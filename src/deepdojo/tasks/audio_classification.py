"""Sound -> class: a word of a few, who speaks, what made the noise.

Legend: B examples in a batch, N frames, M mel bands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.data.codecs.log_mel import LogMel
from deepdojo.data.rowset import column
from deepdojo.data.spectra_warps import trimmed, warped
from deepdojo.errors import DataError, RecipeError
from deepdojo.tasks.base import Batch, Example, Piece, Row
from deepdojo.tasks.classification import Classification

__all__ = ["AudioClassification", "task"]

SAMPLE = 512
LONGEST_S = 4.0
STRETCHES, GROUPS = 12, 4
WARP, SPEED = 1.12, 1.12


@dataclass(frozen=True)
class AudioClassification(Classification):
    """The log-mel spectrum of a sound, its silent ends cut off, in the middle of a window of `frames`.

    A longer sound is cut into windows that overlap by half; the answer is the mean of theirs. It is also the mean over
    `warps` and `speeds`: the same sound with its pitches and its tempo a little changed, which no answer should hang
    on.

    Attributes:
        trim_db: frames at both ends that are so much quieter than the loudest are cut off; None: none are.
    """

    spectrum: LogMel
    frames: int
    trim_db: float | None
    warps: int
    speeds: int

    name: ClassVar[str] = "audio-classification"
    protocol: ClassVar[str] = "Classifier"
    spectra: ClassVar[tuple[str, ...]] = ("sound",)
    blank: ClassVar[Mapping[str, float]] = {"sound": 0.0}  # silence

    @classmethod
    def fit(
        cls,
        rows: Sequence[Row],
        *,
        rate: int | None = None,
        bands: int = 40,
        window_ms: float = 25.0,
        hop_ms: float = 10.0,
        depth: float = 8.0,
        trim_db: float | None = 33.0,
        frames: int | None = None,
        warps: int = 1,
        speeds: int = 1,
    ) -> Self:
        """
        Args:
            rate: samples a second; None: that of most training sounds, at most 16,000.
            bands: of the mel scale. window_ms, hop_ms: length of a spectrum, and the time from one to the next.
            depth: nats below the loudest that count; what is quieter is silence.
            trim_db: the silent ends of a sound are cut off where they are so much quieter than its loudest frame; None
            leaves them.
            frames: of the model's input; None: such that 98 of 100 training sounds fit, at most four seconds.
            warps, speeds: how many pitches and tempos an answer is the mean of, odd numbers; in training it is one.
        """
        for name, count in (("warps", warps), ("speeds", speeds)):
            if count < 1 or count % 2 == 0:
                raise RecipeError(f"{name} is {count}; it must be odd", where=f"task.{name}")
        if frames is not None and frames < 8:
            raise RecipeError(f"frames is {frames}; it must be at least 8", where="task.frames")
        cells = column(rows, "audio")
        options: dict[str, Any] = {"bands": bands, "window_ms": window_ms, "hop_ms": hop_ms, "depth": depth}
        fitted = cls(cls.fit_labels(rows), LogMel.fit(cells, rate=rate, **options), frames or 8, trim_db, warps, speeds)
        if frames is None:
            order = np.random.default_rng(0).permutation(len(cells))[:SAMPLE]
            lengths = [len(mel) for at in order if (mel := fitted._readable(cells[int(at)])) is not None]
            most = round(LONGEST_S * fitted.spectrum.frames_a_second)
            fitted = replace(fitted, frames=int(np.clip(np.ceil(np.quantile(lengths, 0.98)), 8, most)))
        return fitted

    def dims(self) -> dict[str, Any]:
        bands = self.spectrum.bands
        return {
            "in_channels": 1, "height": bands, "width": self.frames, "in_features": bands * self.frames,
            "bands": bands, "num_outputs": len(self.labels),
        }  # fmt: skip

    @property
    def while_training(self) -> Self:
        return replace(self, warps=1, speeds=1)

    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        target = self.target(row) if learn else None
        if learn and target is None:
            return
        mel, _ = self._trimmed(row["audio"])
        beside: Example = {"label": target} if learn else {}
        if learn or self.warps * self.speeds == 1:
            ways = [mel]
        else:  # the sound as it is comes first
            ways = [
                warped(mel, pitch=WARP**pitch, speed=SPEED**speed)
                for pitch in _around(self.warps)
                for speed in _around(self.speeds)
            ]
        for way in ways:
            # What is slowed down a little gets no second window: its ends are left out.
            whole = len(mel) > self.frames
            for start in self._starts(len(way)) if whole else [(len(way) - self.frames) // 2]:
                yield {"sound": _placed(way, start, self.frames), **beside}

    def scores(self, model: nn.Module, batch: Batch) -> Float[Tensor, "B C"]:
        """The model gets an image of one channel, pitch upwards as height, time as width."""
        scale = self.spectrum.depth or 1.0
        return model((batch["sound"] / scale).transpose(1, 2).unsqueeze(1))

    def pieces(self, row: Row, example: Example) -> list[Piece]:
        """Boxes of about a twelfth of the window and a quarter of the bands, where they lie in the whole sound."""
        mel, first = self._trimmed(row["audio"])
        start, M = self._starts(len(mel))[0], self.spectrum.bands
        times = np.unique(np.linspace(max(0, -start), min(self.frames, len(mel) - start), STRETCHES + 1).astype(int))
        edges = np.unique(np.linspace(0, M, GROUPS + 1).astype(int))
        found = []
        for a, b in pairwise(times):
            at = first + start
            for low, high in pairwise(edges):
                box = [int(v) for v in (M - high, a + at, M - low, b + at)]
                found.append(Piece(box, {"sound": (slice(int(a), int(b)), slice(int(low), int(high)))}))
        return found

    def canvas(self, row: Row, example: Example) -> tuple[int, int]:
        """Bands and frames of the whole sound."""
        return self.spectrum.bands, self.spectrum.count_of(row["audio"])

    def _trimmed(self, cell: Any) -> tuple[np.ndarray, int]:
        """(N, M) and the place of its first frame in the sound."""
        mel = self.spectrum.encode(cell)
        return (mel, 0) if self.trim_db is None else trimmed(mel, self.trim_db)

    def _readable(self, cell: Any) -> np.ndarray | None:
        try:
            return self._trimmed(cell)[0]
        except DataError:
            return None

    def _starts(self, length: int) -> list[int]:
        """Where windows begin; before the sound where it is shorter, so that it stands in the middle."""
        if length <= self.frames:
            return [(length - self.frames) // 2]
        count = -(-(length - self.frames) // (self.frames // 2)) + 1
        return [int(v) for v in np.linspace(0, length - self.frames, count).round()]


def _placed(mel: np.ndarray, start: int, frames: int) -> np.ndarray:
    """(frames, M): what stands from `start` on, silence beyond the ends."""
    found = np.zeros((frames, mel.shape[1]), dtype=np.float32)
    part = mel[max(0, start) : start + frames]
    found[max(0, -start) : max(0, -start) + len(part)] = part
    return found


def _around(count: int) -> list[float]:
    """0 first, then -1 to 1 in equal steps."""
    half = count // 2
    return [0.0, *(k / half for k in range(-half, half + 1) if k)] if half else [0.0]


task = AudioClassification
