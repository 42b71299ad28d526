"""Row of a table -> number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.data.codecs.columns import Columns
from deepdojo.errors import DataError
from deepdojo.tasks.base import Batch, Example, Part, Piece, Row, Task, mean_of
from deepdojo.tasks.table import column_pieces, encode_records, fit_columns, table_dims

__all__ = ["TabularRegression", "task"]


@dataclass(frozen=True)
class TabularRegression(Task):
    """Squared error of the standardised value: ((value - mean) / spread - output)^2."""

    mean: float
    std: float
    columns: Columns

    name: ClassVar[str] = "tabular-regression"
    protocol: ClassVar[str] = "TableModel"
    blank: ClassVar[Mapping[str, float]] = {"numbers": 0.0, "categories": 0}

    @classmethod
    def fit(cls, rows: Sequence[Row]) -> Self:
        values = np.fromiter((row["value"] for row in rows), dtype=np.float64, count=len(rows))
        if len(values) == 0 or float(values.std()) == 0.0:
            raise DataError(
                "the target has the same value in every training row, so there is nothing to predict",
                where="value",
                todo="choose another target",
            )
        return cls(float(values.mean()), float(values.std()), fit_columns(rows))

    def dims(self) -> dict[str, Any]:
        return {**table_dims(self.columns), "num_outputs": 1}

    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        for examples in self.encode_many([row], learn=learn):
            yield from examples

    def encode_many(self, rows: Sequence[Row], *, learn: bool) -> Iterator[list[Example]]:
        for row, example in zip(rows, encode_records(self.columns, rows), strict=True):
            if learn:
                example["value"] = np.float32((row["value"] - self.mean) / self.std)
            yield [example]

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        output = model(batch["numbers"], batch["categories"]).squeeze(-1)
        total = (output.float() - batch["value"]) ** 2
        return total, torch.ones_like(total)

    def predict(self, model: nn.Module, batch: Batch) -> list[Part]:
        output = model(batch["numbers"], batch["categories"]).squeeze(-1)
        return list(output.cpu().double().numpy())

    def decode(self, row: Row, parts: list[Part]) -> dict[str, Any]:
        return {"value": float(mean_of(parts)) * self.std + self.mean}

    def pieces(self, row: Row, example: Example) -> list[Piece]:
        return column_pieces(self.columns)


task = TabularRegression
