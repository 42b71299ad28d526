"""Which columns of a table are a series in time: its times, its values, the name of the series where it has many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from deepdojo.data.cells import LARGEST, is_missing, parse_number
from deepdojo.data.column_facts import ColumnFacts
from deepdojo.data.infer.inferred import Choices, listed
from deepdojo.data.infer.reading import TARGETS, TableFile
from deepdojo.data.infer.text import is_date
from deepdojo.errors import DataError, UsageError

__all__ = ["refuse_times_alone", "series_column", "time_column", "value_columns"]

TIMES = ("time", "timestamp", "datetime", "date", "day", "month", "ds", "时间", "日期")
VALUES = (*TARGETS, "value", "values", "count", "cnt", "sales", "demand", "load", "销量", "数值")
HOURS = ("hour", "hours", "hr", "h", "minute", "minutes", "quarter", "week", "weekday", "month", "year")
DOUBLED = 0.05
"""Of more lines whose time stood before, several series stand below each other."""

LEAST_LINES = 12
ALIKE = 300
"""Columns of numbers whose usual sizes differ less are alike: exchange rates differ two hundredfold."""


def time_column(table: TableFile) -> str | None:
    """The first column whose name speaks of time, else the first that holds dates."""
    named = [name for name in table.names if name.lower() in TIMES]
    return next(iter(named), None) or next((name for name in table.names if is_date(table.column(name))), None)


def refuse_times_alone(table: TableFile, facts: Mapping[str, ColumnFacts], choices: Choices) -> None:
    """Raise a UsageError for a table of dates and one column of numbers, which is a series and nothing else."""
    chosen = (choices.task, choices.target, choices.group, choices.time)
    if len(table.names) != 2 or any(choice is not None for choice in chosen):
        return
    dates = next((name for name in table.names if is_date(table.column(name))), None)
    numbers = next((name for name in table.names if facts[name].numeric), None)
    if dates is not None and numbers is not None and facts[numbers].distinct > 2:
        raise UsageError(
            f"{dates} holds dates and {numbers} numbers, a series in time", where=table.shown,
            todo="to forecast it: --task forecasting",
        )  # fmt: skip


def value_columns(
    table: TableFile, facts: Mapping[str, ColumnFacts], choices: Choices, taken: tuple[str | None, ...]
) -> tuple[list[str], list[str], str]:
    """(columns to forecast, all other columns of numbers, why these): as given, by name, the only one, or all that
    are alike. Flags of two values are plans or holidays, not what is forecast.

    Raises:
        DataError: no column of numbers, or several and nothing that tells which.
    """
    numeric = [n for n in table.names if facts[n].numeric and n not in taken]
    if choices.target is not None:
        _refuse_values(table, choices.target, facts[choices.target])
        return [choices.target], [n for n in numeric if n != choices.target], "as given"
    if not numeric:
        for name in table.names:
            if name not in taken and facts[name].infinities:
                _refuse_values(table, name, facts[name])
        raise DataError("no column holds numbers to forecast", where=table.shown, todo="give a table with one")
    fit = [n for n in numeric if facts[n].distinct > 2] or numeric
    named = [n for name in VALUES for n in fit if n.lower() == name]
    if named or len(fit) == 1:
        chosen, why = [(named or fit)[0]], "by its name" if named else "the only column of numbers that fits"
    elif _alike(table, facts, fit):
        chosen, why = fit, "all are alike, and each is a series"
    else:
        raise DataError(
            f"which column is to be forecast cannot be told from their names ({listed(fit, 8)})", where=table.shown,
            todo="give --target COLUMN",
        )  # fmt: skip
    return chosen, [n for n in numeric if n not in chosen], why


def _refuse_values(table: TableFile, name: str, facts: ColumnFacts) -> None:
    """Raise a DataError unless the column holds numbers."""
    if facts.numeric:
        return
    where = f"{table.shown}, column {name!r}"
    if facts.infinities > facts.words:
        raise DataError(
            f"its numbers are infinite or larger than {LARGEST:g}, too large to compute with", where=where,
            todo="write them in a larger unit",
        )  # fmt: skip
    said = f"words ({listed(facts.some_words, 2)})" if facts.words else "nothing"
    raise DataError(f"it holds {said}, not numbers to forecast", where=where, todo="choose another --target")


def _alike(table: TableFile, facts: Mapping[str, ColumnFacts], names: list[str]) -> bool:
    """Names that differ in digits alone; or three and more columns, all of whole numbers or none, of one sign and of
    sizes that differ less than 300 times."""
    if len({"".join(sign for sign in name if not sign.isdigit()) for name in names}) == 1:
        return True
    if len(names) < 3 or len({facts[n].whole for n in names}) > 1:
        return False
    columns = [[v for c in table.column(n) if (v := parse_number(c, table.decimal)) is not None] for n in names]
    middles = np.array([np.median(column) for column in columns])
    sizes = np.abs(middles)
    return len(set(np.sign(middles))) == 1 and bool(sizes.max() < ALIKE * sizes.min())


def series_column(
    table: TableFile, facts: Mapping[str, ColumnFacts], time: str | None, target: str | None
) -> str | None:
    """The column that tells apart the series of a table where times repeat; None where a time stands once.

    A few doubled lines make no second series. Words come before numbers, and numbers must be as few as lines of one
    time, nearly.

    Raises:
        DataError: times repeat, and with no column they are unique.
    """
    times = _cells(table, time) if time is not None else []
    counts = Counter(cell for cell in times if cell)
    if sum(counts.values()) - len(counts) <= DOUBLED * len(times):
        return None
    most = max(counts.values())
    found: list[tuple[bool, int, str]] = []
    for name in table.names:
        fact = facts[name]
        if name in (time, target) or not 2 <= fact.distinct <= fact.n / LEAST_LINES:
            continue
        if fact.numeric and (not fact.whole or fact.distinct > 2 * most or name.lower() in HOURS):
            continue
        pairs = list(zip(times, _cells(table, name), strict=True))
        if len(pairs) - len(set(pairs)) <= DOUBLED / 5 * len(pairs):
            found.append((fact.numeric, fact.distinct, name))
    if not found:
        raise DataError(
            f"one {time} stands in up to {most:,} lines, and no column tells these apart", where=table.shown,
            todo="name the column of the series with --group, or write date and time of day in one column",
        )  # fmt: skip
    return min(found)[2]


def _cells(table: TableFile, name: str) -> list[str]:
    cells = table.column(name) if len(table.rows) == table.n else table.whole_column(name)
    return ["" if is_missing(cell) else str(cell).strip() for cell in cells]
