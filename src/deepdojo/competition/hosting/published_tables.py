"""Rows as the public folder has them: one Parquet table a part, with the columns that a project.toml then names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepdojo.competition.hosting.media_files import MediaFiles
from deepdojo.competition.hosting.new_ids import new_ids
from deepdojo.contracts import MEDIA, Contract, KindName
from deepdojo.data.column_facts import describe
from deepdojo.data.gallery import Gallery
from deepdojo.data.project import Project
from deepdojo.errors import DataError
from deepdojo.tables import Table, write_table

__all__ = ["PublishedTables"]

Row = Mapping[str, Any]
_READERS_OWN = ("file", "folder", "line", "path", "name")
"""Columns that a reader makes of where a row lies: nothing of that is published, so neither is the word."""


@dataclass
class PublishedTables:
    """Turns rows into tables of new ids.

    Args:
        ids: raw id -> new id.
        key: the host's.
        media: where pictures and sounds go.
    """

    project: Project
    ids: Mapping[str, str]
    key: bytes
    media: MediaFiles
    left_out: list[tuple[str, str, str]] = field(default_factory=list)
    columns: dict[str, str | list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.columns = {role: self._name(role) for role, kind in self.contract.columns.items() if kind != "record"}
        self._taken = {"id", *map(str, self.columns.values())}
        self._kinds: dict[str, dict[str, KindName]] = {}
        self._shared = bool(self.contract.compared)
        self._several = sum(kind in MEDIA for kind in self.contract.inputs.values()) > 1

    @property
    def contract(self) -> Contract:
        return self.project.contract

    def _name(self, role: str) -> str:
        """The column's own name in the host's data, where that is a name of his and no other column has it."""
        given = self.project.spec.columns.get(role)
        others = [value for other, value in self.project.spec.columns.items() if other != role]
        own = isinstance(given, str) and given not in (*_READERS_OWN, "id", "*", *others, *self.contract.columns)
        return str(given) if own else role

    def fit_records(self, parts: Iterable[Sequence[Row]]) -> None:
        """Names and kinds of the columns of records, over all parts: a column of numbers alone is one of numbers."""
        parts = list(parts)
        for role, kind in self.contract.inputs.items():
            if kind != "record":
                continue
            names = list(dict.fromkeys(name for rows in parts for row in rows for name in row[role]))
            clash = next((name for name in names if name in self._taken), None)
            if clash is not None:
                raise DataError(
                    f"a column of the features is named {clash!r}, as another that the public tables need",
                    where=self.project.name, todo="rename it in the data, or name it in columns.drop",
                )  # fmt: skip
            self.columns[role] = names
            self._kinds[role] = {}
            for name in names:
                facts = describe(row[role].get(name) for rows in parts for row in rows)
                plain = facts.numeric and not facts.words and not facts.infinities
                self._kinds[role][name] = "number" if plain else "text"

    def elsewhere(self, ids: Mapping[str, str], media: MediaFiles) -> PublishedTables:
        """The same columns, with other ids or in another folder."""
        made = PublishedTables(self.project, ids, self.key, media)
        made._taken, made._kinds = self._taken, self._kinds
        made.columns = self.columns
        return made

    def add_files(self, parts: Mapping[str, Sequence[Row]], progress: Any = None) -> None:
        """Writes the media of all rows; a row whose file cannot be used is left out, and listed."""
        roles = [role for role, kind in self.contract.columns.items() if kind in MEDIA or kind == "gallery"]
        if not roles:
            return
        self._stems = self._shared_stems(parts) if self._shared else {}
        total, done = sum(map(len, parts.values())), 0
        for part, rows in parts.items():
            for row in rows:
                done += 1
                if progress is not None and done % 50 == 0:
                    progress(done, total, "pictures, sounds and videos")
                try:
                    for role in roles:
                        self._cells(row, role, part)
                except DataError as error:
                    self.left_out.append((row["id"], part, str(error)))

    def _shared_stems(self, parts: Mapping[str, Sequence[Row]]) -> dict[str, str]:
        """Of tasks that compare pictures a picture stands in several rows: its new name is of where it lay."""
        names: dict[str, None] = {}
        for rows in parts.values():
            for row in rows:
                for cell in row.values():
                    pictures = [picture for _, picture in cell] if isinstance(cell, Gallery) else [cell]
                    names.update(dict.fromkeys(picture.name for picture in pictures if hasattr(picture, "name")))
        return new_ids(self.key, "file", names)

    def _stem(self, row: Row, role: str, cell: Any) -> str:
        if self._shared and hasattr(cell, "name"):
            return self._stems[cell.name]
        return f"{self.ids[row['id']]}-{role}" if self._several else self.ids[row["id"]]

    def _cells(self, row: Row, role: str, part: str) -> Any:
        """The names of a row's files; written when they are asked for first."""
        cell, kind, decoded = row.get(role), self.contract.columns[role], part == "test"
        if cell is None:
            return None
        if kind != "gallery":
            return self.media.add(cell, kind, self._stem(row, role, cell), decoded=decoded)
        pairs = []
        for number, (name, picture) in enumerate(cell):
            own = hasattr(picture, "name")
            stem = self._stem(row, role, picture) if own else f"{self.ids[row['id']]}-{number}"
            pairs.append([name, self.media.add(picture, "image", stem, decoded=decoded)])
        return json.dumps(pairs, ensure_ascii=False)

    def write(self, path: Path, rows: Sequence[Row], roles: Sequence[str], part: str) -> None:
        """A table of `id` and the columns of these roles, sorted by the new id."""
        rows = sorted(rows, key=lambda row: self.ids[row["id"]])
        columns: dict[str, Sequence[Any]] = {"id": [self.ids[row["id"]] for row in rows]}
        kinds: dict[str, KindName] = {}
        for role in roles:
            kind = self.contract.columns[role]
            if kind == "record":
                for name in self.columns[role]:
                    kinds[name] = self._kinds[role][name]
                    columns[name] = [_plain(row[role].get(name), kinds[name]) for row in rows]
                continue
            cells = [self._cells(row, role, part) if kind in MEDIA or kind == "gallery" else row[role] for row in rows]
            if all(cell is None for cell in cells):
                continue  # what is compared stands in questions alone, and a hint may be nowhere
            name = str(self.columns[role])
            columns[name] = cells
            kinds[name] = "text" if kind in MEDIA or kind == "gallery" else kind
        write_table(path, Table(columns), kinds)


def _plain(cell: Any, kind: str) -> Any:
    if cell is None:
        return None
    if kind == "number":
        from deepdojo.data.cells import parse_number

        return parse_number(cell)
    from deepdojo.data.cells import as_text

    return as_text(cell)
