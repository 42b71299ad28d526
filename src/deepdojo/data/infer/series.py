"""From a table of times and values to a project of forecasting: what is late is held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from deepdojo.data.column_facts import describe
from deepdojo.data.files import Files
from deepdojo.data.infer.inferred import Choices, Inferred, listed
from deepdojo.data.infer.reading import TableFile
from deepdojo.data.infer.series_columns import series_column, time_column, value_columns
from deepdojo.data.readers import RawRow
from deepdojo.data.readers.series import Cut
from deepdojo.data.readers.series_table import Series, read_lines
from deepdojo.data.readers.series_times import Grid
from deepdojo.errors import DataError, DojoError, UnknownNameError, UsageError

__all__ = ["infer_series"]

HELD_OUT, VALIDATION = 0.8, 0.7
"""Where the stretch that is tested on begins, and the one that chooses."""

LONGEST = 336
"""Steps of the past at most; a model reads them all at once."""

LEAST_VALUES = 12
DAY_S = 86_400.0
PARTS = {"train": (0.0, VALIDATION), "validation": (VALIDATION, HELD_OUT), "test": (HELD_OUT, 1.0)}


@dataclass(frozen=True)
class _Setting:
    """How series are cut, and how many windows that gives.

    Attributes:
        counts: part -> windows that can be used. possible: windows in all parts, with those over gaps.
    """

    context: int
    horizon: int
    season: int
    gaps: str
    counts: dict[str, int]
    possible: int

    @property
    def works(self) -> bool:
        enough = self.counts["train"] >= 2 and self.counts["validation"] and self.counts["test"]
        return bool(enough) and 2 * sum(self.counts.values()) >= self.possible


def infer_series(files: Files, table: TableFile, choices: Choices, inferred: Inferred) -> None:
    """Fill `inferred` for forecasting: columns of values, each a series, or one for each series that a column names.

    Raises:
        DataError: no column of numbers, too few values, no window that can be used, lines that no column tells apart.
        UnknownNameError: a column that is not there. UsageError: a choice that only other tasks know.
    """
    if choices.id is not None or choices.test is not None:
        raise UsageError("a forecast is named by its time, and held out by it", todo="leave out --id and --test")
    assert choices.task is not None
    for name in (choices.target, choices.time, choices.group):
        if name is not None and name not in table.names:
            raise UnknownNameError("column", name, table.names, where=table.shown)
    facts = {name: describe(table.column(name), table.decimal) for name in table.names}
    time = choices.time or time_column(table)
    group = choices.group or series_column(table, facts, time, choices.target)
    values, others, why = value_columns(table, facts, choices, (time, group))
    options = table.options | ({"time": time} if time is not None else {})
    options |= {"values": values[0] if len(values) == 1 else values} | ({"series": group} if group is not None else {})
    found, rejected = _series(files, table, options)
    longest = max(found, key=_size)
    grid, n = longest.grid, _size(longest)
    best = _setting(table, found, n, grid)
    inferred.say(f"{table.shown}: {table.n:,} rows, {len(table.names)} columns{table.written}")
    if rejected:
        first = f"the first is line {rejected[0].line}: {rejected[0].reject}"
        lines = "1 line" if len(rejected) == 1 else f"{len(rejected):,} lines"
        inferred.say(f"{lines} cannot be used, {first}")
    inferred.say(f"task: {choices.task} (as given)", "task", "as given")
    another = "" if choices.target else "; another one: --target COLUMN"
    inferred.say(f"values: {listed(values)} ({why}{another})")
    if group is not None:
        given = "as given" if choices.group else f"{time} repeats, and with {group} it does not; another one: --group"
        inferred.say(f"series: one for each {group}, {len(found) // len(values):,} in all ({given})")
    _say_sizes(best, time, grid, found, inferred)
    _write(table, options, best, grid, _cycles(grid, n), inferred)
    if others:
        inferred.say(f"not used: {listed(others)}; what is known ahead may stand in data.known")
    inferred.say("split: the last fifth is held out, the tenth before it validates; no training window reaches there")
    inferred.spec |= {"task": choices.task, "metric": choices.metric or "mase"}
    if len(found) > 1:
        inferred.spec["split"] = {"group": "origin"}
        inferred.comments["split.group"] = "series move together: intervals draw origins"
    inferred.files = [table.file]


def _write(
    table: TableFile, options: dict[str, Any], best: _Setting, grid: Grid, cycles: list[str], inferred: Inferred
) -> None:
    """`[data]`."""
    data: dict[str, Any] = {
        "reader": "series", "file": table.file, **options, "context": best.context, "horizon": best.horizon, "id": "id",
    }  # fmt: skip
    data |= {"season": best.season} if best.season != grid.season else {}
    data |= {"gaps": best.gaps} if best.gaps != "reject" else {}
    if cycles:
        data["calendar"] = cycles
        inferred.say(f"the model is told the place in the {' and the '.join(cycles)}")
    data["split"] = {
        "train": {"stop": VALIDATION}, "validation": {"start": VALIDATION, "stop": HELD_OUT},
        "test": {"start": HELD_OUT, "stride": best.horizon},
    }  # fmt: skip
    inferred.spec |= {"data": data, "columns": {}}


def _say_sizes(best: _Setting, time: str | None, grid: Grid, found: list[Series], inferred: Inferred) -> None:
    """The step, the season, the sizes, and what became of gaps and of series that are too short."""
    step = f"a step is {grid.words}" if time is not None else "lines are steps, for no column of times was found"
    season = f"a season {best.season} of them"
    if best.season != grid.season:
        season = f"no season, for one of {grid.season} is too long for the series (data.season)"
    inferred.say(f"time: {time or 'none'}; {step}, {season}", "data.context", f"{step}")
    inferred.say(f"{best.context} steps of the past, {best.horizon} to forecast: more with data.context, data.horizon")
    gaps, usable = sum(_holes(one.values) for one in found), sum(best.counts.values())
    lacking = "1 step has no value" if gaps == 1 else f"{gaps:,} steps have no value"
    if gaps and best.gaps == "reject":
        inferred.say(f"{lacking}: windows over them are left out; to fill them: data.gaps")
    elif gaps:
        text = "too few windows are without them"
        inferred.say(
            f'{lacking}, and {text}: they take the last value before (data.gaps = "zero": nothing)',
            "data.gaps", text,
        )  # fmt: skip
    short = sum(bool(_cut(one, best).reason) for one in found)
    if short:
        inferred.say(f"{short:,} of {len(found):,} series are too short or never change: left out")
    inferred.say(f"windows: {', '.join(f'{part} {count:,}' for part, count in best.counts.items())}, {usable:,} in all")


def _series(files: Files, table: TableFile, options: dict[str, Any]) -> tuple[list[Series], list[RawRow]]:
    """(all series of the table, lines that are of none). Raises DataError with what is wrong with times or values."""
    csv = {k: v for k, v in options.items() if k not in ("time", "values", "series")}
    try:
        lines = read_lines(
            files, table.file, options.get("time"), None, options.get("series"), options["values"], (), csv
        )
        found = list(lines.series())
    except DojoError as error:
        raise DataError(error.what, where=table.shown, todo=error.todo or "give --time COLUMN") from None
    longest = max(map(_size, found), default=0)
    if longest < LEAST_VALUES:
        if 2 * len(lines.rejected) > table.n:
            todo = "mend the times, give them equal steps, or give --time COLUMN"
            raise DataError(str(lines.rejected[0].reject), where=f"{table.shown}:{lines.rejected[0].line}", todo=todo)
        raise DataError(
            f"the longest series has {longest} values", where=table.shown, todo=f"give at least {LEAST_VALUES}"
        )
    return found, lines.rejected


def _setting(table: TableFile, found: list[Series], n: int, grid: Grid) -> _Setting:
    """The first of some ways to cut that leaves windows in every part, and half of all: with the usual season or none,
    with gaps left out or filled.

    Raises:
        DataError: none of them does.
    """
    gaps = ("reject", "last") if any(_holes(one.values) for one in found) else ("reject",)
    tried: list[_Setting] = []
    for season in dict.fromkeys((grid.season, 1)):
        context, horizon = _sizes(n, season)
        for fill in gaps:
            tried.append(_counted(found, _Setting(context, horizon, season, fill, {}, 0)))
            if tried[-1].works:
                return tried[-1]
    best = tried[-1]
    part = min(best.counts, key=lambda name: best.counts[name])
    words = {"train": "to learn from", "validation": "to validate on", "test": "to be tested on"}
    raise DataError(
        f"{best.counts[part] or 'no'} windows are left {words[part]}: {_why(found, best, part)}", where=table.shown,
        todo="give a longer series, or one without the stretch in which nothing happens",
    )  # fmt: skip


def _cut(one: Series, setting: _Setting) -> Cut:
    return Cut(one, setting.context, setting.horizon, (), setting.gaps, setting.season)


def _counted(found: list[Series], setting: _Setting) -> _Setting:
    counts, possible = dict.fromkeys(PARTS, 0), 0
    for cut in (_cut(one, setting) for one in found):
        for part in PARTS:
            origins = _origins(cut, setting, part)
            counts[part] += cut.usable(origins)
            possible += len(origins)
    return _Setting(setting.context, setting.horizon, setting.season, setting.gaps, counts, possible)


def _origins(cut: Cut, setting: _Setting, part: str) -> Any:
    return cut.origins(*PARTS[part], None, setting.horizon if part == "test" else 1, None)


def _why(found: list[Series], setting: _Setting, part: str) -> str:
    """Why the first series has no window here."""
    for cut in (_cut(one, setting) for one in found):
        if cut.reason:
            return cut.reason
        for origin in _origins(cut, setting, part):
            if fault := cut.row(origin, ahead=False).reject:
                return fault
    return f"{setting.context} + {setting.horizon} steps do not fit there"


def _size(one: Series) -> int:
    return int(np.isfinite(one.values).sum())


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
