"""One event's hidden answers, ready to judge tables: parsed and lined up once, then scored on both parts of the rows.

Only the scoring process holds a Judge.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.columns import Cells, Coded, Numbers
from deepdojo.competition.cost import run_cost
from deepdojo.competition.hosting.solution import METRIC_FILE, Solution, read_solution
from deepdojo.competition.worker.bounds import refuse_oversized
from deepdojo.competition.worker.plain_csv import PlainReader
from deepdojo.errors import DojoError, ScoreError
from deepdojo.scoring.measured import group_index
from deepdojo.scoring.metrics import METRICS, columns_of, metric_of, truth_cells
from deepdojo.scoring.score import from_measured
from deepdojo.scoring.submission import Submission, read_manifest
from deepdojo.tables import Table, align, check_cells
from deepdojo.tables_io import SUFFIXES, read_bytes

__all__ = ["PARTS", "Judge", "Judged"]

PARTS = ("public", "private")
_ZIP, _PARQUET = b"PK\x03\x04", b"PAR1"


class Judged(dict[str, Any]):
    """value, low, high, n, interval, metric, higher_is_better and influence of one part."""


class Judge:
    """Scores tables for one event and one version of its answers.

    Args:
        private: the folder of the answers.
    """

    def __init__(self, private: Path) -> None:
        self.solution: Solution = read_solution(private)
        s = self.solution
        self.rows = {"public": np.flatnonzero(s.public), "private": np.flatnonzero(~s.public)}
        self.groups = {name: None if s.groups is None else _from_zero(s.groups[at]) for name, at in self.rows.items()}
        if s.custom:
            return
        self.metric = metric_of(s.metric)
        target, self.column = columns_of(s.contract, self.metric)
        answers = Table({"id": s.ids, target: [row[target] for row in s.rows]}, "the solution")
        check_cells(answers, {target: s.contract.targets[target]})
        truth = list(truth_cells(s.contract, self.metric, s.rows))
        self.plain = PlainReader(s.ids, self.column, s.contract.predictions[self.column], s.labels)
        self.truth = {name: _pick(truth, at) for name, at in self.rows.items()}
        self.coded = {name: _coded(cells, self.plain.names) for name, cells in self.truth.items()}

    def facts(self) -> dict[str, Any]:
        """What a worker needs of the event to keep Ladder and ranks; no answer is among it."""
        name = self.solution.metric
        return {
            "n": {part: len(at) for part, at in self.rows.items()},
            "higher_is_better": METRICS[name].higher_is_better if name in METRICS else None,
            "custom": self.solution.custom, "seed": self._seed, "digest": self.solution.digest,
        }  # fmt: skip

    @cached_property
    def _seed(self) -> str:
        """Of the sign flips: the same for ever, and not known to entrants."""
        key = (self.solution.folder / "key").read_bytes() if (self.solution.folder / "key").is_file() else b""
        return hashlib.sha256(b"standings" + key + self.solution.digest.encode()).hexdigest()

    def read(self, data: bytes, file_name: str, most_bytes: int = 64 << 20) -> Table | Sequence[Any]:
        """A file's predictions with all cells checked: a table, or straight away the cells in the answers' order.

        Args:
            most_bytes: that a zip may have unpacked.

        Raises:
            DojoError: a fault of the file, naming row and column.
        """
        s = self.solution
        name = _safe_name(data, file_name)
        if name.endswith(".csv") and not s.custom:
            cells = self.plain.read(data)
            if cells is not None:
                return cells
        refuse_oversized(data, name, len(s.ids), max(most_bytes, len(data)))
        table = self._table(data, name)
        kinds = {column: kind for column, kind in s.contract.predictions.items() if column in table.columns}
        try:
            check_cells(table, kinds, labels=s.labels)
        except ScoreError as error:
            strange = error.todo is None and "is not among the known ones" in error.what
            if strange or (error.todo or "").startswith(
                "did you mean"
            ):  # a label that only hidden rows have must not be offered
                raise ScoreError(error.what, where=error.where, todo="take a label of the training rows") from None
            raise
        return align(s.ids, table)

    def _table(self, data: bytes, name: str) -> Table:
        s = self.solution
        if not name.endswith((".zip", ".parquet")):
            required = set(s.contract.predictions) if s.custom else {self.column}
            return read_bytes(name, data, s.contract.predictions, required)
        with tempfile.TemporaryDirectory(prefix="deepdojo-") as folder:
            path = Path(folder) / name
            path.write_bytes(data)
            return Submission.read(path, s.contract, metric=None if s.custom else s.metric).table

    def stated(self, data: bytes, file_name: str) -> dict[str, float]:
        """The costs that the manifest of a zip states; nothing for other files.

        Args:
            data: of a file that `read` has taken.
        """
        name = _safe_name(data, file_name)
        if not name.endswith(".zip"):
            return {}
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return run_cost({"cost": asdict(read_manifest(archive, name))})

    def score(self, read: Table | Sequence[Any], parts: Sequence[str]) -> dict[str, Judged]:
        """The scores on the named parts.

        Raises:
            ScoreError: the metric cannot judge these predictions.
        """
        if self.solution.custom:
            assert isinstance(read, Table)
            return self._in_sandbox(read, parts)
        cells = read.columns[self.column] if isinstance(read, Table) else read
        truth = self.truth
        if self.metric.name == "accuracy" and isinstance(cells, Coded) and cells.names is self.plain.names:
            truth = self.coded  # equal numbers are equal labels
        elif isinstance(cells, Coded):
            names = cells.names
            cells = [names[code] for code in cells.codes]
        elif isinstance(cells, Cells) and not isinstance(cells, Numbers):
            cells = list(cells)
        found = {}
        for part in parts:
            measured = self.metric(truth[part], _pick(cells, self.rows[part]))
            made = from_measured(
                self.metric.name, measured, self.metric.higher_is_better, groups=self.groups[part]
            )  # fmt: skip
            found[part] = Judged(made.as_json(), influence=made.influence)
        return found

    def _in_sandbox(self, table: Table, parts: Sequence[str]) -> dict[str, Judged]:
        """The host's own metric never runs in this process. Raises HostMetricError, SandboxError."""
        from deepdojo.competition.sandbox import Sandbox
        from deepdojo.competition.sandbox.metric import score_in_sandbox

        s = self.solution
        made = score_in_sandbox(
            Sandbox(), s.folder / METRIC_FILE, s.contract, s.rows, table,
            parts={part: self.rows[part] for part in parts}, groups=s.groups,
        )  # fmt: skip
        names = ("metric", "value", "low", "high", "n", "higher_is_better", "interval", "influence")
        return {part: Judged((name, getattr(score, name)) for name in names) for part, score in made.items()}

    def tells(self, fault: DojoError, read: Table | Sequence[Any]) -> bool:
        """Whether a metric's fault quotes an answer that is not in what the sender wrote.

        What the sender wrote is looked for in the cells and the file's name as they were read, not in the bytes: those
        may be packed, and a fault that is told or not told as a word is an answer or not would answer that question.
        """
        said = " ".join(part for part in (fault.what, fault.where, fault.todo) if part)
        quoted = [answer for answer in self._long_answers if answer in said]
        if not quoted:
            return False
        columns = list(read.columns.values()) if isinstance(read, Table) else [read]
        source = read.source if isinstance(read, Table) else ""
        sent = "\n".join([source, *(str(cell) for cells in columns for cell in cells)])
        return any(answer not in sent for answer in quoted)

    @cached_property
    def _long_answers(self) -> list[str]:
        """Answers that are words of their own; of digits and short words a fault's text is full anyway."""
        names = self.solution.contract.targets
        cells = {row[name] for row in self.solution.rows for name in names if isinstance(row[name], str)}
        return [cell for cell in cells if len(cell) >= 4]


