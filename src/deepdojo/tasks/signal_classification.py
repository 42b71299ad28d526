"""Signal -> class: channels over time, as a heart beat, a sensor or several of them.

Legend: B examples in a batch, Ch channels, T steps, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.data.rowset import column
from deepdojo.errors import DataError
from deepdojo.tasks.base import Batch, Example, Piece, Row
from deepdojo.tasks.classification import Classification

__all__ = ["SignalClassification", "task"]

MOST_STRETCHES = 25


@dataclass(frozen=True)
class SignalClassification(Classification):
    """Each channel is standardised by its mean and spread over all steps of all training rows.

    A channel may hold one number at all its steps: something else that is known of the row.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    steps: int

    name: ClassVar[str] = "signal-classification"
    protocol: ClassVar[str] = "Classifier"
    blank: ClassVar[Mapping[str, float]] = {"signal": 0.0}

    @classmethod
    def fit(cls, rows: Sequence[Row]) -> Self:
        sums, squares, count = np.zeros(1), np.zeros(1), 0
        steps = int(np.shape(rows[0]["signal"])[1])
        for cell in column(rows, "signal"):
            values = np.asarray(cell, dtype=np.float64)
            sums, squares, count = sums + values.sum(axis=1), squares + (values**2).sum(axis=1), count + values.shape[1]
        mean = sums / count
        std = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
        std = np.where(std > 1e-9 * np.abs(mean), std, 1.0)
        return cls(cls.fit_labels(rows), tuple(mean.tolist()), tuple(std.tolist()), steps)

    def dims(self) -> dict[str, Any]:
        return {"in_channels": len(self.mean), "steps": self.steps, "num_outputs": len(self.labels)}

    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        signal = np.asarray(row["signal"], dtype=np.float64)
        if signal.shape != (len(self.mean), self.steps):
            got, wanted = " x ".join(map(str, signal.shape)), f"{len(self.mean)} x {self.steps}"
            raise DataError(f"the signal is {got}, the first training row {wanted}", where="signal")
        scaled = (signal - np.array(self.mean)[:, None]) / np.array(self.std)[:, None]
        example: Example = {"signal": scaled.astype(np.float32)}
        if learn:
            target = self.target(row)
            if target is None:
                return
            example["label"] = target
        yield example

    def scores(self, model: nn.Module, batch: Batch) -> Float[Tensor, "B C"]:
        return model(batch["signal"])

    def pieces(self, row: Row, example: Example) -> list[Piece]:
        """Stretches of time, at most 25, over all channels that vary; and each channel that holds one number."""
        signal = example["signal"]
        flat = np.ptp(signal, axis=1) == 0
        moving = np.flatnonzero(~flat)
        size = -(-self.steps // MOST_STRETCHES)
        stretches = [range(start, min(start + size, self.steps)) for start in range(0, self.steps, size)]
        found = [
            Piece(_said(s), {"signal": np.ix_(moving, np.arange(s.start, s.stop))}) for s in stretches if len(moving)
        ]
        return found + [Piece(f"channel {k + 1}", {"signal": (int(k), slice(None))}) for k in np.flatnonzero(flat)]


def _said(steps: range) -> str:
    """Steps counted from 1."""
    return f"{steps.start + 1} to {steps.stop}" if len(steps) > 1 else f"{steps.start + 1}"


task = SignalClassification
