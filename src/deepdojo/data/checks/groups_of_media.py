"""Sounds and pictures in a table with a column of speakers or patients, by which the split does not go.

Rows hold the file alone, so the table is read once more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from deepdojo.data.cells import is_missing
from deepdojo.data.checks.look import Look, Problem
from deepdojo.data.readers import RawRow, read
from deepdojo.data.sources import locate
from deepdojo.errors import DojoError

__all__ = ["beside_media"]

MOST_ROWS = 10_000


def beside_media(look: Look, names: re.Pattern[str]) -> Iterator[Problem]:
    """One warning for the first column that is named like a group, and whose values repeat, where held-out rows are
    drawn at random."""
    rows = _rows(look)
    spec = look.dataset.project.spec if rows else None
    if spec is None:
        return
    used = {str(column) for column in spec.columns.values()} | {str(spec.data.id)}
    for name in rows[0].cells:
        if name in used or not names.search(name.strip()):
            continue
        cells = [str(cell).strip() for row in rows if not is_missing(cell := row.cells.get(name))]
        values = len(set(cells))
        if 2 <= values <= len(cells) / 1.5:
            what = {"audio": "sounds", "image": "pictures"}[look.kind]
            yield Problem(
                "groups",
                f"column {name!r}",
                f"column {name!r} has {values:,} values, about {len(cells) / values:.1f} {what} each, and is named "
                "like one that says who or what they are of: a random split puts those of one on both sides",
                f'set split.group = "{name}" (`dojo new --group {name}`), or the score is of those that are known',
                "warning",
                false_alarm=None,
            )
            return


def _rows(look: Look) -> list[RawRow]:
    """Raw rows; none where the split is given or goes by something else, or a reader is code."""
    project: Any = look.dataset.project
    spec = getattr(project, "spec", None)
    if spec is None or "test" in spec.data.split or spec.split.order is not None or spec.split.test is not None:
        return []
    part = next(iter(spec.data.split), None)
    reader = spec.data.reader_of(part)
    if reader.startswith("python:"):
        return []
    try:
        files = locate(spec.source, project.folder, offline=True)
        found = list(islice(read(reader, files, **spec.data.options(part)), MOST_ROWS))
    except DojoError:
        return []
    return [row for row in found if row.reject is None]
