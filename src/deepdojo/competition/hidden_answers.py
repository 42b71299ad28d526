"""Whether a folder of files holds what an event hides, whatever its files are called: the same bytes, or rows that have
held-out ids beside their targets."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from deepdojo.competition.hosting.new_ids import new_id
from deepdojo.competition.hosting.solution import Solution, read_solution
from deepdojo.data.files import file_sha256
from deepdojo.places import write_json
from deepdojo.tables_io import ZIP_FAULTS

__all__ = ["SOURCES", "HiddenAnswers", "keep_sources"]

SOURCES = "sources.json"
_READ = {".csv": "read_csv", ".tsv": "read_csv", ".txt": "read_csv", ".gz": "read_csv", ".jsonl": "read_json",
         ".json": "read_json", ".parquet": "read_parquet"}  # fmt: skip
_PROBED, _ENOUGH, _LEAST = 20_000, 2_000, 5
_ALIKE = 0.9  # an answer that was corrected since, or rounded, must not hide the others
_CHUNK = 1 << 20
Cells = Sequence[tuple[str, Sequence[str]]]


def keep_sources(private: Path, places: Iterable[Path]) -> None:
    """Write down the SHA-256 of the files that a project was read from, beside the answers."""
    write_json(private / SOURCES, sorted({file_sha256(place) for place in places}))


@dataclass
class HiddenAnswers:
    """What one event hides.

    Args:
        private: its private folder; the public one lies beside it.
    """

    private: Path
    solution: Solution = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.solution = read_solution(self.private)
        self._key = bytes.fromhex((self.private / "key").read_text(encoding="ascii").strip())
        self._length = len(self.solution.ids[0]) - 1
        targets = list(self.solution.contract.targets)
        self._targets = {row["id"]: [_plain(row[name]) for name in targets] for row in self.solution.rows}
        handed_out = {_digest(path): path for path in _files(self.private.parent / "public")}
        self._bytes = ({_digest(path) for path in _files(self.private)} | _sources(self.private)) - set(handed_out)
        self._pictures = {digest: row for digest, path in handed_out.items() if (row := self._row_of(path))}

    def _row_of(self, path: Path) -> str | None:
        """The test row of a file that was handed out under its id."""
        stem = path.name.partition(".")[0].partition("-")[0]
        return stem if stem in self._targets else None

    def in_folder(self, folder: Path) -> str | None:
        """The first file of a folder that gives answers away, relative to it; None where none does."""
        pictures: dict[str, list[list[str]]] = {}
        for path in _files(folder):
            name = path.relative_to(folder)
            digests = [_digest(path), *_member_digests(path)]
            if self._bytes.intersection(digests) or self._told_by_table(path):
                return name.as_posix()
            row = self._pictures.get(digests[0]) or self._row_at(name)
            if row is not None:  # the folder that it lies in may be its label
                pictures.setdefault(row, []).append([_plain(part) for part in reversed(name.with_suffix("").parts)])
        told = [(row, self._best(row, copies)) for row, copies in pictures.items()]
        return f"{folder.name}/" if self._answered(told) else None

    def _best(self, row: str, copies: Sequence[Sequence[str]]) -> list[str]:
        """Of the paths of one picture's copies the telling one at each depth: another copy may lie elsewhere."""
        depths = zip(*copies, strict=False)
        return [next((part for part in parts if part in self._targets[row]), parts[0]) for parts in depths]

    def _row_at(self, name: Path) -> str | None:
        """The held-out row whose own id is the path of a file, from some folder on."""
        ends = ("/".join(name.parts[k:]) for k in range(len(name.parts)))
        return next((row for end in ends if (row := self._known(end))), None)

    def _told_by_table(self, path: Path) -> bool:
        """Whether one of its columns holds ids of held-out rows, or their places, and another one their targets."""
        function = _READ.get(path.suffix.lower())
        if function is None:
            return False
        import duckdb

        given = ", all_varchar=true" if function == "read_csv" else ""
        try:
            with duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "512MB"}) as database:
                rows = database.execute(f"SELECT * FROM {function}(?{given})", [str(path)])
                return self._in_rows(iter(lambda: rows.fetchmany(_PROBED), []))
        except duckdb.Error:
            return False  # what cannot be read as a table is compared by its bytes alone

    def _in_rows(self, blocks: Iterator[list[tuple[Any, ...]]]) -> bool:
        names: list[Callable[[int, Sequence[str]], str]] = []
        found: list[list[tuple[str, Sequence[str]]]] = []
        for number, block in enumerate(blocks):
            cells = [[_plain(cell) for cell in row] for row in block]
            first = number * _PROBED + 1
            if number == 0:  # a column in which no id is among the first thousands is none of ids
                places = range(len(cells[0]))
                names = [_at(k) for k in places] + [lambda place, _row: str(place)]
                names = [name for name in names if any(self._known(name(first + i, r)) for i, r in enumerate(cells))]
                found = [[] for _ in names]
            for name, rows in zip(names, found, strict=True):
                for i, row in enumerate(cells):
                    known = self._known(name(first + i, row)) if len(rows) < _ENOUGH else None
                    if known is not None:
                        rows.append((known, row))
            if not names or all(len(rows) >= _ENOUGH for rows in found):
                break
        return any(self._answered(rows) for rows in found)

    def _known(self, cell: str) -> str | None:
        """The held-out row of an id, of the project's own or of the one that was handed out."""
        if cell in self._targets:
            return cell
        hidden = new_id(self._key, "row", cell, self._length)
        return hidden if hidden in self._targets else None

    def _answered(self, found: Cells) -> bool:
        """Whether some column tells a target of these rows, and better than chance would."""
        if len(found) < min(_LEAST, len(self._targets)):
            return False
        width = min(len(cells) for _, cells in found)
        for target in range(len(self.solution.contract.targets)):
            wanted = [self._targets[row][target] for row, _ in found]
            if any(_tells([cells[k] for _, cells in found], wanted) for k in range(width)):
                return True
        return False


