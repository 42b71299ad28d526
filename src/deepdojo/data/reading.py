"""From raw rows to rows and what was left out: in memory, or packed on disk while they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any

import numpy as np

from deepdojo.contracts import MEDIA
from deepdojo.data.cells import is_missing
from deepdojo.data.files import Files, Media, printable
from deepdojo.data.gathered import NO_PART, PackedRead, Read, Rejected, Taken, extra_columns, keyed_by_input
from deepdojo.data.group_names import named_like_groups
from deepdojo.data.packed_columns import reader_of
from deepdojo.data.packed_rows import PackedRows, RowPack, RowWriter
from deepdojo.data.project import Project
from deepdojo.data.raw_columns import Reject
from deepdojo.data.readers import RawRow, read
from deepdojo.data.row_keys import input_key
from deepdojo.data.rows import RowMaker
from deepdojo.data.split import SPLITS
from deepdojo.data.stamps import stamp, stamp_of, unchanged
from deepdojo.packs import Pack, Packing, code_digest, find_pack, in_memory_rows, key_of, packed_folder, packing

__all__ = ["read_all", "take"]

Row = Mapping[str, Any]
Progress = Callable[[int, int, str], None]
_RAGGED = ("jsonl", "spans", "python:")


def read_all(project: Project, files: Files, trusted: bool, progress: Progress | None) -> Read | PackedRead:
    """All rows of a project. More than `in_memory_rows()` are packed in the cache; a pack of before is used again
    while the files, project.toml and our code are the same."""
    name = f"rows-{key_of(_facts(project, files))[:32]}"
    found = _packed_before(name, project, files, progress)
    if found is not None:
        return found
    walk = _Walk(project, files, trusted, progress)
    got = None
    if not (packed_folder() / f"{name}.partial").is_dir():
        got = Read(extra={column: [] for column in walk.extra})
        if walk.fill(got, in_memory_rows()):
            return got
    waits = None if progress is None else lambda: progress(0, 0, "another process packs these rows")
    with packing(name, waits) as work:
        found = _packed_before(name, project, files, progress)  # the other process may have done it
        return found or PackedRead(_packed(work, walk, got), project, files)


def _facts(project: Project, files: Files) -> dict[str, Any]:
    """All that rows depend on beside what is in the files."""
    spec, split = project.spec, project.spec.split
    reader = project.reader or ""
    code = files.path(reader.removeprefix("python:")) if reader.startswith("python:") else None
    return {
        "code": code_digest("data"),
        "reader": None if code is None else sha256(code.read_bytes()).hexdigest(),
        "spec": spec.model_dump(mode="json", include={"task", "source", "data", "columns", "labels"}),
        "split": [split.group, split.order, split.test.column if split.test else None, split.repeats],
        "folder": str(project.folder.resolve()),
        "roots": [str(root.resolve()) for root in files.roots],
        "pinned": {name: str(path) for name, path in files.pinned.items()},
    }


def _packed_before(name: str, project: Project, files: Files, progress: Progress | None) -> PackedRead | None:
    pack = find_pack(name, progress)
    if pack is None or not pack.meta["lasting"] or not unchanged(files, pack.meta["stamp"]):
        return None
    found = PackedRead(pack, project, files)
    if pack.meta["pictures"] is not None and _pictures(pack, project, files) != pack.meta["pictures"]:
        return None
    files.forget()
    found.found = True
    return found


def _pictures(pack: Pack, project: Project, files: Files) -> str | None:
    """A stamp of the pictures that cells name; None where there are none, or patterns list them all."""
    names = [name for name, kind in project.contract.columns.items() if kind in MEDIA]
    if not names or (files.names_by_pattern() and not files.named_by_cells()):
        return None

    def walk() -> Iterator[str]:
        for name in names:
            cells = reader_of(pack, name, project.contract.inputs[name], files)
            for at in range(len(cells)):
                if at % 4096 == 0:
                    pack.touched(64)
                if isinstance(cell := cells[at], Media) and not cell.inline:
                    yield cell.name

    return stamp_of(files, walk())


class _Walk:
    """The walk over all raw rows of all files; it can begin after those that were taken before."""

    def __init__(self, project: Project, files: Files, trusted: bool, progress: Progress | None) -> None:
        self.project, self.files, self.trusted, self.progress = project, files, trusted, progress
        self.extra = extra_columns(project)
        self.part, self.number = 0, 0  # the part under way, and the raw rows of it that are behind us
        self.begin = 0  # the part's first row
        self.groups: dict[str, list[str]] = {}  # file -> its columns that are called like a group
        self.told: set[tuple[str, int, str]] = set()  # what parts before this one have left out, and where
        self.items = self._items(0, 0)

    def go_on(self, state: Mapping[str, Any]) -> None:
        """Begins again after what a commit has written down."""
        part, number = state["place"]
        self.items = self._items(part, number, state["maker"])

    def _items(
        self, first: int, behind: int, counts: Sequence[Any] | None = None
    ) -> Iterator[Rejected | Taken | RowMaker]:
        """What became of each raw row; after the last one of a part its maker. A line that several parts read and
        leave out for the same reason is told once."""
        spec = self.project.spec
        for at, part in enumerate(spec.data.split or (None,)):
            if at < first:
                continue
            reader, options = spec.data.reader_of(part), spec.data.options(part)
            ragged = reader.startswith(_RAGGED)
            answered = part != "test" or not spec.data.withheld
            self.maker = RowMaker(
                spec, self.project.contract, self.files, targets=answered, ragged=ragged, learn=part == "train"
            )
            self.part, self.number = at, behind if at == first else 0
            if at == first and counts is not None:
                self.maker.columns.go_on(counts)
            told: set[tuple[str, int, str]] = set()
            prefix = f"{part}-" if len(spec.data.split) > 1 and spec.data.id is None else ""
            for number, raw in enumerate(read(reader, self.files, trusted=self.trusted, **options), 1):
                if self.progress is not None and number % 5_000 == 0:
                    self.progress(number, 0, f"reading {printable(raw.file)}")
                if at == first and number <= behind:
                    continue
                self.number = number
                item = take(self.maker, raw, prefix, number, spec.data.id, self.extra, part)
                if not isinstance(item, Rejected):
                    if not answered:
                        item.row.update(dict.fromkeys(self.project.contract.columns.keys() - item.row.keys()))
                    yield item._replace(beside=self._beside(raw))
                    continue
                if item.line is not None and len(spec.data.split) > 1:
                    key = (item.file, item.line, item.reason)
                    if key in self.told:
                        continue
                    told.add(key)
                yield item
            self.told |= told
            yield self.maker

    def _beside(self, raw: RawRow) -> dict[str, Any]:
        """Cells of columns that no role has and that are called like a group."""
        if raw.file not in self.groups:
            spec = self.project.spec
            given = [spec.columns.get(role, role) for role in self.project.contract.columns]
            taken: set[Any] = {name for one in given for name in (one if isinstance(one, list) else [one])}
            taken |= {spec.data.id, *self.extra}
            self.groups[raw.file] = [name for name in named_like_groups(list(raw.cells)) if name not in taken]
        return {name: raw.cells.get(name) for name in self.groups[raw.file]}

    def fill(self, got: Read, most: int) -> bool:
        """Everything into memory; False as soon as there are more than `most` rows: `items` then goes on."""
        for item in self.items:
            if isinstance(item, RowMaker):
                item.finish(got.rows[self.begin :])
                self.begin = len(got.rows)
            elif isinstance(item, Rejected):
                got.rejected.append(item)
            else:
                got.add(item)
                if len(got.rows) > most:
                    return False
        return True


def take(
    maker: RowMaker,
    raw: RawRow,
    prefix: str,
    number: int,
    id_column: str | None,
    extra: Sequence[str] = (),
    part: str | None = None,
) -> Rejected | Taken:
    """One raw row: a row, or the reason why it is none."""
    file = printable(raw.file)
    row_id = ""
    try:
        row_id = _row_id(maker, raw, prefix, number, id_column)
        row = maker.make(raw)
        row = maker.correct({"id": row_id, **row})
        if not extra:
            return Taken(row, {}, part, (file, raw.line))
        cells = {name: maker.columns.cell(raw, name) for name in extra}
        for name, cell in cells.items():
            if is_missing(cell):
                raise Reject(f"the column {name}, by which rows are split, is empty")
    except Reject as error:
        return Rejected(file, raw.line, row_id, str(error))
    cells = {name: cell.strip() if isinstance(cell, str) else cell for name, cell in cells.items()}
    return Taken(row, cells, part, (file, raw.line))


def _row_id(maker: RowMaker, raw: RawRow, prefix: str, number: int, id_column: str | None) -> str:
    if id_column is None:
        return printable(raw.file) if raw.line is None else f"{prefix}{number}"
    if raw.reject is not None:
        cell = raw.cells.get(id_column)
        return "" if cell is None or isinstance(cell, list | dict) else str(cell).strip()
    cell = maker.columns.cell(raw, id_column)
    if cell is None or not str(cell).strip():
        raise Reject("the id is empty")
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell).strip()


# ----- onto the disk


class _Packer:
    """Takes rows into a pack under way."""

    def __init__(self, work: Packing, walk: _Walk) -> None:
        self.work, self.walk = work, walk
        data = walk.project.spec.data
        self.keyed = keyed_by_input(walk.project, set(data.split))
        # Records get the columns of all others at the end, and a key is over all of them.
        self.late = any(data.reader_of(part).startswith(_RAGGED) for part in data.split or (None,))
        self.writer = RowWriter(work, walk.project.contract, walk.extra)
        kinds = walk.project.contract.reads
        self.names: dict[str, dict[str, None]] = {name: {} for name, kind in kinds.items() if kind == "record"}
        for name, known in work.state.get("names", {}).items():
            self.names[name] = dict.fromkeys(known)
        self.stamped: tuple[int, dict[str, Any]] = (-1, {})

    def row(self, item: Taken, *, alike: bool = False, walked: bool = False) -> None:
        """`alike`: its records have the columns of all others already. `walked`: the walk is further on than this row,
        so that what was written cannot be committed by where the walk is."""
        if self.walk.maker.ragged and not alike:
            for name, known in self.names.items():
                known.update(dict.fromkeys(item.row[name]))
        if self.keyed and not self.late:
            self.writer.keys.add(input_key(item.row, self.walk.project.contract, self.walk.files))
        part = NO_PART if item.part is None else SPLITS.index(item.part)
        self.writer.add(item.row, item.extra, part=part, file=item.place[0], line=item.place[1])
        if self.writer.waiting == 0 and not walked and self.work.due():
            self.commit()

    def take(self, item: Rejected | Taken | RowMaker) -> None:
        if isinstance(item, RowMaker):
            self.end_of_part(item)
        elif isinstance(item, Rejected):
            self.writer.reject(asdict(item))
        else:
            self.row(item)

    def end_of_part(self, maker: RowMaker) -> None:
        maker.columns.check()
        for name, known in self.names.items():
            if maker.ragged:
                self.writer.unions.setdefault(name, []).append((self.writer.n, list(known)))
            known.clear()

    def commit(self) -> None:
        files, maker = self.walk.files, self.walk.maker
        if self.walk.part != self.stamped[0]:
            self.stamped = (self.walk.part, stamp(files))
        self.writer.commit({
            "place": [self.walk.part, self.walk.number], "stamp": self.stamped[1],
            "maker": maker.columns.state(),
            "names": {name: list(known) for name, known in self.names.items()},
        })  # fmt: skip

    def told(self) -> set[tuple[str, int, str]]:
        """Where and why lines were left out before the last commit."""
        if not self.writer.rejects or len(self.walk.project.spec.data.split) < 2:
            return set()
        found = reader_of(Pack(self.work.partial, {}), "rejected", "any", self.walk.files)
        return {(one["file"], one["line"], one["reason"]) for one in found if one["line"] is not None}

    def add_keys(self) -> None:
        contract, files = self.walk.project.contract, self.walk.files
        source = RowPack(Pack(self.work.partial, {**self.writer.facts(), "keyed": False}), contract, files, ())
        columns = ("id", *contract.reads)
        for number, row in enumerate(PackedRows(source, np.arange(source.n), columns), 1):
            self.writer.keys.add(input_key(row, contract, files))
            if number % 4096 == 0:
                self.writer.flush()

    def finish(self) -> Pack:
        files = self.walk.files
        self.writer.flush()
        self.work.flush()
        if self.keyed and self.late:
            self.add_keys()
        pictures = _pictures(Pack(self.work.partial, {}), self.walk.project, files)
        pack = self.writer.finish({
            "keyed": self.keyed, "stamp": stamp(files), "digests": files.digests(), "pictures": pictures,
            # A picture that was missing may come: nothing but the table would tell.
            "lasting": pictures is None or not self.writer.rejects,
        })  # fmt: skip
        files.forget()
        return pack


def _packed(work: Packing, walk: _Walk, got: Read | None) -> Pack:
    """All rows onto the disk: those in memory first, or what a killed process left."""
    if got is not None:
        work.restart()
        packer = _Packer(work, walk)
        for at, row in enumerate(got.rows):
            extra = {name: cells[at] for name, cells in got.extra.items()}
            packer.row(Taken(row, extra, got.fixed[at], got.places[at]), alike=at < walk.begin, walked=True)
        for rejected in got.rejected:
            packer.take(rejected)
        got.rows.clear()
    else:
        if work.state and not unchanged(walk.files, work.state["stamp"]):
            work.restart()
        packer = _Packer(work, walk)
        if work.state:
            walk.told = packer.told()
            walk.go_on(work.state)
    for item in walk.items:
        packer.take(item)
    return packer.finish()
