"""The rows of a project in their parts. Held-out rows leave here without targets; only scoring and report ask for
those."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.data.cells import is_missing
from deepdojo.data.files import Files, printable
from deepdojo.data.project import Project
from deepdojo.data.readers import RawRow, read
from deepdojo.data.rows import Reject, RowMaker, input_key
from deepdojo.data.sources import locate
from deepdojo.data.spec import SplitSpec
from deepdojo.data.split import assign, sort_keys
from deepdojo.errors import DataError, DojoError, UsageError

__all__ = ["SPLITS", "Dataset", "Rejected", "Where", "load_dataset", "load_rows", "read_rows"]

Row = dict[str, Any]
SPLITS = ("train", "validation", "test")
_RAGGED = ("jsonl", "python:")


@dataclass(frozen=True)
class Rejected:
    """A row or file that was left out.

    Attributes:
        file: name of the file; line: the line in it, from 1, or None.
        id: the row's id, "" when it has none.
        reason: one clause.
    """

    file: str
    line: int | None
    id: str
    reason: str


Where = tuple[str, int | None]


class Dataset:
    """Rows of one project, split.

    Attributes:
        project: the project, with overrides of the split applied.
        rejected: all that was left out, and why.
        split_of: id -> part.
        notes: what the user should know: system files left out, encodings found.
    """

    def __init__(
        self,
        project: Project,
        rows: Sequence[Row],
        parts: Sequence[str],
        *,
        where: Mapping[str, Where],
        rejected: list[Rejected],
        files: Files,
        groups: Mapping[str, str] | None,
        draw: Callable[[SplitSpec], Sequence[str]],
    ) -> None:
        self.project = project
        self.rejected = rejected
        self.split_of = {row["id"]: part for row, part in zip(rows, parts, strict=True)}
        self.notes = _notes(files)
        self._where = where
        self._files = files
        self._digests: dict[str, str] | None = None
        self._group_of = groups
        self._rows, self._draw = rows, draw
        self._full: dict[str, list[Row]] = {split: [] for split in SPLITS}
        for row, part in zip(rows, parts, strict=True):
            self._full[part].append(row)
        self._published: dict[str, list[Row]] = {}

    @property
    def n(self) -> int:
        """Rows in all parts."""
        return len(self.split_of)

    @property
    def files(self) -> dict[str, str]:
        """File -> SHA-256 of what was read (computed when first asked for: pictures are read for it)."""
        if self._digests is None:
            self._digests = self._files.digests()
        return self._digests

    def rows(self, split: str) -> list[Row]:
        """Rows of a part: `id`, inputs and targets; those of `test` carry no targets at all."""
        full = self._part(split)
        if split != "test":
            return full
        if split not in self._published:
            names = ("id", *self.project.contract.inputs)
            self._published[split] = [{name: row[name] for name in names} for row in full]
        return self._published[split]

    def truth(self, split: str) -> list[Row]:
        """`id` and targets of a part: for scoring, report and nothing else."""
        names = ("id", *self.project.contract.targets)
        return [{name: row[name] for name in names} for row in self._part(split)]

    def groups(self, split: str) -> np.ndarray | None:
        """(n,) int64, the same number for rows of one group; None when the project has no groups."""
        if self._group_of is None:
            return None
        numbers = {group: i for i, group in enumerate(sorted(set(self._group_of.values())))}
        return np.array([numbers[self._group_of[row["id"]]] for row in self._part(split)], dtype=np.int64)

    def where(self, row_id: str) -> Where:
        """(file, line) of a row; the line is None for a file that is a row."""
        return self._where[row_id]

    def digest(self, split: str) -> str:
        """SHA-256 over the sorted ids and targets of a part: two scores compare only where it is the same."""
        lines = sorted(json.dumps(row, sort_keys=True, ensure_ascii=True) for row in self.truth(split))
        return hashlib.sha256("\n".join(lines).encode("ascii")).hexdigest()

    def on_split(self, project: Project, split_of: Mapping[str, str]) -> Dataset:
        """The same rows, read once, in other parts; what is rejected from the one stays in the other.

        Args:
            project: with its own overrides of the split.
            split_of: id -> part; rows that it does not name are left out.
        """
        rows = [row for row in self._rows if row["id"] in split_of]
        other = Dataset(
            project, rows, [split_of[row["id"]] for row in rows], where=self._where, rejected=list(self.rejected),
            files=self._files, groups=self._group_of, draw=self._draw,
        )  # fmt: skip
        other._digests = self.files
        return other

    def folds(self) -> list[Dataset]:
        """One data set for each of `split.folds`, as `load_dataset` with that `split.fold` gives it."""
        ids, found = [row["id"] for row in self._rows], []
        for fold in range(self.project.spec.split.folds or 0):
            project = self.project.changed({"split.fold": fold})
            found.append(self.on_split(project, dict(zip(ids, self._draw(project.spec.split), strict=True))))
        return found

    def reject(self, row_id: str, reason: str) -> None:
        """Moves a row to `rejected`, for example when its picture cannot be decoded."""
        part = self.split_of.pop(row_id, None)
        if part is None:
            return
        file, line = self._where[row_id]
        self.rejected.append(Rejected(file, line, row_id, reason))
        for table in (self._full, self._published):
            if part in table:
                table[part] = [row for row in table[part] if row["id"] != row_id]

    def write_split(self, path: Path) -> None:
        """Writes `id, split` as a table, so that a run can be done again on the same parts."""
        from deepdojo.tables import Table, write_table

        table = Table({"id": list(self.split_of), "split": list(self.split_of.values())})
        write_table(path, table, {"split": "label"})

    def _part(self, split: str) -> list[Row]:
        if split not in SPLITS:
            raise UsageError(f"there is no split {split!r}", todo=f"known: {', '.join(SPLITS)}")
        return self._full[split]


def _notes(files: Files) -> list[str]:
    notes: list[str] = []
    if files.left_out:
        shown = ", ".join(sorted(files.left_out)[:3])
        notes.append(
            f"{len(files.left_out):,} system files were left out ({shown}{', …' if len(files.left_out) > 3 else ''})"
        )
    return notes


@dataclass
class _Read:
    """What reading gives before the split."""

    rows: list[Row]
    fixed: list[str | None]
    where: dict[str, Where]
    rejected: list[Rejected]
    extra: dict[str, list[Any]]


def load_dataset(
    project: Project,
    *,
    split_of: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
    offline: bool = False,
    yes: bool = False,
    trusted: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
) -> Dataset:
    """Finds, reads and splits the data of a project.

    Args:
        split_of: id -> part of an earlier run, instead of drawing the split.
        overrides: dotted keys of project.toml, such as `{"split.fold": 3}`.
        offline, yes, progress: as in `sources.locate`; progress is told `(done, 0, text)` where the total is not known.
        trusted: whether a `python:` reader may run.

    Raises:
        SourceError, DataError, ProjectError, UnknownNameError, ConsentError: one sentence each.
    """
    project = project.changed(overrides or {})
    files = locate(project.spec.source, project.folder, offline=offline, progress=progress, yes=yes)
    got = _read_all(project, files, trusted, progress)
    if not got.rows:
        raise _nothing_left(got.rejected)
    group = project.spec.split.group
    groups = None
    if group is not None:
        groups = dict(zip((row["id"] for row in got.rows), map(str, got.extra[group]), strict=True))
    facts = cache(lambda: _for_the_split(project, files, got))  # inputs are hashed once, whatever is drawn

    def draw(split: SplitSpec) -> list[str]:
        return assign(split=split, **facts())

    parts = _recorded(got.rows, split_of) if split_of is not None else draw(project.spec.split)
    return Dataset(
        project, got.rows, parts, where=got.where, rejected=got.rejected, files=files, groups=groups, draw=draw
    )


def _nothing_left(rejected: Sequence[Rejected]) -> DataError:
    if not rejected:
        return DataError("the data hold no rows")
    first = rejected[0]
    place = first.file if first.line is None else f"{first.file}:{first.line}"
    if len(rejected) == 1:
        return DataError(f"the only row cannot be used: {first.reason}", where=place)
    return DataError(f"none of the {len(rejected):,} rows can be used; the first one: {first.reason}", where=place)


def _recorded(rows: Sequence[Row], split_of: Mapping[str, str]) -> list[str]:
    unknown = [row["id"] for row in rows if row["id"] not in split_of]
    if unknown:
        shown = ", ".join(unknown[:3])
        raise DataError(
            f"{len(unknown):,} rows are not in the recorded split ({shown})", todo="the data have changed: train anew"
        )
    return [split_of[row["id"]] for row in rows]


def _read_all(project: Project, files: Files, trusted: bool, progress: Callable[[int, int, str], None] | None) -> _Read:
    spec = project.spec
    got = _Read([], [], {}, [], {name: [] for name in _extra_columns(project)})
    for split in spec.data.split or (None,):
        reader = spec.data.reader_of(split)
        ragged = reader.startswith(_RAGGED)
        maker = RowMaker(spec, project.contract, files, targets=True, ragged=ragged)
        options = spec.data.options(split)
        before = len(got.rows)
        prefix = f"{split}-" if len(spec.data.split) > 1 and spec.data.id is None else ""
        for number, raw in enumerate(read(reader, files, trusted=trusted, **options), 1):
            _take(got, maker, raw, split, prefix, number, spec.data.id)
            if progress is not None and number % 5_000 == 0:
                progress(number, 0, f"reading {printable(raw.file)}")
        maker.finish(got.rows[before:])
    return got


def _extra_columns(project: Project) -> list[str]:
    split = project.spec.split
    wanted = (split.group, split.order, split.test.column if split.test else None)
    return list(dict.fromkeys(c for c in wanted if c is not None))


def _take(
    got: _Read, maker: RowMaker, raw: RawRow, split: str | None, prefix: str, number: int, id_column: str | None
) -> None:
    """One raw row: into the rows, or to the rejected with its reason."""
    file = printable(raw.file)
    row_id = ""
    try:
        row_id = _row_id(maker, raw, prefix, number, id_column)
        row = maker.make(raw)
        extra = {name: maker.cell(raw, name) for name in got.extra}
        for name, cell in extra.items():
            if is_missing(cell):
                raise Reject(f"the column {name}, by which rows are split, is empty")
    except Reject as error:
        got.rejected.append(Rejected(file, raw.line, row_id, str(error)))
        return
    if row_id in got.where:
        other_file, other_line = got.where[row_id]
        places = (
            f"{other_file}:{other_line} and {file}:{raw.line}" if raw.line is not None else f"{other_file} and {file}"
        )
        raise DataError(
            f"two rows have the id {row_id!r} ({places})", todo="make ids unique, or remove `id` from [data]"
        )
    got.where[row_id] = (file, raw.line)
    got.rows.append({"id": row_id, **row})
    got.fixed.append(split)
    for name, cell in extra.items():
        got.extra[name].append(cell.strip() if isinstance(cell, str) else cell)


def _row_id(maker: RowMaker, raw: RawRow, prefix: str, number: int, id_column: str | None) -> str:
    if id_column is None:
        return printable(raw.file) if raw.line is None else f"{prefix}{number}"
    if raw.reject is not None:
        return ""
    cell = maker.cell(raw, id_column)
    if cell is None or not str(cell).strip():
        raise Reject("the id is empty")
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell).strip()


def _for_the_split(project: Project, files: Files, got: _Read) -> dict[str, Any]:
    """What `assign` needs beside the split itself."""
    spec, contract = project.spec, project.contract
    split = spec.split
    if split.group is not None:
        keys = [str(group) for group in got.extra[split.group]]
    elif spec.data.id is not None:
        keys = [row["id"] for row in got.rows]
    else:
        keys = (
            [input_key(row, contract, files) for row in got.rows]
            if _hashes_needed(got, split)
            else [r["id"] for r in got.rows]
        )
    label = next((name for name, kind in contract.targets.items() if kind == "label"), None)
    stratify = split.stratify if split.stratify is not None else split.group is None and split.order is None
    classes = [row[label] for row in got.rows] if stratify and label is not None else None
    order = sort_keys(got.extra[split.order], split.order_format) if split.order is not None else None
    in_test = None
    if split.test is not None:
        values = {str(value).lower() if isinstance(value, bool) else str(value) for value in split.test.values}
        in_test = [_plain(cell) in values for cell in got.extra[split.test.column]]
    return {"keys": keys, "fixed": got.fixed, "classes": classes, "order": order, "in_test": in_test}


def _plain(cell: Any) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _hashes_needed(got: _Read, split: Any) -> bool:
    drawn = split.order is None and not {"test", "validation"} <= set(got.fixed)
    return drawn and split.repeats == "together"


def read_rows(
    project: Project, files: Files, raws: Iterator[RawRow], *, ragged: bool
) -> tuple[list[Row], list[Rejected]]:
    """Rows with inputs only, from files that may have no targets; ids are unique within what is read."""
    maker = RowMaker(project.spec, project.contract, files, targets=False, ragged=ragged)
    got = _Read([], [], {}, [], {})
    id_column = project.spec.data.id
    for number, raw in enumerate(raws, 1):
        if number == 1 and id_column is not None and id_column not in raw.cells:
            id_column = None  # a new file need not have ids
        _take(got, maker, raw, None, "", number, id_column)
    maker.finish(got.rows)
    return got.rows, got.rejected


def load_rows(project: Project, path: Path, *, trusted: bool = False) -> tuple[list[Row], list[Rejected]]:
    """Rows of a user's new file or folder, for `dojo predict`: inputs without targets.

    The file is read as the project's own are; where that does not fit (another delimiter, a header that the
    project's files lack, pictures instead of a table) it is read by its own form.

    Raises:
        DataError, SourceError, UnknownNameError: the file is missing, empty, or has none of the columns needed.
    """
    from deepdojo.data.new_files import new_files

    faults: list[DojoError] = []
    for files, raws, ragged in new_files(project, Path(path), trusted=trusted):
        try:
            rows, rejected = read_rows(project, files, raws(), ragged=ragged)
        except DojoError as error:
            faults.append(error)
            continue
        if rows:
            return rows, rejected
        faults.append(_nothing_left(rejected))
    raise faults[0]
