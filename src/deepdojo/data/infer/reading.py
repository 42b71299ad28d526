"""A table file for inference: how it is written, a seeded sample of its rows, and all of its targets."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

from deepdojo.data.cells import is_missing, parse_number
from deepdojo.data.files import Files
from deepdojo.data.readers import RawRow, read
from deepdojo.errors import DataError, UsageError

__all__ = ["IDS", "READER_OF", "TARGETS", "TableFile", "reader_of"]

READER_OF = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
    ".data": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
TARGETS = ("target", "label", "labels", "class", "y", "outcome", "sentiment", "category", "标签", "类别", "目标")
IDS = ("id", "uid", "uuid", "index", "rowid", "row_id", "编号", "序号")
NAMED = frozenset({*TARGETS, *IDS})

MOST_ROWS = 20_000
"""Rows of which the columns are judged: drawn with a seed, because files may be sorted. Targets and ids are read of
all rows."""

INSTEAD = {
    ".json": "write one object a line (JSON lines, .jsonl)",
    ".xlsx": "export it as CSV",
    ".xls": "export it as CSV",
    ".ods": "export it as CSV",
    ".pkl": "a pickle can run code: export it as CSV or Parquet",
    ".npz": "export it as CSV, or as a folder of images",
    ".npy": "export it as CSV, or as a folder of images",
}


def reader_of(path: Path) -> str:
    """The reader for a file, by its suffix (`.gz` behind it counts as nothing). Raises UsageError for other formats."""
    name = path.name.lower().removesuffix(".gz")
    suffix = PurePosixPath(name).suffix
    if suffix in READER_OF:
        return READER_OF[suffix]
    todo = INSTEAD.get(suffix, "known: .csv .tsv .txt .jsonl .parquet, each also with .gz, and folders of images")
    raise UsageError(f"files of the kind {suffix or path.name!r} are not read", where=str(path), todo=todo)


class TableFile:
    """One file of rows.

    Args:
        files: gives the file by its name `file`, relative to the common folder.
        keep: names of columns that are kept of all rows, beside those at either end and those named like an id or
        target.
    """

    def __init__(self, files: Files, file: str, keep: Sequence[str | None] = ()) -> None:
        self.files, self.file = files, file
        self.shown = PurePosixPath(file).name
        self.reader = reader_of(Path(file))
        self.options: dict[str, Any] = {}
        self.written = ""
        if self.reader == "csv":
            self._sniff()
        self.decimal = str(self.options.get("decimal", "."))
        self.keep = {name for name in keep if name is not None}
        self.rows, self.n, self.names = self._read()

    @property
    def below(self) -> str:
        """The file's folder as a prefix of names: "" or "data/"."""
        folder = PurePosixPath(self.file).parent.as_posix()
        return "" if folder == "." else f"{folder}/"

    def has(self, name: str) -> bool:
        return self.files.has(name)

    def options_beside(self, other: TableFile) -> dict[str, Any]:
        """This file's options where they differ from another's."""
        usual = {"delimiter": ",", "encoding": "utf-8", "quote": '"', "decimal": ".", "header": True}
        keys = self.options.keys() | other.options.keys()
        mine = {key: self.options.get(key, usual[key]) for key in sorted(keys)}
        return {key: value for key, value in mine.items() if value != other.options.get(key, usual[key])}

    def column(self, name: str) -> list[Any]:
        """The cells of a column in the sample; lists and objects as None."""
        cells = (row.get(name) for row in self.rows)
        return [None if isinstance(cell, list | dict) else cell for cell in cells]

    def whole_column(self, name: str) -> list[Any]:
        """The cells of a column in all rows, read again."""
        rows = read(self.reader, self.files, file=self.file, **self.options)
        return [row.cells.get(name) for row in rows if row.reject is None]

    def targets(self, name: str) -> list[Any]:
        """The cells of a column in all rows."""
        return self._all[name]

    def nested(self, name: str) -> bool:
        """Whether the column holds mostly lists or objects, as JSON lines and Parquet can; a stray one is a slip."""
        cells = [cell for row in self.rows[:1000] if (cell := row.get(name)) is not None]
        return 2 * sum(isinstance(cell, list | dict) for cell in cells) > len(cells)

    def doubled(self, name: str, beside: TableFile | None = None) -> str | None:
        """A value that two rows share, also one here and one in the file of held-out rows, or None."""
        seen: set[Any] = set()
        for cell in chain(self._all[name], beside._all.get(name, ()) if beside is not None else ()):
            if isinstance(cell, list | dict) or (key := str(cell).strip()) in seen:
                return str(cell)
            seen.add(key)
        return None

    def counts_up(self, name: str) -> bool:
        """Whether the numbers are n consecutive ones, in any order (of a column that is kept whole)."""
        if name not in self._all:
            return False
        values = sorted(v for cell in self._all[name] if (v := parse_number(cell, self.decimal)) is not None)
        return len(values) > 1 and values[-1] - values[0] == len(values) - 1

    def _sniff(self) -> None:
        from deepdojo.data.readers.sniff import sniff

        if self.files.is_empty(self.file):
            raise DataError("the file is empty", where=self.shown, todo="export it again")
        found = sniff(self.files, self.file)
        self.options = dict(found.options())
        if not self._has_header():
            self.options = {**sniff(self.files, self.file, header=False).options(), "header": False}
        signs = {"\t": "a tab", ";": "a semicolon", "|": "a bar", " ": "blanks", ",": "a comma", None: None}
        delimiter = signs.get(found.dialect.delimiter, repr(found.dialect.delimiter))
        parts = [f"parted by {delimiter}"] if delimiter else []
        parts += [found.encoding.removesuffix("-sig").upper()]
        parts += ["decimal comma"] if found.decimal == "," else []
        parts += ["no header line: columns are called 0, 1, ..."] if self.options.get("header") is False else []
        self.written = f" ({', '.join(parts)})"

    def _names_a_sound(self, cell: Any) -> bool:
        """Whether a sound of this name lies beside the file: `LJ001-0001`, with `wavs/LJ001-0001.wav`."""
        from deepdojo.data.infer.sounds import FOLDERS

        name = str(cell or "").strip()
        if not name or len(name) > 200 or any(sign in name for sign in " \n\0"):
            return False
        return any(self.has(f"{self.below}{at}{name}{end}") for at in FOLDERS for end in ("", ".wav", ".flac", ".mp3"))

    def _has_header(self) -> bool:
        """No header where the first line's cells are all numbers, one names a sound, or one is a value that its column
        repeats."""
        from itertools import islice

        options = {**self.options, "header": False}
        cells = [
            list(r.cells.values())
            for r in islice(read("csv", self.files, file=self.file, **options), 1000)
            if not r.reject
        ]
        if len(cells) < 2:
            return True
        first, rest = cells[0], cells[1:]
        if any(self._names_a_sound(cell) for cell in first):
            return False
        if all(is_missing(cell) or parse_number(cell) is not None for cell in first):
            return any(is_missing(cell) for cell in first)
        for k, cell in enumerate(first):
            below = [row[k] for row in rest]
            if below.count(cell) >= 2 and len(set(below)) <= 0.5 * len(below):
                return False
        return True

    def _read(self) -> tuple[list[dict[str, Any]], int, list[str]]:
        """A seeded sample of rows in their order (reservoir sampling), the number of rows, the names."""
        generator = random.Random(0)
        kept: list[tuple[int, dict[str, Any]]] = []
        n = rejected = known = 0
        names: dict[str, Any] = {}
        first: RawRow | None = None
        self._all: dict[str, list[Any]] = {}
        for row in read(self.reader, self.files, file=self.file, **self.options):
            if row.reject is not None:
                rejected += 1
                first = first or row
                continue
            names |= row.cells
            if len(names) != known:
                known = len(names)
                # A column that begins late (JSON lines) has been missing until here.
                self._all = {name: self._all.get(name, [None] * n) for name in self._wanted(list(names))}
            for name, cells in self._all.items():
                cells.append(row.cells.get(name))
            n += 1
            if len(kept) < MOST_ROWS:
                kept.append((n, row.cells))
            elif (place := generator.randrange(n)) < MOST_ROWS:
                kept[place] = (n, row.cells)
        if n < 2:
            why = f"; {rejected} were refused, the first because {first.reject}" if first is not None else ""
            raise DataError(
                f"the file holds {n} usable row{'s' if n != 1 else ''}{why}", where=self.shown, todo="add rows"
            )
        if rejected and first is not None:
            self.written += f"; {rejected:,} lines cannot be read, the first is line {first.line}: {first.reject}"
        kept.sort(key=lambda item: item[0])
        return [cells for _, cells in kept], n, list(names)

    def _wanted(self, names: list[str]) -> list[str]:
        """Columns to keep whole: all of a narrow table, else those that may be a target or an id."""
        if len(names) <= 12:
            return names
        ends = {*names[:4], *names[-4:], *self.keep}
        return [name for name in names if name in ends or name.lower() in NAMED or name.lower().endswith("id")]
