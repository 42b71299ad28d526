"""A dataset held in memory, with what `dojo check` asks of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from deepdojo.contracts import contract_of


@dataclass
class MadeDataset:
    """Rows by split. Held-out rows lose their targets, as in a real dataset."""

    task: str
    parts: dict[str, list[dict[str, Any]]]
    rejected: Sequence[Any] = ()
    test_groups: np.ndarray | None = None
    project: Any = field(init=False)

    def __post_init__(self) -> None:
        self.project = SimpleNamespace(contract=contract_of(self.task))
        inputs = {"id", *self.project.contract.inputs}
        self.parts["test"] = [{k: v for k, v in row.items() if k in inputs} for row in self.parts["test"]]
        self.lines = {row["id"]: k for k, row in enumerate((r for rows in self.parts.values() for r in rows), start=2)}

    def rows(self, split: str) -> list[dict[str, Any]]:
        return self.parts[split]

    def groups(self, split: str) -> np.ndarray | None:
        return self.test_groups

    def where(self, row_id: str) -> tuple[str, int | None]:
        return "rows.csv", self.lines[row_id]


def dataset(task: str, rows: list[dict[str, Any]], **arguments: Any) -> MadeDataset:
    """70 % training, 10 % validation, 20 % held-out rows, in order."""
    a, b = int(len(rows) * 0.7), int(len(rows) * 0.8)
    for k, row in enumerate(rows):
        row.setdefault("id", f"r{k}")
    return MadeDataset(task, {"train": rows[:a], "validation": rows[a:b], "test": rows[b:]}, **arguments)