def _at(place: int) -> Callable[[int, Sequence[str]], str]:
    return lambda _, row: row[place]


def _tells(cells: Sequence[str], wanted: Sequence[str]) -> bool:
    n = len(wanted)
    alike = sum(a == b for a, b in zip(cells, wanted, strict=True)) / n
    if alike < _ALIKE:
        return False
    have, want = Counter(cells), Counter(wanted)
    chance = sum(have[name] * count for name, count in want.items()) / n**2
    return chance < 1 and 1 - alike <= (1 - chance) / 2


def _plain(cell: Any) -> str:
    """One text for equal values: 4, 4.0 and "4" are one."""
    if isinstance(cell, Mapping | list | tuple):
        return json.dumps(cell, sort_keys=True, default=str)
    text = "" if cell is None else str(cell).strip()
    try:
        number = float(text)
        return str(int(number)) if number.is_integer() and abs(number) < 1e15 else f"{number:.9g}"
    except (ValueError, OverflowError):
        return text


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _digest(path: Path) -> str:
    now = path.stat()
    return _digest_of(path, now.st_size, now.st_mtime_ns)


@lru_cache(maxsize=200_000)
def _digest_of(path: Path, _size: int, _changed: int) -> str:
    return file_sha256(path)


def _member_digests(path: Path) -> list[str]:
    """Of what a zip packs; nothing of other files."""
    if path.suffix.lower() != ".zip":
        return []
    found = []
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                total = hashlib.sha256()
                with archive.open(info) as member:
                    while block := member.read(_CHUNK):
                        total.update(block)
                found.append(total.hexdigest())
    except ZIP_FAULTS:
        pass
    return found


def _sources(private: Path) -> set[str]:
    try:
        return {str(digest) for digest in json.loads((private / SOURCES).read_text(encoding="utf-8"))}
    except (OSError, ValueError):  # hosted before they were written down
        return set()
