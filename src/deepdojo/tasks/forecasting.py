"""The past of a series -> its next steps: quantiles, of which the median is the forecast.

Legend: B examples in a batch, T steps of the past, H steps ahead, F numbers known of each of these, Q quantiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.data.rowset import column
from deepdojo.errors import DataError, RecipeError
from deepdojo.tasks.base import Batch, Example, Part, Piece, Row, Task, mean_of

__all__ = ["Forecasting", "task"]

CENTRES = ("mean", "last")
MOST_STRETCHES = 24
SMALLEST = 1e-6
"""Of a window's own size: less spread than this is rounding."""


@dataclass(frozen=True)
class Forecasting(Task):
    """Pinball loss of the quantiles 1/(Q+1), ..., Q/(Q+1), in units of MASE.

    Each window is moved by its centre and divided by its spread, so a model sees no units: z = (y - c) / s. The loss of
    a window is multiplied by s / scale, with the row's scale of the target: what is small in MASE is small in training.
    That factor is cut at its 95 % quantile over training rows, so that a few windows do not decide.
    """

    context: int
    horizon: int
    centre: str
    quantiles: int
    known_mean: tuple[float, ...]
    known_std: tuple[float, ...]
    most: float

    name: ClassVar[str] = "forecasting"
    protocol: ClassVar[str] = "Forecaster"
    blank: ClassVar[Mapping[str, float]] = {"past": 0.0, "known": 0.0}

    @classmethod
    def fit(cls, rows: Sequence[Row], *, centre: str = "mean", quantiles: int = 9) -> Self:
        """
        Args:
            centre: what a window is moved by: its mean, or its last value, for series without a level.
            quantiles: an odd number, so that one is the median.
        """
        if centre not in CENTRES:
            raise RecipeError(f"centre is {centre!r}", where="task.centre", todo=f"take one of {', '.join(CENTRES)}")
        if quantiles < 1 or quantiles % 2 == 0:
            raise RecipeError(
                f"{quantiles} quantiles have no median", where="task.quantiles", todo="take an odd number"
            )
        first = rows[0]
        known = np.stack([np.asarray(cell, dtype=np.float64) for cell in column(rows, "known")])  # (n, F, H)
        std = known.std(axis=(0, 2))
        ratios = [_scaling(row["past"], centre)[1] / row["scale"] for row in rows]
        return cls(
            len(first["past"]), len(first["future"]), centre, quantiles,
            tuple(known.mean(axis=(0, 2)).tolist()), tuple(np.where(std > 0, std, 1.0).tolist()),
            float(np.quantile(ratios, 0.95)),
        )  # fmt: skip

    def dims(self) -> dict[str, Any]:
        return {
            "context": self.context, "horizon": self.horizon, "known_channels": len(self.known_mean),
            "num_outputs": self.quantiles,
        }  # fmt: skip

    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        past, known = np.asarray(row["past"], dtype=np.float64), np.asarray(row["known"], dtype=np.float64)
        self._refuse(past, known)
        c, s = _scaling(past, self.centre)
        mean, std = np.array(self.known_mean)[:, None], np.array(self.known_std)[:, None]
        example: Example = {
            "past": ((past - c) / s).astype(np.float32),
            "known": np.clip((known - mean) / std, -10, 10).astype(np.float32),
        }
        if learn:
            future = np.asarray(row["future"], dtype=np.float64)
            if len(future) != self.horizon:
                raise DataError(
                    f"the future has {len(future)} steps, training rows have {self.horizon}", where="future"
                )
            example["future"] = ((future - c) / s).astype(np.float32)
            example["weight"] = np.float32(min(s / row.get("scale", s), self.most))  # explained rows have no scale
        yield example

    def _refuse(self, past: np.ndarray, known: np.ndarray) -> None:
        if len(past) != self.context:
            raise DataError(f"the past has {len(past)} steps, training rows have {self.context}", where="past")
        wanted = (len(self.known_mean), self.horizon)
        if known.shape != wanted:
            said = " x ".join(map(str, known.shape))
            raise DataError(f"known is {said}, training rows have {wanted[0]} x {wanted[1]}", where="known")

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        q = model(batch["past"], batch["known"]).float()  # (B, H, Q)
        level = torch.arange(1, self.quantiles + 1, device=q.device) / (self.quantiles + 1)
        off = batch["future"][:, :, None] - q
        total = torch.maximum(level * off, (level - 1) * off).mean(dim=(1, 2)) * batch["weight"]
        return total, torch.ones_like(total)

    def predict(self, model: nn.Module, batch: Batch) -> list[Part]:
        """Sorted: quantiles that crossed are exchanged (Chernozhukov, Fernández-Val, Galichon 2010)."""
        q = model(batch["past"], batch["known"]).float().cpu().double()
        return list(q.sort(dim=-1).values.numpy())

    def decode(self, row: Row, parts: list[Part]) -> dict[str, Any]:
        c, s = _scaling(np.asarray(row["past"], dtype=np.float64), self.centre)
        q = mean_of(parts).T * s + c  # (Q, H)
        return {"future": q[self.quantiles // 2], "quantiles": q}

    def pieces(self, row: Row, example: Example) -> list[Piece]:
        """Stretches of the past, at most 24, and each row of what is known ahead."""
        size = -(-self.context // MOST_STRETCHES)
        ends = range(self.context, 0, -size)
        found = [Piece([max(0, end - size), end], {"past": slice(max(0, end - size), end)}) for end in reversed(ends)]
        rows = range(1, len(self.known_mean))  # the first counts steps: the same in every row
        return found + [Piece(f"known {k}", {"known": (k, slice(None))}) for k in rows]


def _scaling(past: Any, centre: str) -> tuple[float, float]:
    """(c, s): the mean or the last value, and the mean absolute distance from it."""
    values = np.asarray(past, dtype=np.float64)
    c = float(values.mean() if centre == "mean" else values[-1])
    s = float(np.abs(values - c).mean())
    return c, max(s, SMALLEST * abs(c)) or 1.0


task = Forecasting
