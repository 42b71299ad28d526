"""The rows of a project in their parts. Held-out rows leave here without targets; only scoring and report ask for
those."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.columns import Coded
from deepdojo.data.digests import digest_of_lines, line_of
from deepdojo.data.files import Files
from deepdojo.data.gathered import PackedRead, Read, Rejected, Where, keyed_by_input, nothing_left
from deepdojo.data.project import Project
from deepdojo.data.reading import read_all
from deepdojo.data.row_keys import input_key
from deepdojo.data.rowset import RowList, Rows, column, select
from deepdojo.data.sources import locate
from deepdojo.data.spec import SplitSpec
from deepdojo.data.split import SPLITS, assign
from deepdojo.data.split_facts import LEFT_OUT, facts_for_split, recorded_parts
from deepdojo.data.twins import TWIN, TWIN_NAME, TWIN_REASON, drops_twins, mark_twins
from deepdojo.errors import DataError, UsageError
from deepdojo.packs import code_digest, made_once

__all__ = ["SPLITS", "Dataset", "load_dataset"]

Row = dict[str, Any]


class Dataset:
    """Rows of one project, split. Beside what `Read` keeps in memory, a row takes one byte here and four in each part.

    Attributes:
        project: the project, with overrides of the split applied.
        notes: what the user should know: system files left out, encodings found.
    """

    def __init__(
        self,
        project: Project,
        got: Read | PackedRead,
        parts: np.ndarray,
        *,
        rejected: Iterable[Rejected],
        files: Files,
        draw: Callable[[SplitSpec], np.ndarray],
        digests: dict[str, str] | None = None,
    ) -> None:
        self.project = project
        self._unusable = list(rejected)
        self.notes = _notes(files)
        self._got, self._parts = got, parts
        self._files, self._digests = files, digests if digests is not None else got.digests
        self._draw = draw
        self._views: dict[tuple[str, bool], Sequence[Row]] = {}
        self._digest_of: dict[str, str] = {}

    @property
    def n(self) -> int:
        """Rows in all parts."""
        return int(self._used.sum())

    @property
    def _used(self) -> np.ndarray:
        return self._parts < len(SPLITS)

    @property
    def rejected(self) -> list[Rejected]:
        """All that was left out, and why."""
        ids = column(self._got.rows, "id")
        twins = np.flatnonzero(self._parts == TWIN).tolist()
        return self._unusable + [Rejected(*self._got.where(at), ids[at], TWIN_REASON) for at in twins]

    @property
    def twins(self) -> int:
        """Rows that were left out because their input is validated or tested on."""
        return int((self._parts == TWIN).sum())

    @property
    def packed(self) -> str | None:
        """Where rows lie that are too many for the memory, in words; None for those in memory."""
        if not isinstance(self._got, PackedRead):
            return None
        return "come from the cache, where they were packed before" if self._got.found else "are packed in the cache"

    @property
    def split_of(self) -> dict[str, str]:
        """id -> part; that of twins is `TWIN_NAME`."""
        ids, names = column(self._got.rows, "id"), {**dict(enumerate(SPLITS)), TWIN: TWIN_NAME}
        return {key: names[part] for key, part in zip(ids, self._parts.tolist(), strict=True) if part in names}

    @property
    def files(self) -> dict[str, str]:
        """File -> SHA-256 of what was read (computed when first asked for: pictures are read for it)."""
        if self._digests is None:
            self._digests = self._files.digests()
        return self._digests

    def rows(self, split: str) -> Sequence[Row]:
        """Rows of a part: `id`, inputs and targets; those of `test` carry what a model reads of them, and no target
        that is not among that."""
        full = self._part(split)
        if split != "test":
            return full
        return self._view(split, ("id", *self.project.contract.reads), kept=True)

    @property
    def withheld(self) -> bool:
        """Whether the answers of the test rows are with somebody else, who scores predictions."""
        return self.project.spec.data.withheld

    def truth(self, split: str) -> Sequence[Row]:
        """`id` and targets of a part: for scoring, report and nothing else. Raises DataError where they are with
        somebody else."""
        self.refuse_withheld(split)
        return self._view(split, ("id", *self.project.contract.targets))

    def refuse_withheld(self, split: str = "test") -> None:
        """Raises DataError where the answers of a part are with somebody else."""
        if self.withheld and any(self._got.fixed[at] == "test" for at in self._places(split)):
            raise DataError(
                "the answers of the test rows are not here: the host of the competition keeps them",
                where=self.project.name, todo="send a table of predictions to the host, who scores it",
            )  # fmt: skip

    def _places(self, split: str) -> list[int]:
        """Of each row of a part its place among all that were read, from 0."""
        found: list[int] = np.flatnonzero(self._parts == SPLITS.index(split)).tolist()
        return found

    def modified(self, name: str) -> float | None:
        """When a file was changed last, in seconds; None for one in an archive, whose time is the archive's."""
        place = None if "!" in name else self._files.place(name)
        try:
            return None if place is None else place.stat().st_mtime
        except OSError:
            return None

    def places(self) -> list[Path]:
        """Tables and archives on this machine that rows were read from; pictures that a pattern lists are left out."""
        found = {self._files.place(name) for name in self.files}
        return sorted(place for place in found if place is not None and place.is_file())

    def groups(self, split: str) -> np.ndarray | None:
        """(n,) int64, the same number for rows of one group; None when the project has no groups."""
        group = self.project.spec.split.group
        if group is None:
            return None
        there = self._used
        names = np.array([str(cell) for cell in self._got.extra[group]], dtype=object)
        number = {name: i for i, name in enumerate(sorted(set(names[there])))}
        return np.array([number[name] for name in names[self._parts == SPLITS.index(split)]], dtype=np.int64)

    @property
    def beside_names(self) -> list[str]:
        """Columns that no one asked for and that are called like a group: patient, speaker, video."""
        return list(dict.fromkeys(name for row in self._got.beside for name in row))

    def beside(self, split: str, name: str) -> list[Any]:
        """Their cells, a row each, None where there is none."""
        there = np.flatnonzero(self._parts == SPLITS.index(split))
        return [self._got.beside[at].get(name) for at in there.tolist()]

    def where(self, row_id: str) -> Where:
        """(file, line) of a row; the line is None for a file that is a row."""
        at = self._got.find(row_id)
        if at is None:
            raise KeyError(row_id)
        return self._got.where(at)

    def digest(self, split: str) -> str:
        """SHA-256 over the sorted ids and targets of a part (ids alone, where targets are withheld): two scores compare
        only where it is the same."""
        if split not in self._digest_of:
            truth = self._view(split, ("id",)) if self.withheld and split == "test" else self.truth(split)
            lines = (line_of(row) for row in truth)
            self._digest_of[split] = digest_of_lines(lines)
        return self._digest_of[split]

    def on_split(self, project: Project, split_of: Mapping[str, str]) -> Dataset:
        """The same rows, read once, in other parts; what is rejected from the one stays in the other.

        Args:
            project: with its own overrides of the split.
            split_of: id -> part; rows that it does not name are left out.
        """
        return self._in_parts(project, recorded_parts(self._got.rows, split_of, strict=False))

    def folds(self) -> list[Dataset]:
        """One data set for each of `split.folds`, as `load_dataset` with that `split.fold` gives it."""
        found = []
        for fold in range(self.project.spec.split.folds or 0):
            project = self.project.changed({"split.fold": fold})
            found.append(self._in_parts(project, self._draw(project.spec.split)))
        return found

    def _in_parts(self, project: Project, parts: np.ndarray) -> Dataset:
        return Dataset(
            project, self._got, parts, rejected=self._unusable, files=self._files, draw=self._draw, digests=self.files
        )

    def reject(self, row_id: str, reason: str) -> None:
        """Moves a row to `rejected`, for example when its picture cannot be decoded."""
        at = self._got.find(row_id)
        if at is None or not self._used[at]:
            return
        file, line = self._got.where(at)
        self._unusable.append(Rejected(file, line, row_id, reason))
        self._parts[at] = LEFT_OUT
        self._views.clear()
        self._digest_of.clear()

    def write_split(self, path: Path) -> None:
        """Writes `id, split` as a table, so that a run can be done again on the same parts, twins left out."""
        from deepdojo.tables import Table, write_table

        there = np.flatnonzero(self._used | (self._parts == TWIN))
        names = Coded(np.minimum(self._parts[there], len(SPLITS)), (*SPLITS, TWIN_NAME))
        table = Table({"id": column(select(self._got.rows, there), "id"), "split": names})
        write_table(path, table, {"split": "label"})

    def _part(self, split: str) -> Sequence[Row]:
        if split not in SPLITS:
            raise UsageError(f"there is no split {split!r}", todo=f"known: {', '.join(SPLITS)}")
        if (split, False) not in self._views:
            chosen = np.flatnonzero(self._parts == SPLITS.index(split))
            rows = self._got.rows
            self._views[split, False] = select(
                RowList(rows, self._identity) if isinstance(rows, list) else rows, chosen
            )
        return self._views[split, False]

    def _view(self, split: str, names: tuple[str, ...], *, kept: bool = False) -> Sequence[Row]:
        """A part with some of its cells."""
        full = self._part(split)
        if isinstance(full, Rows):
            return full.only(names)
        if kept and (split, True) in self._views:
            return self._views[split, True]
        found = [{name: row[name] for name in names} for row in full]
        if kept:
            self._views[split, True] = found
        return found

    def _identity(self) -> str:
        """What the rows in memory are made from."""
        spec = self.project.spec.model_dump(mode="json", include={"task", "data", "columns", "labels"})
        return hashlib.sha256(json.dumps([self.files, spec], sort_keys=True).encode()).hexdigest()


