"""Two pictures -> how alike they are: do they show the same?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from deepdojo.contracts import SAME
from deepdojo.tasks.base import Part, Row
from deepdojo.tasks.metric_learning import MetricLearning, likeness_of

__all__ = ["Verification", "task"]


@dataclass(frozen=True)
class Verification(MetricLearning):
    """The likeness of a pair is its answer; where to draw the line is for who uses it."""

    name: ClassVar[str] = "verification"

    def compared(self, row: Row) -> list[Any]:
        return [] if row.get("other") is None else [row["other"]]

    def chosen(self, row: Row) -> tuple[list[Any], int]:
        return [row["other"]], int(row["label"] == SAME)

    def surprise(self, likeness: Float[Tensor, "B G"], keep: Tensor, right: Tensor) -> Float[Tensor, " B"]:
        """The distance of pairs that are the same, minus that of pairs that are not."""
        return torch.where(right > 0, -likeness[:, 0], likeness[:, 0])

    def decode(self, row: Row, parts: list[Part]) -> dict[str, Any]:
        return {"similarity": float(likeness_of(parts[0], np.stack(parts[1:]))[0])}

    def as_truth(self, row: Row, cells: Mapping[str, Any]) -> Row:
        """An explanation asks what makes the two alike."""
        return {**row, "label": SAME}


task = Verification
