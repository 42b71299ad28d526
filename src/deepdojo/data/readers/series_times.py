"""Times of a series: read from text, laid on a grid of equal steps, and what the calendar says of each step."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from deepdojo.data.cells import parse_number
from deepdojo.data.split import TIME_FORMATS
from deepdojo.errors import DataError

__all__ = ["CYCLES", "Grid", "calendar", "irregular", "lay", "read_times", "together"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE, _HOUR, _DAY, _WEEK, _YEAR = 60.0, 3600.0, 86_400.0, 604_800.0, 31_556_952.0
_READABLE = 0.9
"""At least this share of a column must be of one form; the rest are lines with a fault."""

FAR_TIMES, FAR_STEPS = 10, 1000
"""A gap of more steps than ten for each time and a thousand parts a mistyped time from the others."""

THIN_TIMES = 100
"""Of more steps for each time a grid is none: memory and rows go with its steps."""

CYCLES = {"day": (_DAY, 3), "week": (_WEEK, 3), "year": (_YEAR, 1)}
"""Length of a cycle in seconds, and how many of its harmonics: three tell all seven days of a week apart."""


@dataclass(frozen=True)
class Grid:
    """Equal steps in time.

    Attributes:
        origin: of place 0: seconds since 1970, months since year 0, working days since 29 December 1969, or any number.
        step: seconds, months, working days or units between two places.
        unit: what `origin` and `step` count: seconds, months, weekdays or numbers.
    """

    origin: float
    step: float
    unit: str = "seconds"

    @property
    def season(self) -> int:
        """Steps of the usual season: a day of hours or minutes, a week of days, a year of weeks or months; else 1."""
        if self.unit == "months":
            return max(1, round(12 / self.step))
        if self.unit != "seconds":
            return 5 if self.unit == "weekdays" else 1
        cycle = next((c for c in (_DAY, _WEEK, _YEAR) if self.step < c / 1.5), self.step)
        return max(1, round(cycle / self.step))

    def time(self, place: int) -> datetime | None:
        """The moment of a place, None where times are mere numbers."""
        value = self.origin + place * self.step
        if self.unit == "seconds":
            return _EPOCH + timedelta(seconds=value)
        if self.unit == "weekdays":
            return _EPOCH + timedelta(days=float(value // 5 * 7 + value % 5 - 3))
        if self.unit == "months":
            return datetime(int(value) // 12, int(value) % 12 + 1, 1, tzinfo=UTC)
        return None

    def said(self, place: int) -> str:
        """The place as text: a date, a date with its time of day, or a number."""
        moment = self.time(place)
        if moment is None:
            return f"{self.origin + place * self.step:g}"
        if self.unit == "months":
            return f"{moment:%Y-%m}"
        whole = self.unit == "weekdays" or (self.step % _DAY == 0 and self.origin % _DAY == 0)
        return f"{moment:%Y-%m-%d}" if whole else f"{moment:%Y-%m-%d %H:%M}"

    def place_of(self, time: str, form: str | None) -> float:
        """Where a time written in project.toml lies; a fraction between two places.

        Raises:
            DataError: it is not written as a time.
        """
        value = parse_number(time) if self.unit == "numbers" else _seconds(time, None)
        if value is None and form is not None:
            value = _seconds(time, form)
        if value is None:
            raise DataError(
                f"{time!r} is no time of the series",
                where="data",
                todo="write it as 2024-12-31, or as data.time_format says",
            )
        if self.unit == "months":
            moment = _EPOCH + timedelta(seconds=value)
            value = moment.year * 12 + moment.month - 1
        if self.unit == "weekdays":
            value = float(_weekdays(np.array([value]))[0])
        return (value - self.origin) / self.step

    @property
    def words(self) -> str:
        """The step, such as "1 hour"."""
        if self.unit != "seconds":
            one = {"months": "month", "weekdays": "working day"}.get(self.unit, "unit")
            return f"{self.step:g} {one}" + ("s" if self.step != 1 else "")
        sizes = ((_WEEK, "week"), (_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute"), (1.0, "second"))
        size, name = next((pair for pair in sizes if self.step % pair[0] == 0), (1.0, "second"))
        return f"{self.step / size:g} {name}" + ("s" if self.step != size else "")


def read_times(cells: Sequence[Any], form: str | None, where: str) -> tuple[np.ndarray, str]:
    """((n,) float64 seconds since 1970 or numbers, NaN where a cell is no time; "seconds" or "numbers").

    With a zone times become UTC; without one they count as UTC.

    Args:
        form: how they are written (strptime); None: numbers, ISO 8601, or the one usual form that fits.

    Raises:
        DataError: no form fits, or several do; some times have a zone and others none.
    """
    texts = [str(cell).strip() if cell is not None else "" for cell in cells]
    if form is not None:
        return _enough(np.array([_number(_seconds(text, form)) for text in texts]), texts, where), "seconds"
    numbers = np.array([_number(parse_number(text)) for text in texts])
    if _share(numbers) >= _READABLE and not _like_days(texts):
        return numbers, "numbers"
    moments = [_iso(text) for text in texts]
    seconds = np.array([math.nan if m is None else _since(m) for m in moments])
    if _share(seconds) >= _READABLE:
        zones = {m.tzinfo is not None for m in moments if m is not None}
        if len(zones) > 1:
            odd = next(i for i, m in enumerate(moments) if m is not None and m.tzinfo is None)
            raise DataError(
                f"some times have a zone and others, such as {texts[odd]!r}, have none",
                where=where, todo="write all with their zone, or none",
            )  # fmt: skip
        return seconds, "seconds"
    fitting = [(f, found) for f in TIME_FORMATS if _share(found := _all(texts, f)) >= _READABLE]
    if len(fitting) > 1:
        names = " or ".join(f for f, _ in fitting)
        raise DataError(f"the times may be {names}", where=where, todo="give data.time_format")
    return _enough(fitting[0][1] if fitting else seconds, texts, where), "seconds"


def lay(times: np.ndarray, unit: str) -> tuple[Grid, np.ndarray]:
    """(the grid of the commonest step, (n,) places on it, a fraction where a time lies between two).

    Whole months are steps of months: they differ in length. Days without any Saturday or Sunday are working days.
    """
    ordered = np.unique(times[np.isfinite(times)])
    if len(ordered) < 2:
        return Grid(float(ordered[0]) if len(ordered) else 0.0, 1.0, unit), np.where(np.isfinite(times), 0.0, np.nan)
    if unit == "seconds":
        months = np.array([math.nan if not math.isfinite(t) else _month(t) for t in times])
        whole = np.isfinite(months[np.isfinite(times)]).all()
        if whole and 28 * _DAY <= float(np.median(np.diff(ordered))) <= 366 * _DAY:
            known = np.unique(months[np.isfinite(months)])
            step = float(Counter(np.diff(known).tolist()).most_common(1)[0][0])
            return Grid(float(known[0]), step, "months"), (months - known[0]) / step
    step = float(Counter(np.round(np.diff(ordered), 6).tolist()).most_common(1)[0][0])
    working = unit == "seconds" and step == _DAY and len(ordered) > 10
    if working and (ordered % _DAY == 0).all() and ((ordered / _DAY + 3) % 7 < 5).all():
        days = _weekdays(times)
        first = float(np.nanmin(days))
        return Grid(first, 1.0, "weekdays"), days - first
    return Grid(float(ordered[0]), step, unit), (times - ordered[0]) / step


def together(places: np.ndarray) -> np.ndarray:
    """(n,) bool, True for the places that no gap of more than 10 n + 1,000 steps parts from the largest group.

    A mistyped year makes such a gap; a series that rests, or has a value every twentieth step, does not. n counts
    different places; NaN and what lies between two steps belong to no group.
    """
    whole = on_step(places)
    ordered = np.unique(np.round(places[whole]))
    if len(ordered) < 2:
        return whole
    ends = np.flatnonzero(np.diff(ordered) > FAR_TIMES * len(ordered) + FAR_STEPS)
    groups = np.split(ordered, ends + 1)
    largest = max(groups, key=len)
    return whole & (places >= largest[0] - 0.5) & (places <= largest[-1] + 0.5)


def on_step(places: np.ndarray) -> np.ndarray:
    """(n,) bool, False for NaN and for what lies between two steps."""
    return np.isfinite(places) & (np.abs(places - np.round(places)) <= 1e-6)


def irregular(grid: Grid, places: np.ndarray, kept: np.ndarray) -> str:
    """Why times make no series of equal steps, or "". `kept`: as `together` gives it."""
    times = np.isfinite(places)
    n, off = int(times.sum()), int((times & ~on_step(places)).sum())
    if 2 * off > n:
        return f"the times have no regular step: {off:,} of {n:,} lie between two steps of {grid.words}"
    span = int(np.ptp(places[kept])) + 1 if kept.any() else 0
    if 2 * int(kept.sum()) < n - off or span > THIN_TIMES * int(kept.sum()) + FAR_STEPS:
        return f"the times have no regular step: {n:,} lines lie on {span:,} steps of {grid.words}"
    return ""


def calendar(grid: Grid, count: int, cycles: Sequence[str]) -> np.ndarray:
    """(F, count) waves of some cycles at the places 0 to count - 1, of those that are longer than a step.

    sin and cos of 2π k t / cycle for k = 1, 2, 3 (year: 1): a linear model can then have any smooth daily course, and
    any value for each of seven days. F = 0 where times are mere numbers.
    """
    rows: list[np.ndarray] = []
    for cycle in cycles:
        phase, harmonics = _phase(grid, grid.origin + np.arange(count) * grid.step, cycle)
        for k in range(1, harmonics + 1):
            rows += [np.sin(2 * np.pi * k * phase), np.cos(2 * np.pi * k * phase)]
    return np.stack(rows).round(6) if rows else np.zeros((0, count))


def _phase(grid: Grid, values: np.ndarray, cycle: str) -> tuple[np.ndarray, int]:
    """(place within the cycle from 0 to 1, how many harmonics; 0 where the cycle has no meaning)."""
    if grid.unit == "months":
        return values % 12 / 12, 3 if cycle == "year" else 0
    if grid.unit == "weekdays":
        days = {"week": (5, 2), "year": (261, 1)}
        length, harmonics = days.get(cycle, (1, 0))
        return values % length / length, harmonics
    seconds, harmonics = CYCLES[cycle]
    fits = grid.unit == "seconds" and 2 * grid.step <= seconds
    monday = values + 3 * _DAY  # 1 January 1970 was a Thursday
    return monday % seconds / seconds, harmonics if fits else 0


def _enough(found: np.ndarray, texts: Sequence[str], where: str) -> np.ndarray:
    if _share(found) >= _READABLE:
        return found
    odd = texts[int(np.flatnonzero(~np.isfinite(found))[0])]
    raise DataError(f"the times cannot be read, such as {odd[:40]!r}", where=where, todo="give data.time_format")


def _share(values: np.ndarray) -> float:
    return float(np.isfinite(values).mean()) if len(values) else 0.0


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _like_days(texts: Sequence[str]) -> bool:
    """20240131 is a day, not a number, if all are such."""
    return all(len(text) == 8 and text.isdigit() and text[:2] in ("19", "20") for text in texts)


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _since(moment: datetime) -> float:
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _seconds(text: str, form: str | None) -> float | None:
    if form is None:
        moment = _iso(text)
        return None if moment is None else _since(moment)
    try:
        return _since(datetime.strptime(text, form))
    except ValueError:
        return None


def _all(texts: Sequence[str], form: str) -> np.ndarray:
    return np.array([_number(_seconds(text, form)) for text in texts])


def _month(seconds: float) -> float:
    """Months since year 0 of a midnight at the first of a month; NaN for any other moment."""
    moment = _EPOCH + timedelta(seconds=seconds)
    first = moment.day == 1 and (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return float(moment.year * 12 + moment.month - 1) if first else math.nan


def _weekdays(seconds: np.ndarray) -> np.ndarray:
    """Working days since Monday, 29 December 1969; a Saturday or Sunday lies between two."""
    week, day = np.divmod(np.floor(seconds / _DAY) + 3, 7)
    return week * 5 + np.where(day < 5, day, 4.5)