def _notes(files: Files) -> list[str]:
    notes: list[str] = []
    if files.left_out:
        shown = ", ".join(sorted(files.left_out)[:3])
        notes.append(
            f"{len(files.left_out):,} system files were left out ({shown}{', …' if len(files.left_out) > 3 else ''})"
        )
    return notes


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
    got = read_all(project, files, trusted, progress)
    if not len(got.rows):
        raise nothing_left(got.rejected)
    _require_parts(project, got)
    facts = cache(lambda: facts_for_split(project, files, got))  # inputs are hashed once, whatever is drawn
    keys = cache(lambda: [input_key(row, project.contract, files) for row in got.rows])

    def parts_of(split: SplitSpec) -> np.ndarray:
        parts = assign(split=split, **facts())
        given = set(got.fixed)
        if keyed_by_input(project, given):
            # Rows that are drawn by their inputs are never parted from their twins; those of given parts may be.
            return parts if given <= {None, "train"} else _without_twins(project, parts, lambda: facts()["keys"])
        return _without_twins(project, parts, keys)

    def draw(split: SplitSpec) -> np.ndarray:
        if not isinstance(got, PackedRead):
            return parts_of(split)
        depends = {"rows": got.source.name, "split": split.model_dump(mode="json"), "code": code_digest("data")}
        return made_once("split", depends, lambda: {"parts": parts_of(split)})["parts"]

    parts = recorded_parts(got.rows, split_of) if split_of is not None else draw(project.spec.split)
    return Dataset(project, got, parts, rejected=got.rejected, files=files, draw=draw)


def _without_twins(project: Project, parts: np.ndarray, keys: Callable[[], Iterable[str]]) -> np.ndarray:
    return mark_twins(parts, keys()) if drops_twins(project) else parts


def _require_parts(project: Project, got: Read | PackedRead) -> None:
    """Raises DataError where a part that [data.split] gives has no row that can be used: none is drawn in its stead,
    since the project says that those rows are another's."""
    there = set(got.fixed)
    empty = next((part for part in SPLITS if part in project.spec.data.split and part not in there), None)
    if empty is None:
        return
    reasons = Counter(item.reason for item in got.rejected).most_common(1)
    why = f"; of {len(got.rejected):,} items that are left out most say: {reasons[0][0]}" if reasons else ""
    raise DataError(
        f"the {empty} part has no row that can be used{why}", where=f"data.split.{empty}",
        todo="mend its rows, or take the part out of [data.split] to have it drawn from the others",
    )  # fmt: skip
