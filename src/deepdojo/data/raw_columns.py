"""Which columns of a file have the roles of a task, and which of them the rows of ragged files lacked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deepdojo.contracts import Contract
from deepdojo.data.files import Files, printable
from deepdojo.data.readers import RawRow
from deepdojo.data.spec import ProjectSpec
from deepdojo.errors import ProjectError, UnknownNameError

__all__ = ["Make", "RawColumns", "Reject", "Row", "reject"]

Row = dict[str, Any]
Make = Callable[[RawRow], Any]
"""Makes the cell of one role from a raw row."""


class Reject(Exception):
    """This row cannot be used; the message says why."""


def reject(reason: str) -> Any:
    """Raises Reject, as an expression."""
    raise Reject(reason)


class RawColumns:
    """The columns of raw rows, as `project.toml` gives them to roles.

    Args:
        targets: whether a row must have its targets.
        ragged: whether rows may have different columns (JSON lines): an absent column is then a missing cell, and an
            error only if no row has it.

    Attributes:
        made: rows that were looked at; absent: column -> how many of them lacked it; known: all columns of ragged rows.
        label_names: raw label -> its name.
    """

    def __init__(self, spec: ProjectSpec, contract: Contract, files: Files, *, targets: bool, ragged: bool) -> None:
        self.spec, self.contract, self.files, self.targets, self.ragged = spec, contract, files, targets, ragged
        self.made = 0
        self.absent: dict[str, int] = {}
        self.known: dict[str, None] = {}
        names = spec.labels.names
        self.label_names = dict(names) if isinstance(names, Mapping) else {str(i): name for i, name in enumerate(names)}

    def of(self, role: str) -> str:
        """The column that a role with a single column has."""
        given = self.spec.columns.get(role, role)
        if not isinstance(given, str):
            raise ProjectError(f"columns.{role} must name one column, got {given!r}", where=self.spec.name)
        return given

    def given(self, role: str, default: str) -> Any:
        """What `[columns]` says of a role."""
        return self.spec.columns.get(role, default)

    def cell(self, raw: RawRow, column: str) -> Any:
        """A cell by its column's name. Raises UnknownNameError where a file has no such column."""
        try:
            return raw.cells[column]
        except KeyError:
            if not self.ragged:
                raise UnknownNameError("column", column, raw.cells, where=printable(raw.file)) from None
            self.absent[column] = self.absent.get(column, 0) + 1
            return None

    def note(self, raw: RawRow) -> None:
        """Counts a row, and of ragged ones its columns."""
        self.made += 1
        if self.ragged:
            self.known.update(dict.fromkeys(raw.cells))

    def state(self) -> list[Any]:
        """What was counted, for a reading that is killed."""
        return [self.made, self.absent, list(self.known)]

    def go_on(self, state: Sequence[Any]) -> None:
        """Counts on from `state()`."""
        self.made, self.absent, self.known = state[0], state[1], dict.fromkeys(state[2])

    def check(self) -> None:
        """After the last row: a column that no row had is an error."""
        for column, count in self.absent.items():
            if count >= self.made > 0:
                raise UnknownNameError("column", column, self.known, where="the data")
