"""From a table of times and values to a project of forecasting: what is late is held out."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepdojo.data.column_facts import describe
from deepdojo.data.files import Files
from deepdojo.data.infer.inferred import Choices, Inferred, listed
from deepdojo.data.infer.reading import TableFile
from deepdojo.data.readers.series_table import read_lines
from deepdojo.data.readers.series_times import Grid
from deepdojo.errors import DataError, DojoError, UnknownNameError, UsageError

__all__ = ["infer_series"]

HELD_OUT, VALIDATION = 0.8, 0.7
"""Where the stretch that is tested on begins, and the one that chooses."""

LONGEST = 336
"""Steps of the past at most; a model reads them all at once."""

DAY_S = 86_400.0


def infer_series(files: Files, table: TableFile, choices: Choices, inferred: Inferred) -> None:
    """Fill `inferred` for forecasting: one column of values, or one for each series that a column names.

    Raises:
        DataError: no column of numbers, or too few values. UnknownNameError: a column that is not there.
        UsageError: a choice that only other tasks know.
    """
    if choices.id is not None or choices.test is not None:
        raise UsageError("a forecast is named by its time, and held out by it", todo="leave out --id and --test")
    assert choices.task is not None
    for name in (choices.target, choices.time, choices.group):
        if name is not None and name not in table.names:
            raise UnknownNameError("column", name, table.names, where=table.shown)
    facts = {name: describe(table.column(name), table.decimal) for name in table.names}
    time = choices.time or _time(table)
    numeric = [n for n in table.names if facts[n].numeric and n not in (time, choices.group)]
    if not numeric:
        raise DataError("no column holds numbers to forecast", where=table.shown, todo="give --target")
    values = choices.target or numeric[-1]
    options = table.options | ({"time": time} if time is not None else {}) | {"values": values}
    if choices.group is not None:
        options["series"] = choices.group
    n, grid, gaps = _measured(files, table, options)
    season, (context, horizon) = grid.season, _sizes(n, grid.season)
    inferred.say(f"{table.shown}: {table.n:,} rows, {len(table.names)} columns{table.written}")
    inferred.say(f"task: {choices.task} (as given)", "task", "as given")
    inferred.say(f"values: {values}{'' if choices.target else ' (the last column of numbers; another one: --target)'}")
    step = f"a step is {grid.words}" if time is not None else "lines are steps, for no column of times was found"
    inferred.say(f"time: {time or 'none'}; {step}, a season {season} of them", "data.context", f"{step}")
    inferred.say(f"{context} steps of the past, {horizon} to forecast: more with data.context and data.horizon")
    data: dict[str, Any] = {
        "reader": "series", "file": table.file, **options, "context": context, "horizon": horizon, "id": "id",
    }  # fmt: skip
    cycles = _cycles(grid, n)
    if cycles:
        data["calendar"] = cycles
        inferred.say(f"the model is told the place in the {' and the '.join(cycles)}")
    if gaps:
        inferred.say(f"{gaps:,} steps have no value: windows over them are left out; to fill them: data.gaps")
    others = [name for name in numeric if name != values]
    if others:
        inferred.say(f"not used: {listed(others)}; what is known ahead may stand in data.known")
    data["split"] = {
        "train": {"stop": VALIDATION}, "validation": {"start": VALIDATION, "stop": HELD_OUT},
        "test": {"start": HELD_OUT, "stride": horizon},
    }  # fmt: skip
    inferred.say("split: the last fifth is held out, the tenth before it validates; no training window reaches there")
    inferred.spec |= {"task": choices.task, "metric": choices.metric or "mase", "data": data, "columns": {}}
    if choices.group is not None:
        inferred.spec["split"] = {"group": "origin"}
        inferred.comments["split.group"] = "series move together: intervals draw origins"
    inferred.files = [table.file]


def _time(table: TableFile) -> str | None:
    """The first column whose name speaks of time, or whose cells are dates."""
    named = ("time", "timestamp", "datetime", "date", "day", "month", "ds", "时间", "日期")
    found = [name for name in table.names if name.lower() in named]
    return found[0] if found else None


def _measured(files: Files, table: TableFile, options: dict[str, Any]) -> tuple[int, Grid, int]:
    """(values of the shortest series, its grid, steps without a value in all)."""
    csv = {k: v for k, v in options.items() if k not in ("time", "values", "series")}
    try:
        lines = read_lines(
            files, table.file, options.get("time"), None, options.get("series"), options["values"], (), csv
        )
        found = list(lines.series())
    except DojoError as error:
        raise DataError(f"the series cannot be read: {error}", where=table.shown, todo="give --time COLUMN") from None
    sizes = [int(np.isfinite(one.values).sum()) for one in found]
    if not found or max(sizes) < 12:
        raise DataError(f"the longest series has {max(sizes, default=0)} values", where=table.shown, todo="give 12")
    longest = int(np.argmax(sizes))
    inside = sum(_holes(one.values) for one in found)
    return sizes[longest], found[longest].grid, inside


def _holes(values: np.ndarray) -> int:
    given = np.flatnonzero(np.isfinite(values))
    return 0 if not len(given) else int(given[-1] + 1 - given[0] - len(given))


def _sizes(n: int, season: int) -> tuple[int, int]:
    """(context, horizon): a season ahead from seven behind, where a tenth of the series holds a horizon."""
    horizon = max(1, min(season if season > 1 else 12, n // 10 - 1))
    return max(2, min(LONGEST, max(7 * horizon, season + 1), n // 2)), horizon


def _cycles(grid: Grid, n: int) -> list[str]:
    """Cycles that are longer than two steps, and of which the series holds at least two."""
    if grid.unit == "months":
        return ["year"] if n * grid.step >= 24 else []
    if grid.unit == "weekdays":
        return ["week", *(["year"] if n >= 522 else [])]
    if grid.unit != "seconds":
        return []
    lengths = {"day": DAY_S, "week": 7 * DAY_S, "year": 365.25 * DAY_S}
    return [name for name, length in lengths.items() if 2 * grid.step <= length and n * grid.step >= 2 * length]
