"""Which column of a table is the id: by its name, and by values that all differ."""

from __future__ import annotations

from deepdojo.data.column_facts import ColumnFacts
from deepdojo.data.infer.inferred import Choices, Inferred
from deepdojo.data.infer.reading import IDS, TableFile
from deepdojo.data.infer.text import image_cells
from deepdojo.errors import DataError

__all__ = ["id_column", "like_id"]

NEARLY = 0.9
"""A column that is named like an id and has at least this share of different values is one, if a damaged one."""


def like_id(table: TableFile, name: str, facts: ColumnFacts) -> bool:
    """All different, and either words, or whole numbers that are consecutive or have a name that says so. A few
    doubled or empty ones make an id no feature."""
    if facts.n < 20 or facts.distinct < (NEARLY if _is_id_name(name) else 1.0) * facts.n:
        return False
    return not facts.numeric or (facts.whole and (_is_id_name(name) or table.counts_up(name)))


def id_column(
    table: TableFile,
    test: TableFile | None,
    facts: dict[str, ColumnFacts],
    choices: Choices,
    target: str,
    inferred: Inferred,
) -> str | None:
    """The id column: as given, or a filled one named like an id whose values all differ; else row numbers."""
    if choices.id is not None:
        double = table.doubled(choices.id, test)
        if double is not None:
            raise DataError(
                f"the id {double!r} occurs more than once",
                where=f"{table.shown}, column {choices.id!r}",
                todo="choose another --id, or leave it out: rows are then numbered",
            )
        inferred.say(f"id: {choices.id} (as given)", "data.id", "names each row")
        return choices.id
    taken_by = (target, choices.group, choices.time)
    for name in table.names:
        taken = name in taken_by
        taken = taken or (_is_id_name(name) and image_cells(table, name) is not None)
        if not taken and _is_id_name(name) and not facts[name].missing and table.doubled(name, test) is None:
            inferred.say(f"id: {name} (all different; not an input)", "data.id", "names each row; no input")
            return name
    why = "no column is named like an id and differs in every row"
    doubled = [(n, table.doubled(n, test)) for n in table.names if n not in taken_by and _is_id_name(n)]
    if doubled:
        name, value = doubled[0]
        why = f"{name} is empty in some row" if value is None else f"in {name}, {value!r} occurs more than once"
    inferred.say(f"id: row numbers from 1 ({why})")
    return None


def _is_id_name(name: str) -> bool:
    low = name.lower().strip()
    return low in IDS or low.endswith(("_id", " id", "-id")) or (name.endswith(("Id", "ID")) and len(name) > 2)
