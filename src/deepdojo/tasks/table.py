"""What classification and regression of table rows share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from deepdojo.data.codecs.columns import Columns
from deepdojo.data.rowset import column
from deepdojo.errors import DataError
from deepdojo.tasks.base import Example, Piece, Row

__all__ = ["column_pieces", "encode_records", "fit_columns", "table_dims"]


def fit_columns(rows: Sequence[Row]) -> Columns:
    """Raises DataError when no column has a value."""
    columns = Columns.fit(column(rows, "features"))
    if not columns.numbers and not columns.categories:
        raise DataError("no feature column has a value in the training rows", where="columns.features")
    return columns


def table_dims(columns: Columns) -> dict[str, Any]:
    return {"in_features": columns.width, "category_sizes": columns.sizes}


def encode_records(columns: Columns, rows: Sequence[Row]) -> Iterator[Example]:
    numbers, categories = columns.encode_all([row["features"] for row in rows])
    for some_numbers, some_categories in zip(numbers, categories, strict=True):
        yield {"numbers": some_numbers, "categories": some_categories}


def column_pieces(columns: Columns) -> list[Piece]:
    """One piece a column; what was dropped in fitting has none."""
    return [
        Piece(name, {entry: at for entry, at in (("numbers", numbers), ("categories", categories)) if at})
        for name, (numbers, categories) in columns.positions().items()
    ]
