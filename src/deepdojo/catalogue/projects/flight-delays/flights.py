"""Flights with the weather of their scheduled hour and their aircraft: three tables become one row a flight.

The weather is what was measured in the scheduled hour of departure, as if the forecast for it had been right.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date

from deepdojo.data.files import Files
from deepdojo.data.readers import RawRow

LATE_MINUTES = 15
WEATHER = ("temp", "humid", "wind_speed", "precip", "pressure", "visib")
KNOWN_BEFORE = ("carrier", "origin", "dest", "distance", "hour", "minute", "month", "time_hour")


def read(files: Files, file: str) -> Iterator[RawRow]:
    """One row for each flight that arrived, with the cells that are known before it leaves, and `arrival`."""
    weather = {(row["origin"], row["time_hour"]): row for row in _table(files, "weather.csv.gz")}
    planes = {row["tailnum"]: row for row in _table(files, "planes.csv.gz")}
    for line, flight in enumerate(_table(files, file), 2):
        if flight["arr_delay"] in ("", "NA"):
            continue  # cancelled or diverted: there is no delay to speak of
        plane = planes.get(flight["tailnum"], {})
        hour = weather.get((flight["origin"], flight["time_hour"]), {})
        cells: dict[str, str | None] = {name: flight[name] for name in KNOWN_BEFORE}
        cells |= {name: hour.get(name) for name in WEATHER}
        cells |= {"built": plane.get("year"), "seats": plane.get("seats")}
        cells["weekday"] = date(int(flight["year"]), int(flight["month"]), int(flight["day"])).strftime("%A")
        cells["arrival"] = "late" if float(flight["arr_delay"]) > LATE_MINUTES else "on time"
        yield RawRow(cells, file, line)


def _table(files: Files, name: str) -> Iterator[dict[str, str]]:
    with files.open(name) as file:
        yield from csv.DictReader(io.TextIOWrapper(file, "utf-8", newline=""))
