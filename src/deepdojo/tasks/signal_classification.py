"""Signal -> class: channels over time, as a heart beat, a sensor or several of them.

Legend: B examples in a batch, Ch channels, T steps, N numbers, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.errors import DataError
from deepdojo.tasks.base import Batch, Example, Piece, Row
from deepdojo.tasks.classification import Classification

__all__ = ["SignalClassification", "task"]

MOST_STRETCHES = 25


@dataclass(frozen=True)
class SignalClassification(Classification):
    """Each channel is standardised by its mean and spread over all steps of all training rows, each of the numbers that
    a row may have beside its signal by its own.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    steps: int
    numbers_mean: tuple[float, ...]
    numbers_std: tuple[float, ...]

    name: ClassVar[str] = "signal-classification"
    protocol: ClassVar[str] = "SignalClassifier"
    blank: ClassVar[Mapping[str, float]] = {"signal": 0.0, "numbers": 0.0}

    @classmethod
    def fit(cls, rows: Sequence[Row]) -> Self:
        first = rows[0]
        channels, steps = np.shape(first["signal"])
        signals, numbers = _Spread(channels), _Spread(len(first.get("numbers", ())))
        for row in rows:
            signals.add(_sized(row, "signal", (channels, steps)))
            numbers.add(_sized(row, "numbers", (len(numbers.sums),))[:, None])
        return cls(cls.fit_labels(rows), *signals.both(), int(steps), *numbers.both())

    def dims(self) -> dict[str, Any]:
        return {
            "in_channels": len(self.mean), "steps": self.steps, "in_features": len(self.numbers_mean),
            "num_outputs": len(self.labels),
        }  # fmt: skip

    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        signal = _sized(row, "signal", (len(self.mean), self.steps))
        numbers = _sized(row, "numbers", (len(self.numbers_mean),))
        scaled = (signal - np.array(self.mean)[:, None]) / np.array(self.std)[:, None]
        beside = (numbers - np.array(self.numbers_mean)) / np.array(self.numbers_std)
        example: Example = {"signal": scaled.astype(np.float32), "numbers": beside.astype(np.float32)}
        if learn:
            target = self.target(row)
            if target is None:
                return
            example["label"] = target
        yield example

    def scores(self, model: nn.Module, batch: Batch) -> Float[Tensor, "B C"]:
        return model(batch["signal"], batch["numbers"])

    def pieces(self, row: Row, example: Example) -> list[Piece]:
        """Stretches of time, at most 25, over all channels; and each number."""
        size = -(-self.steps // MOST_STRETCHES)
        stretches = [(start, min(start + size, self.steps)) for start in range(0, self.steps, size)]
        found = [Piece([a, b], {"signal": (slice(None), slice(a, b))}) for a, b in stretches]
        return found + [Piece(f"number {k + 1}", {"numbers": k}) for k in range(len(self.numbers_mean))]


class _Spread:
    """Sums of (n, T) values from which mean and deviation of each of n come, without keeping the rows."""

    def __init__(self, n: int) -> None:
        self.sums, self.squares, self.count = np.zeros(n), np.zeros(n), 0

    def add(self, values: np.ndarray) -> None:
        self.sums += values.sum(axis=1)
        self.squares += (values**2).sum(axis=1)
        self.count += values.shape[1]

    def both(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        mean = self.sums / self.count
        std = np.sqrt(np.maximum(self.squares / self.count - mean**2, 0.0))
        return tuple(mean.tolist()), tuple(np.where(std > 1e-9 * np.abs(mean), std, 1.0).tolist())


def _sized(row: Row, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A cell of the size that the first training row has. Raises DataError."""
    values = np.asarray(row.get(name, ()), dtype=np.float64)  # an optional input may be absent
    if values.shape != shape:
        got, wanted = (" x ".join(map(str, size)) for size in (values.shape, shape))
        raise DataError(f"{name} has {got} values, the first training row {wanted}", where=name)
    return values


task = SignalClassification
