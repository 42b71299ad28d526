"""Row of a table -> class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.data.codecs.columns import Columns
from deepdojo.tasks.base import Batch, Example, Piece, Row
from deepdojo.tasks.classification import Classification
from deepdojo.tasks.table import column_pieces, encode_records, fit_columns, table_dims

__all__ = ["TabularClassification", "task"]


@dataclass(frozen=True)
class TabularClassification(Classification):
    """Standardised numbers and category indices."""

    columns: Columns

    name: ClassVar[str] = "tabular-classification"
    protocol: ClassVar[str] = "TableModel"
    blank: ClassVar[Mapping[str, float]] = {"numbers": 0.0, "categories": 0}

    @classmethod
    def fit(cls, rows: Sequence[Row]) -> Self:
        return cls(cls.fit_labels(rows), fit_columns(rows))

    def dims(self) -> dict[str, Any]:
        return {**table_dims(self.columns), "num_outputs": len(self.labels)}

    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        for examples in self.encode_many([row], learn=learn):
            yield from examples

    def encode_many(self, rows: Sequence[Row], *, learn: bool) -> Iterator[list[Example]]:
        for row, example in zip(rows, encode_records(self.columns, rows), strict=True):
            target = self.target(row) if learn else None
            if target is not None:
                example["label"] = target
            yield [example] if target is not None or not learn else []

    def scores(self, model: nn.Module, batch: Batch) -> Float[Tensor, "B C"]:
        return model(batch["numbers"], batch["categories"])

    def pieces(self, row: Row, example: Example) -> list[Piece]:
        return column_pieces(self.columns)


task = TabularClassification
