"""Series in time: a row is an origin, with the values before it, those after it, and what is known of both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deepdojo.data.readers import RawRow
from deepdojo.data.readers.series_table import Series, read_lines
from deepdojo.data.readers.series_times import CYCLES
from deepdojo.errors import DataError, ProjectError

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["Cut", "read"]

GAPS = ("reject", "zero", "last")
_MISSING = "values are missing"


def read(
    files: Files,
    file: str | Sequence[str],
    *,
    context: int,
    horizon: int,
    time: str | Sequence[str] | None = None,
    time_format: str | None = None,
    series: str | None = None,
    values: str | Sequence[str] | None = None,
    known: Sequence[str] = (),
    calendar: Sequence[str] = (),
    gaps: str = "reject",
    season: int | None = None,
    stride: int = 1,
    origins: int | None = None,
    start: float | str = 0.0,
    stop: float | str = 1.0,
    ahead: bool = False,
    delimiter: str | None = None,
    quote: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    header: bool = True,
    names: Sequence[str] | None = None,
    skip: int = 0,
) -> Iterator[RawRow]:
    """One row an origin and column of values; cells `id`, `series`, `origin`, `past`, `known`, `future` and `scale`.

    The origin is the last value that is known: `past` ends with it, `future` begins one step later. `known` (F,
    horizon) holds what is known of these steps beforehand: its first row counts them in horizons (1 at the last), then
    come the columns of `known`, then the calendar. `scale` is the mean |y_t - y_(t - season)| over all values up to
    the origin, for MASE.

    The step of the series is the commonest difference of its times; whole months and working days are such steps too.
    Lines may stand in any order. Left out, each with its reason: a line whose time or number cannot be read, whose time
    stands twice (the first counts), lies between two steps, or lies so far from all others that it must be mistyped
    (beyond a gap of 10 n + 1,000 steps, n times in all); all lines of a series whose times have no regular step; a
    window with a gap (one without any value is none); an origin before which the series has never changed; a series
    that is too short or has one value only.

    Args:
        file: tables as the readers csv, jsonl and parquet read them; delimiter, quote, decimal, encoding, header, names
            and skip are the options of csv.
        context, horizon: steps of `past` and of `future`.
        time: the column of times, or several that are joined by a blank; None: lines are steps.
        time_format: as strptime has it. Default: numbers, ISO 8601, or the one usual form that fits.
        series: the column that says to which series a line belongs.
        values: columns of values, each a series of its own. Default: all others.
        known: columns of numbers that are known ahead, such as a plan or a holiday.
        calendar: cycles whose waves `known` has: day, week, year. The year helps where several are learned from.
        gaps: reject windows with a missing value, or take it for zero, or for the last value. Where gaps are filled,
            columns of `known` are filled with their last value.
        season: steps of a season. Default: by the step (24 hours, 7 days, 12 months, 5 working days), else 1.
        stride: steps between two origins; they are counted back from the last one.
        origins: the last so many origins alone; 1 hides one horizon a series.
        start, stop: futures lie in this stretch, given as shares of the series or as times; `stop` is not in it.
        ahead: one origin a series, its last value, without a future: what is to be forecast.

    Raises:
        DataError: an empty file, times that cannot be read or mix zones, no window that can be used.
        ProjectError: options that do not fit.
    """
    _check(context, horizon, stride, gaps, calendar)
    table = {
        "delimiter": delimiter, "quote": quote, "decimal": decimal, "encoding": encoding, "header": header,
        "names": names, "skip": skip,
    }  # fmt: skip
    lines = read_lines(files, file, time, time_format, series, values, known, table)
    usable, left_out, first = 0, 0, ""
    for one in lines.series():
        cut = Cut(one, context, horizon, calendar, gaps, season if season is not None else one.grid.season)
        if ahead:
            yield cut.row(cut.end, ahead=True)
            continue
        rows = (cut.row(origin, ahead=False) for origin in cut.origins(start, stop, time_format, stride, origins))
        for row in [RawRow({}, one.file, one.line_of(0), cut.reason)] if cut.reason else rows:
            usable += row.reject is None
            left_out += row.reject is not None
            first = first or row.reject or ""
            yield row
    yield from lines.rejected
    if not (usable or ahead):
        raise _no_window(context, horizon, start, stop, left_out, first or _reason(lines.rejected))


def _reason(rejected: Sequence[RawRow]) -> str:
    return next((row.reject for row in rejected if row.reject), "")


def _no_window(
    context: int, horizon: int, start: float | str, stop: float | str, left_out: int, first: str
) -> ProjectError | DataError:
    """What stands in the way of every window. `first`: the reason of what was left out first, or ""."""
    window = f"no window of {context} + {horizon} steps"
    if not first:
        return ProjectError(
            f"{window} has its future from {start} to {stop}", where="data", todo="look at start, stop and horizon"
        )
    todo = "mend the data, or take a shorter data.context and data.horizon"
    if _MISSING in first:
        todo = 'fill gaps with data.gaps ("last" or "zero"), or take a shorter data.context and data.horizon'
    count = f"{left_out:,} are left out, the first because" if left_out > 1 else "because"
    return DataError(f"{window} from {start} to {stop} can be used: {count} {first}", where="data", todo=todo)


def _check(context: int, horizon: int, stride: int, gaps: str, calendar: Sequence[str]) -> None:
    for name, value in (("context", context), ("horizon", horizon), ("stride", stride)):
        if value < 1:
            raise ProjectError(f"{name} is {value}, and must be at least 1", where=f"data.{name}")
    for cycle in calendar:
        if cycle not in CYCLES:
            raise ProjectError(f"{cycle!r} is no cycle", where="data.calendar", todo=f"known: {', '.join(CYCLES)}")
    if gaps not in GAPS:
        raise ProjectError(f"gaps is {gaps!r}", where="data.gaps", todo=f"take one of {', '.join(GAPS)}")


class Cut:
    """One series, cut into windows.

    Attributes:
        end: the place of the last value. reason: why there is no window at all, or "".
    """

    def __init__(
        self, one: Series, context: int, horizon: int, calendar: Sequence[str], gaps: str, season: int
    ) -> None:
        self.one, self.context, self.horizon, self.season = one, context, horizon, season
        self.values, self.known = one.filled(gaps, calendar, horizon)
        given = np.flatnonzero(np.isfinite(self.values))
        self.first, self.end = (int(given[0]), int(given[-1])) if len(given) else (0, -1)
        n = self.end + 1 - self.first
        self.reason = ""
        if n < max(context, season + 1) + horizon:
            self.reason = (
                f"the series {one.name} has {n:,} values, and {max(context, season + 1)} + {horizon} are needed"
            )
        elif np.ptp(self.values[given]) == 0:
            self.reason = f"the series {one.name} has one value only, {self.values[self.first]:g}: nothing to forecast"
        self.scales = self._scales()

    def _scales(self) -> np.ndarray:
        """(N,) at each place the mean seasonal difference of all values up to it; NaN where there is none."""
        off = np.full(len(self.values), np.nan)
        off[self.season :] = np.abs(self.values[self.season :] - self.values[: -self.season or None])
        there = np.isfinite(off)
        count = np.cumsum(there)
        return np.cumsum(np.where(there, off, 0.0)) / np.where(count > 0, count, np.nan)

    def origins(
        self, start: float | str, stop: float | str, form: str | None, stride: int, last: int | None
    ) -> Sequence[int]:
        """Places of the origins whose futures lie in the stretch, counted back from the last one; not of windows
        without any value."""
        if self.reason:
            return ()
        low, high = (self._place(at, form) for at in (start, stop))
        begin = max(low - 1, self.first + max(self.context - 1, self.season))
        newest = min(high, self.end + 1) - self.horizon - 1
        places = np.arange(newest, begin - 1, -stride)
        places = (places if last is None else places[:last])[::-1]
        return places[self._given(places) > 0].tolist()

    def usable(self, origins: Sequence[int]) -> int:
        """How many of these origins make a row, if all that must be known ahead is."""
        places = np.array(origins, dtype=np.int64)
        whole = self._given(places) == self.context + self.horizon
        return int((whole & (self.scales[places] > 0)).sum())

    def _given(self, origins: np.ndarray) -> np.ndarray:
        """(n,) values that the windows at these origins hold."""
        there = np.concatenate([[0], np.cumsum(np.isfinite(self.values))])
        return there[origins + 1 + self.horizon] - there[origins + 1 - self.context]

    def _place(self, at: float | str, form: str | None) -> int:
        if isinstance(at, str):
            return int(np.ceil(self.one.grid.place_of(at, form)))
        return self.first + int(at * (self.end + 1 - self.first))

    def row(self, origin: int, *, ahead: bool) -> RawRow:
        one, line = self.one, self.one.line_of(origin)
        said = one.grid.said(origin) if one.timed else str(origin + 1)
        fault = self.reason if not ahead else self._too_short()
        past = slice(origin + 1 - self.context, origin + 1)
        future = slice(origin + 1, origin + 1 + self.horizon)
        fault = fault or self._fault(past, future, ahead)
        if fault:
            return RawRow({}, one.file, line, fault)
        steps = np.arange(1, self.horizon + 1) / self.horizon
        cells: dict[str, Any] = {
            "id": f"{one.name} {said}".strip(), "series": one.name, "origin": said,
            "past": self.values[past], "known": np.vstack([steps, self.known[:, future]]),
        }  # fmt: skip
        if not ahead:
            scale = float(self.scales[origin])
            if not scale > 0:
                fault = f"the series {one.name} has not changed up to {said}, so errors have no scale"
                return RawRow({}, one.file, line, fault)
            cells |= {"future": self.values[future], "scale": scale}
        return RawRow(cells, one.file, line)

    def _too_short(self) -> str:
        n = self.end + 1 - self.first
        if n >= self.context:
            return ""
        return f"the series {self.one.name} has {n:,} values, and the {self.context} before an origin are needed"

    def _fault(self, past: slice, future: slice, ahead: bool) -> str:
        """Why a window cannot be used, or ""."""
        values = self.values[past] if ahead else self.values[past.start : future.stop]
        missing = np.flatnonzero(~np.isfinite(values))
        if len(missing):
            at = self.one.grid.said(past.start + int(missing[0]))
            return f"{len(missing):,} of {len(values):,} {_MISSING}, the first at {at}"
        known = self.known[:, future]
        if not np.isfinite(known).all():
            at = self.one.grid.said(future.start + int(np.flatnonzero(~np.isfinite(known).all(axis=0))[0]))
            return f"a number that must be known ahead is missing at {at}"
        return ""
