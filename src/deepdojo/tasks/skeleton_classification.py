"""Skeleton -> class: joints of a body over time, as a motion sensor or a pose estimator gives them.

Legend: B examples in a batch, J joints, T steps, S steps as packed, C classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.data.skeletons import placed, resampled, upright
from deepdojo.errors import DataError
from deepdojo.tasks.base import Batch, Example, Piece, Row
from deepdojo.tasks.classification import Classification

__all__ = ["SkeletonClassification", "task"]

FINER = 2  # a sequence is packed with so many times the steps that the model sees, so that a part of it is still fine
STRETCHES = 4
AT_ONCE = 64  # sequences, where means are taken
CHANNELS = 6  # three coordinates and their change from step to step


@dataclass(frozen=True)
class SkeletonClassification(Classification):
    """A sequence of any length becomes `steps` poses: placed about its own middle, divided by the body's own size, with
    the change from pose to pose beside each. Fast and slow performances of an action are then alike.

    In training each batch is turned about the vertical, resized, cut in time and shaken anew. A held-out sequence is
    read whole and as parts of it, and the probabilities are averaged.
    """

    joints: int
    up: int
    steps: int
    views: int
    turn: float
    resize: float
    crop: float
    jitter: float
    mean: tuple[tuple[float, ...], ...]
    std: tuple[float, ...]

    name: ClassVar[str] = "skeleton-classification"
    protocol: ClassVar[str] = "SignalClassifier"
    blank: ClassVar[Mapping[str, float]] = {"motion": 0.0}  # the mean pose of the training rows, and no movement

    @classmethod
    def fit(
        cls,
        rows: Sequence[Row],
        *,
        steps: int = 32,
        views: int = 5,
        turn: float = 30.0,
        resize: float = 0.1,
        crop: float = 0.75,
        jitter: float = 0.02,
    ) -> Self:
        """
        Args:
            steps: poses that the model sees of a sequence.
            views: parts of a held-out sequence that are averaged; 1 reads it whole, once.
            turn: degrees to either side about the vertical, in training.
            resize: share; 0.1 draws factors from 1 / 1.1 to 1.1 for each axis, in training.
            crop: shortest part of a sequence that training sees, as a share of it.
            jitter: spread of what is added to each coordinate in training, in sizes of the body.
        """
        if steps < 2 or views < 1 or not 0 < crop <= 1 or min(turn, resize, jitter) < 0:
            given = (
                f"steps = {steps}, views = {views}, crop = {crop}, turn = {turn}, resize = {resize}, jitter = {jitter}"
            )
            raise DataError(
                f"{given} do not go together; expected at least 2 steps, 1 view, a crop above 0 and up to 1, and "
                "nothing negative", where="task",
            )  # fmt: skip
        joints, up = rows[0]["motion"].shape[1], upright(row["motion"] for row in rows)
        bare = ((0.0,) * joints,) * CHANNELS
        plain = cls(cls.fit_labels(rows), joints, up, steps, views, turn, resize, crop, jitter, bare, (1.0,) * CHANNELS)
        sums, squares = np.zeros((CHANNELS, joints)), np.zeros((CHANNELS, joints))
        for begin in range(0, len(rows), AT_ONCE):
            poses = torch.from_numpy(np.stack([plain._packed(row["motion"]) for row in rows[begin : begin + AT_ONCE]]))
            values = plain.prepare({"motion": poses})["motion"].double().numpy()
            sums += values.mean(axis=3).sum(axis=0)
            squares += (values**2).mean(axis=3).sum(axis=0)
        mean = sums / len(rows)
        std = np.sqrt(np.maximum((squares / len(rows) - mean**2).mean(axis=1), 0.0))
        spread = tuple(np.where(std > 1e-6, std, 1.0).tolist())
        return replace(plain, mean=tuple(tuple(row) for row in mean.tolist()), std=spread)

    def dims(self) -> dict[str, Any]:
        return {
            "in_channels": CHANNELS * self.joints, "steps": self.steps, "in_features": 0,
            "num_outputs": len(self.labels),
        }  # fmt: skip

    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        motion = np.asarray(row["motion"])
        if motion.shape[1] != self.joints:
            raise DataError(f"has {motion.shape[1]} joints, the training rows {self.joints}", where="motion")
        if learn:
            target = self.target(row)
            if target is not None:
                yield {"motion": self._packed(motion), "label": target}
            return
        for first, last in self._views(len(motion)):
            yield {"motion": self._packed(motion[first:last])}

    def _views(self, frames: int) -> list[tuple[int, int]]:
        """The whole sequence, then parts of it, as long as the mean of those that training sees."""
        size = max(1, round(frames * (1 + self.crop) / 2))
        starts = np.linspace(0, frames - size, max(1, self.views - 1)).round().astype(int)
        return [(0, frames), *((int(s), int(s) + size) for s in starts[: self.views - 1])]

    def _packed(self, motion: np.ndarray) -> np.ndarray:
        """(3, J, S) float32."""
        poses = resampled(placed(motion), FINER * self.steps)  # (S, J, 3)
        return np.ascontiguousarray(poses.transpose(2, 1, 0), dtype=np.float32)

    def draw(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Turned, resized and shaken bodies, and a part of the sequence at another speed."""
        poses = batch["motion"]  # (B, 3, J, S)
        turned, cut, start, *sizes = torch.rand(6, len(poses), generator=generator).numpy()
        shaken = torch.empty(*poses.shape[:3], self.steps).normal_(0.0, self.jitter, generator=generator)
        length = 1 - (1 - self.crop) * cut  # (B,) shares
        first = (1 - length) * start
        at = first[:, None] + length[:, None] * np.linspace(0, 1, self.steps, dtype=np.float32)  # (B, T)
        # First: turning and resizing are the same for fewer poses.
        poses = _read_at(poses, torch.from_numpy(at).to(poses))
        moves = torch.from_numpy(self._turns(turned) * self._sizes(sizes)).to(poses)
        moved = torch.baddbmm(shaken.to(poses).flatten(2), moves, poses.flatten(2))
        return {**batch, "motion": moved.view_as(poses)}

    def _turns(self, drawn: Float[np.ndarray, " B"]) -> Float[np.ndarray, "B 3 3"]:
        angle = (2 * drawn - 1) * math.radians(self.turn)
        a, b = (axis for axis in range(3) if axis != self.up)
        turns = np.zeros((len(drawn), 3, 3), dtype=np.float32)
        turns[:, self.up, self.up] = 1.0
        turns[:, a, a] = turns[:, b, b] = np.cos(angle)
        turns[:, b, a] = np.sin(angle)
        turns[:, a, b] = -turns[:, b, a]
        return turns

    def _sizes(self, drawn: Sequence[Float[np.ndarray, " B"]]) -> Float[np.ndarray, "B 3 1"]:
        """A factor for each axis."""
        return np.exp((2 * np.stack(drawn, 1)[..., None] - 1) * np.float32(math.log1p(self.resize)))

    def prepare(self, batch: Batch) -> Batch:
        poses = batch["motion"]
        if poses.shape[1] == CHANNELS:
            return batch
        if poses.shape[3] != self.steps:
            poses = _read_at(poses, torch.linspace(0, 1, self.steps).to(poses).expand(len(poses), -1))
        change = poses.diff(dim=3)
        values = torch.cat([poses, torch.cat([change, change[..., -1:]], 3)], 1)  # (B, 6, J, T)
        mean, std = torch.tensor(self.mean).to(values), torch.tensor(self.std).to(values)
        return {**batch, "motion": (values - mean[..., None]) / std[:, None, None]}

    def scores(self, model: nn.Module, batch: Batch) -> Float[Tensor, "B C"]:
        motion = batch["motion"]
        return model(motion.flatten(1, 2), motion.new_zeros(len(motion), 0))

    def pieces(self, row: Row, example: Example) -> list[Piece]:
        """Each joint in each of four stretches of time: [joint, first step, end]."""
        size = -(-self.steps // STRETCHES)
        stretches = [(start, min(start + size, self.steps)) for start in range(0, self.steps, size)]
        return [
            Piece([joint, a, b], {"motion": (slice(None), joint, slice(a, b))})
            for a, b in stretches
            for joint in range(self.joints)
        ]


def _read_at(poses: Float[Tensor, "B D J S"], at: Float[Tensor, "B T"]) -> Float[Tensor, "B D J T"]:
    """Poses between those that there are, at times from 0 to 1."""
    place = at * (poses.shape[3] - 1)
    low = place.floor().clamp(max=poses.shape[3] - 2).long()
    part = (place - low)[:, None, None]
    before, after = (
        poses.gather(3, index[:, None, None].expand(-1, poses.shape[1], poses.shape[2], -1)) for index in (low, low + 1)
    )
    return before.lerp_(after, part.expand(before.shape))


task = SkeletonClassification
