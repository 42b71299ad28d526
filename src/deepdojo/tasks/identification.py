"""A picture and a gallery of named ones -> whose picture it is. Episodes of one-shot learning are galleries, too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from deepdojo.tasks.base import Part, Row
from deepdojo.tasks.metric_learning import MOST_COMPARED, MetricLearning, likeness_of

__all__ = ["Identification", "task"]


@dataclass(frozen=True)
class Identification(MetricLearning):
    """The name of the nearest picture of the gallery; `similarities` are those of the names, in the gallery's order."""

    name: ClassVar[str] = "identification"

    def compared(self, row: Row) -> list[Any]:
        return [cell for _, cell in row.get("gallery") or ()]

    def chosen(self, row: Row) -> tuple[list[Any], int]:
        """The first picture of the right name, then those of the others, as many as fit."""
        first: dict[str, Any] = {}
        for name, cell in row["gallery"]:
            first.setdefault(name, cell)
        right = [first.pop(row["label"])] if row["label"] in first else []
        return [*right, *first.values()][:MOST_COMPARED], len(right)

    def surprise(self, likeness: Float[Tensor, "B G"], keep: Tensor, right: Tensor) -> Float[Tensor, " B"]:
        """-log softmax of the likenesses at the right picture, which stands first."""
        likeness = likeness.masked_fill(~keep, -torch.inf)
        return likeness.logsumexp(1) - likeness[:, 0]

    def decode(self, row: Row, parts: list[Part]) -> dict[str, Any]:
        likeness = likeness_of(parts[0], np.stack(parts[1:]))
        best: dict[str, float] = {}
        for (name, _), value in zip(row["gallery"], likeness.tolist(), strict=True):
            best[name] = max(value, best.get(name, -np.inf))
        return {"label": max(best, key=best.__getitem__), "similarities": np.array(list(best.values()))}


task = Identification