def _pick(cells: Sequence[Any], at: np.ndarray) -> Sequence[Any]:
    if isinstance(cells, Numbers):
        return Numbers(cells.values[at])
    if isinstance(cells, Coded):
        return Coded(cells.codes[at], cells.names)
    if len(at) < 2:  # itemgetter gives no tuple then
        return [cells[int(i)] for i in at]
    return itemgetter(*at.tolist())(cells)


def _coded(cells: Sequence[Any], names: Sequence[str]) -> Sequence[Any]:
    """Labels by their numbers; as they are where one is not among the names."""
    number = {name: k for k, name in enumerate(names)}
    if not all(isinstance(cell, str) and cell in number for cell in cells):
        return cells
    return Coded(np.array([number[cell] for cell in cells], dtype=np.int64), names)


def _from_zero(groups: np.ndarray) -> np.ndarray:
    found = group_index(groups, len(groups))
    assert found is not None
    return found


def _safe_name(data: bytes, file_name: str) -> str:
    """The sender's name for messages, as far as it is a plain one; its ending says how the file is read."""
    if data.startswith(_ZIP):
        ending = ".zip"
    elif data.startswith(_PARQUET):
        ending = ".parquet"
    else:
        given = Path(file_name).suffix.lower()
        ending = given if given in SUFFIXES and given != ".parquet" else ".csv"
    stem = Path(file_name.replace("\\", "/")).name.removesuffix(Path(file_name).suffix)
    plain = "".join(sign for sign in stem if sign.isalnum() or sign in " ._-").strip(" .")[:60]
    return (plain or "submission") + ending
