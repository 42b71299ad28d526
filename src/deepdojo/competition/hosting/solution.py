"""The answers of the test rows, in a folder that the host alone may read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.competition.event import INPUTS
from deepdojo.competition.hosting.new_ids import keyed
from deepdojo.contracts import Contract, KindName, contract_of
from deepdojo.data.digests import digest_of_lines, line_of
from deepdojo.errors import DojoError
from deepdojo.places import write_json, write_text
from deepdojo.scoring.score import Score, score
from deepdojo.scoring.submission import Submission
from deepdojo.tables import Table, align, check_cells, read_table, write_table

__all__ = [
    "METRIC_FILE", "PRIVATE", "PUBLIC", "Solution", "close_to_others", "public_rows", "read_solution",
    "write_solution",
]  # fmt: skip

PUBLIC, PRIVATE = "Public", "Private"
METRIC_FILE = "metric.py"
_SOLUTION, _FACTS, _KEY = "solution.parquet", "solution.json", "key"


@dataclass(frozen=True)
class Solution:
    """What a scoring worker needs to know.

    Attributes:
        rows: `id` and the contract's targets, sorted by id.
        public: (n,) bool, the rows of the public board.
        groups: (n,) int64, the same number for rows of one group; None without groups.
        metric: a name of `dojo list metrics`, or python:metric.py beside the solution.
        labels: the labels that may be predicted; None where any may.
        digest: SHA-256 over ids and targets: scores compare only where it is the same.
    """

    folder: Path
    contract: Contract
    metric: str
    rows: Sequence[Mapping[str, Any]] = field(repr=False)
    public: np.ndarray = field(repr=False)
    groups: np.ndarray | None = field(repr=False)
    labels: frozenset[str] | None = field(repr=False)
    digest: str

    @property
    def custom(self) -> bool:
        return self.metric.startswith("python:")

    @cached_property
    def ids(self) -> list[str]:
        return [row["id"] for row in self.rows]

    def read(self, path: Path) -> Table:
        """A table of predictions, all of its cells checked. Raises ScoreError naming file, row and column."""
        table = Submission.read(path, self.contract, metric=None if self.custom else self.metric).table
        kinds = {name: kind for name, kind in self.contract.predictions.items() if name in table.columns}
        check_cells(table, kinds, labels=self.labels)
        return table

    def score(self, table: Table, part: np.ndarray | None = None, *, trusted: bool = False) -> Score:
        """The score on all rows, or on those of a mask.

        Args:
            trusted: the host's own metric may run in this process; a worker runs it in the sandbox instead.

        Raises:
            ScoreError: ids missing, doubled or foreign; a metric that is not defined on these rows.
        """
        rows, groups, lined_up = self.rows, self.groups, align(self.ids, table)
        if part is not None:
            at = np.flatnonzero(part).tolist()
            rows = [rows[i] for i in at]
            groups = None if groups is None else groups[part]
            lined_up = Table({name: [cells[i] for i in at] for name, cells in lined_up.columns.items()}, table.source)
        if self.custom:
            from deepdojo.scoring.custom import score_with_file

            return score_with_file(
                self.folder / METRIC_FILE, self.contract, rows, lined_up, trusted=trusted, groups=groups
            )
        return score(self.contract, self.metric, rows, lined_up, groups=groups)


def public_rows(key: bytes, ids: Sequence[str], groups: Sequence[str] | None, share: float) -> np.ndarray:
    """(n,) bool: which rows are on the public board. Whole groups, in the order of a keyed hash, until the share is
    reached as closely as groups allow; never all rows, and never none."""
    units = list(ids) if groups is None else list(groups)
    sizes: dict[str, int] = {}
    for unit in units:
        sizes[unit] = sizes.get(unit, 0) + 1
    order = sorted(sizes, key=lambda unit: keyed(key, "usage", unit))
    wanted, taken = share * len(ids), 0
    chosen: set[str] = set()
    for unit in order[:-1]:
        if chosen and abs(taken + sizes[unit] - wanted) > abs(taken - wanted):
            break
        chosen.add(unit)
        taken += sizes[unit]
    return np.array([unit in chosen for unit in units], dtype=bool)


def write_solution(
    folder: Path,
    *,
    contract: Contract,
    task: str,
    metric: str,
    rows: Sequence[Mapping[str, Any]],
    public: np.ndarray,
    groups: Sequence[str] | None,
    labels: Sequence[str] | None,
    key: bytes,
    facts: Mapping[str, Any],
) -> None:
    """solution.parquet, solution.json and the key.

    Args:
        rows: `id` (the new one) and targets, sorted by id.
        groups: of each row a name that tells nobody anything.
        facts: more to write down: where the rows came from.
    """
    columns: dict[str, Sequence[Any]] = {"id": [row["id"] for row in rows]}
    kinds: dict[str, KindName] = dict(contract.targets)
    columns |= {name: [row[name] for row in rows] for name in contract.targets}
    columns["usage"] = [PUBLIC if there else PRIVATE for there in public]
    kinds["usage"] = "label"
    if groups is not None:
        columns["group"], kinds["group"] = groups, "label"
    write_table(folder / _SOLUTION, Table(columns), kinds)
    # Of what is read back: a whole number is written 4 here and 4.0 there.
    _, back = _rows_of(folder / _SOLUTION, contract)
    write_json(folder / _FACTS, {
        "task": task, "metric": metric, "inputs": list(contract.inputs), "positive": contract.positive,
        "labels": labels, "digest": digest_of_lines(map(line_of, back)), **facts,
    })  # fmt: skip
    write_text(folder / _KEY, key.hex() + "\n")


def read_solution(private: Path) -> Solution:
    """What `publish` has written into events/NAME/private.

    Raises:
        DojoError: the folder is incomplete, or damaged: its digest is another than the one that was written down.
    """
    private = Path(private)
    try:
        facts = json.loads((private / _FACTS).read_text(encoding="utf-8"))
        contract = contract_of(facts["task"])
        given = [name for name in contract.inputs if name in facts["inputs"] or name not in contract.optional]
        contract = replace(contract.given(given), positive=facts["positive"])
        table, rows = _rows_of(private / _SOLUTION, contract)
        labels, digest, metric = facts["labels"], str(facts["digest"]), str(facts["metric"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DojoError(
            f"the solution cannot be read ({error})", where=str(private), todo="restore the event from its backup"
        ) from None
    if digest_of_lines(map(line_of, rows)) != digest:
        raise DojoError(
            "the solution is not the one that was hosted", where=str(private), todo="restore the event from its backup"
        )
    groups = None
    if "group" in table.columns:
        groups = np.unique(np.array(list(table.columns["group"]), dtype=object), return_inverse=True)[1]
    public = np.array([usage == PUBLIC for usage in table.columns["usage"]], dtype=bool)
    known = None if labels is None else frozenset(labels)
    return Solution(private, contract, metric, rows, public, groups, known, digest)


def _rows_of(path: Path, contract: Contract) -> tuple[Table, list[dict[str, Any]]]:
    kinds: dict[str, KindName] = {**contract.targets, "usage": "label", "group": "label"}
    table = read_table(path, kinds, required={*contract.targets, "usage"})
    names = ("id", *contract.targets)
    cells = zip(*(table.columns[name] for name in names), strict=True)
    return table, [dict(zip(names, row, strict=True)) for row in cells]


def close_to_others(folder: Path) -> None:
    """Mode 0700 for a folder and those in it, 0600 for files. On Windows the folder has the rights of the one that it
    lies in: only the user's own folders are closed to others there.

    What programs read (`inputs`) is closed by the folder around it alone: a sandbox, which has a uid of its own, is
    given it as it is, and not a copy for each run."""
    if os.name != "posix":
        return
    inputs = folder / INPUTS
    for path in [*folder.rglob("*"), folder]:
        if path == inputs or inputs in path.parents:
            path.chmod(0o755 if path.is_dir() else 0o644)
        else:
            path.chmod(0o700 if path.is_dir() else 0o600)
