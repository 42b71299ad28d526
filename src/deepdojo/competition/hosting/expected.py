"""What must come of a project's reference submissions: `submissions/expected.toml` beside project.toml.

["majority.csv"]
low = 0.48
high = 0.56

["ids_twice.csv"]
error = "twice"
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from deepdojo.errors import ProjectError, UnknownNameError

__all__ = ["EXPECTED", "FOLDER", "Expected", "read_expected"]

FOLDER = "submissions"
EXPECTED = f"{FOLDER}/expected.toml"
KEYS = ("low", "high", "error")
ROUNDING = 1e-9


@dataclass(frozen=True)
class Expected:
    """What must come of one file.

    Attributes:
        low, high: the band of its score, both ends included, in the metric's unit; None for an open end.
        error: a part of the sentence with which it must be refused.
    """

    low: float | None = None
    high: float | None = None
    error: str | None = None

    @property
    def said(self) -> str:
        if self.error is not None:
            return f"an error with {self.error!r}"
        if self.low is None or self.high is None:
            return f"a score of at least {self.low:g}" if self.high is None else f"a score of at most {self.high:g}"
        return f"a score from {self.low:g} to {self.high:g}"

    def fits(self, value: float | None, refused: str | None) -> bool:
        """Whether a score, or the sentence of a refusal, is what was expected."""
        if refused is not None or value is None:
            return self.error is not None and self.error in str(refused)
        low = value >= self.low - ROUNDING if self.low is not None else True
        high = value <= self.high + ROUNDING if self.high is not None else True
        return self.error is None and low and high


def read_expected(folder: Path) -> dict[str, Expected]:
    """File -> what is expected of it; empty for a project without the page. Raises ProjectError for one with faults."""
    path = folder / EXPECTED
    if not path.is_file():
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProjectError(f"is no TOML ({error})", where=EXPECTED) from None
    return {name: _expected(name, table) for name, table in tables.items()}


def _expected(name: str, table: Any) -> Expected:
    where = f"{EXPECTED} [{name!r}]"
    inner = PurePosixPath(name)
    if inner.is_absolute() or ".." in inner.parts or "\\" in name:
        raise ProjectError("the file must lie in the folder submissions", where=where, todo="give its name alone")
    if not isinstance(table, Mapping):
        raise ProjectError(
            "expects a table for each file", where=where, todo=f'write ["{name}"], and low, high or error below it'
        )
    for key, value in table.items():
        if key not in KEYS:
            raise UnknownNameError("key", key, KEYS, where=where)
        if isinstance(value, bool) or not isinstance(value, str if key == "error" else int | float) or value == "":
            raise ProjectError(f"{key} is {value!r}, which is no {'text' if key == 'error' else 'number'}", where=where)
    if not table or ("error" in table and len(table) > 1):
        raise ProjectError("needs low, high or both, or else error alone", where=where)
    expected = Expected(**table)
    if expected.low is not None and expected.high is not None and not expected.low <= expected.high:
        raise ProjectError(f"low is {expected.low:g} and high {expected.high:g}", where=where, todo="swap them")
    return expected
