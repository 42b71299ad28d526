"""From predicted rows to score.json and rows.parquet, after training, by `deepdojo.scoring` alone."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.columns import Numbers
from deepdojo.contracts import Contract
from deepdojo.data.rowset import column, with_ids
from deepdojo.errors import ScoreError
from deepdojo.scoring.score import Score, score
from deepdojo.tables import Table, TableRows, align, write_table

__all__ = ["Judge", "table_of", "write_predictions", "write_rows"]


def table_of(rows: Sequence[Mapping[str, Any]], contract: Contract) -> Table:
    """Predicted rows as a prediction table."""
    names = ["id", *contract.predictions]
    if isinstance(rows, TableRows) and list(rows.table.columns) == names:
        return rows.table
    return Table({name: [row[name] for row in rows] for name in names})


@dataclass(frozen=True)
class Judge:
    """The project's metric over its contract; knows how to score a list of predicted rows.

    Attributes:
        metric: a name of `dojo list metrics`, or `python:FILE` beside project.toml.
        folder: where FILE lies.
        trusted: the user agreed that FILE may run.
    """

    contract: Contract
    metric: str
    folder: Path
    trusted: bool = False

    @property
    def custom(self) -> bool:
        return self.metric.startswith("python:")

    @property
    def higher_is_better(self) -> bool:
        if self.custom:
            from deepdojo.scoring.custom import load_metric

            return load_metric(self.folder / self.metric.removeprefix("python:"), trusted=self.trusted).higher_is_better
        from deepdojo.scoring.metrics import METRICS

        return METRICS[self.metric].higher_is_better

    def score(self, truth: Sequence[Mapping[str, Any]], table: Table, *, groups: np.ndarray | None = None) -> Score:
        """Value, interval and per-row influence. Raises ScoreError."""
        if self.custom:
            from deepdojo.scoring.custom import score_with_file

            path = self.folder / self.metric.removeprefix("python:")
            return score_with_file(path, self.contract, truth, table, trusted=self.trusted, groups=groups)
        return score(self.contract, self.metric, truth, table, groups=groups)

    def value(self, truth: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> float:
        """The bare value, as validation needs it after every epoch."""
        if self.custom:
            return self.score(truth, table_of(rows, self.contract)).value
        from deepdojo.scoring.metrics import METRICS, columns_of, truth_cells

        metric = METRICS[self.metric]
        _, predicted = columns_of(self.contract, metric)
        table = table_of(rows, self.contract)
        kept = with_ids(truth, table.ids)
        cells = align(column(kept, "id"), table).columns[predicted]
        return metric(truth_cells(self.contract, metric, kept), cells).value()

    def others(
        self,
        truth: Sequence[Mapping[str, Any]],
        table: Table,
        groups: np.ndarray | None,
        *,
        until: float = math.inf,
    ) -> dict[str, dict[str, float]]:
        """All further metrics of the contract that are defined on these rows; none is begun after `until` (of
        `time.monotonic()`)."""
        from deepdojo.scoring.metrics import metrics_for

        found = {}
        for name in metrics_for(self.contract):
            if name == self.metric or time.monotonic() > until:
                continue
            try:
                other = score(self.contract, name, truth, table, groups=groups)
            except ScoreError:
                continue
            found[name] = {"value": other.value, "low": other.low, "high": other.high}
        return found


def write_predictions(folder: Path, name: str, table: Table, contract: Contract) -> None:
    write_table(folder / name, table, dict(contract.predictions))


def write_rows(
    folder: Path, contract: Contract, truth: Sequence[Mapping[str, Any]], judged: Score, groups: np.ndarray | None
) -> None:
    """rows.parquet: id, targets, per-row influence and loss (larger is worse), group; the raw material of every
    comparison."""
    sign = -1.0 if judged.higher_is_better else 1.0
    columns: dict[str, Sequence[Any]] = {name: column(truth, name) for name in ("id", *contract.targets)}
    columns["influence"] = Numbers(judged.influence)
    columns["loss"] = Numbers(sign * judged.influence)
    columns["group"] = Numbers(groups if groups is not None else np.arange(len(truth)))
    write_table(folder / "rows.parquet", Table(columns), rows_kinds(contract))


def rows_kinds(contract: Contract) -> dict[str, Any]:
    """Column kinds of rows.parquet."""
    return {**contract.targets, "influence": "number", "loss": "number", "group": "number"}
