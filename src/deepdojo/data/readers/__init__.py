"""One file per format: raw files become rows of raw cells. A reader knows neither task, nor split, nor column roles."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from deepdojo.errors import ProjectError, UnknownNameError

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["READERS", "RawRow", "options_of", "read"]

#: Name of a reader -> the module that holds its `read(files, **options)`.
READERS: Mapping[str, str] = {
    "box_table": "deepdojo.data.readers.box_table",
    "captions": "deepdojo.data.readers.captions",
    "coco": "deepdojo.data.readers.coco",
    "conll": "deepdojo.data.readers.conll",
    "csv": "deepdojo.data.readers.csv_reader",
    "episodes": "deepdojo.data.readers.episodes",
    "files": "deepdojo.data.readers.image_folder",
    "idx": "deepdojo.data.readers.idx",
    "jsonl": "deepdojo.data.readers.jsonl",
    "lines": "deepdojo.data.readers.lines",
    "pairs": "deepdojo.data.readers.pairs",
    "parallel": "deepdojo.data.readers.parallel",
    "parquet": "deepdojo.data.readers.parquet",
    "series": "deepdojo.data.readers.series",
    "skeletons": "deepdojo.data.readers.skeletons",
    "spans": "deepdojo.data.readers.spans",
    "squad": "deepdojo.data.readers.squad",
    "sounds": "deepdojo.data.readers.sound_folder",
    "text": "deepdojo.data.readers.text",
    "voc": "deepdojo.data.readers.voc",
}


@dataclass(slots=True)
class RawRow:
    """One record as it stands in a file.

    Attributes:
        cells: column name -> raw text (CSV, lines), JSON value, bytes, array or a file's name.
        file: name of the file, as the project spells it.
        line: the line (text), record (Parquet, IDX) from 1; None for a file that is a row itself.
        reject: why the record cannot be used; its cells are then empty or partial.
        decimal: the sign before the fraction of numbers written in `cells`.
        decimals: column -> its own sign, where tables that stand side by side have different ones.
    """

    cells: dict[str, Any]
    file: str
    line: int | None = None
    reject: str | None = None
    decimal: str = "."
    decimals: Mapping[str, str] | None = None

    def decimal_of(self, column: str) -> str:
        """The sign before the fraction in one column."""
        return self.decimal if self.decimals is None else self.decimals.get(column, self.decimal)


def _reader(name: str) -> Any:
    if name not in READERS:
        raise UnknownNameError("reader", name, [*READERS, "python:FILE"], where="data.reader")
    return import_module(READERS[name]).read


def options_of(name: str) -> list[str] | None:
    """The options that a reader takes; None for a `python:FILE` reader, which may take anything."""
    if name.startswith("python:"):
        return None
    return [p for p in inspect.signature(_reader(name)).parameters if p != "files"]


def read(name: str, files: Files, /, *, trusted: bool = False, **options: Any) -> Iterator[RawRow]:
    """The rows of one source.

    Args:
        name: one of `READERS`, or `python:FILE` beside project.toml (code: runs only when `trusted`).
        options: the reader's own options (`options_of`).

    Raises:
        UnknownNameError: no such reader or option. ProjectError: an option that the reader needs is not given.
        ConsentError: a `python:` reader without consent.
    """
    if name.startswith("python:"):
        from deepdojo.data.readers.python_reader import read as read_python

        return read_python(files, name.removeprefix("python:"), trusted=trusted, **options)
    known = options_of(name) or []
    for option in options:
        if option not in known:
            raise UnknownNameError(f"option of the {name} reader", option, known, where="data")
    reader = _reader(name)
    for needed in inspect.signature(reader).parameters.values():
        if needed.default is needed.empty and needed.name not in (*options, "files"):
            raise ProjectError(
                f"the {name} reader needs {needed.name!r}, and project.toml does not give it", where="data",
                todo=f"write {needed.name} = ... below [data]",
            )  # fmt: skip
    return reader(files, **options)
