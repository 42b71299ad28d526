"""The reader of series: windows against slices of the same numbers, times of many kinds, what is left out and why."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from deepdojo.data.check import check
from deepdojo.data.dataset import load_dataset
from deepdojo.data.files import Files
from deepdojo.data.new_rows import load_rows
from deepdojo.data.project import open_project
from deepdojo.data.readers import read
from deepdojo.errors import DataError, DojoError, ProjectError, UnknownNameError

DAY = datetime(2024, 1, 1)


def written(tmp_path: Path, lines: list[str], name: str = "in.csv") -> Files:
    (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Files([tmp_path])


def hours(values, start=DAY, step=timedelta(hours=1), head="time,y"):
    return [head, *(f"{(start + k * step):%Y-%m-%d %H:%M},{v}" for k, v in enumerate(values))]


def rows(files, **options):
    """(rows, reasons of what was left out)."""
    found = list(read("series", files, file="in.csv", **{"context": 3, "horizon": 2, **options}))
    return [r.cells for r in found if r.reject is None], [r.reject for r in found if r.reject is not None]


VALUES = np.random.default_rng(0).normal(size=40).round(3)


@pytest.mark.parametrize("stride", [1, 3])
def test_windows_are_slices_and_never_leave_their_stretch(tmp_path, stride):
    files = written(tmp_path, ["y", *map(str, VALUES)])
    seen = {}
    for part, (start, stop) in {"train": (0.0, 0.5), "validation": (0.5, 0.75), "test": (0.75, 1.0)}.items():
        found, left_out = rows(files, start=start, stop=stop, stride=stride)
        assert not left_out
        low, high = int(40 * start), int(40 * stop)
        origins = [int(cells["origin"]) - 1 for cells in found]  # lines are counted from 1
        assert max(origins) == high - 3
        assert np.all(np.diff(origins) == stride)
        for o, cells in zip(origins, found, strict=True):
            assert np.array_equal(cells["past"], VALUES[o - 2 : o + 1])
            assert np.array_equal(cells["future"], VALUES[o + 1 : o + 3])
            assert low <= o + 1
            assert o + 2 < high
            assert cells["scale"] == pytest.approx(np.abs(np.diff(VALUES[: o + 1])).mean(), rel=1e-12)
        seen[part] = origins
    assert not set(seen["train"]) & set(seen["validation"])


def test_the_scale_is_of_the_season_and_of_values_before_the_origin_alone(tmp_path):
    files = written(tmp_path, ["y", *map(str, VALUES)])
    (only,), _ = rows(files, season=7, origins=1)
    past = VALUES[:38]
    assert only["scale"] == pytest.approx(np.abs(past[7:] - past[:-7]).mean(), rel=1e-12)


def test_the_step_is_found_and_known_numbers_reach_ahead(tmp_path):
    lines = hours(VALUES, head="time,y,plan")
    files = written(tmp_path, [lines[0], *(f"{line},{k}" for k, line in enumerate(lines[1:]))])
    found, left_out = rows(files, time="time", known=["plan"], calendar=["day", "week"])
    assert not left_out
    first = found[0]
    assert first["origin"] == "2024-01-02 00:00"  # a day is a season, and the scale needs one
    assert first["known"].shape == (2 + 6 + 6, 2)
    assert first["known"][:2].tolist() == [[0.5, 1.0], [25.0, 26.0]]
    assert first["known"][2] == pytest.approx(np.sin(2 * np.pi * np.array([1, 2]) / 24), abs=1e-6)


@pytest.mark.parametrize(
    ("times", "season"),
    [
        ([f"{2000 + k // 12}-{k % 12 + 1:02d}-01" for k in range(40)], 12),
        ([f"{DAY + timedelta(days=k):%d.%m.%Y}" for k in range(40)], 7),
        ([f"{DAY + timedelta(days=k):%Y%m%d}" for k in range(40)], 7),
        ([f"{d:%Y-%m-%d}" for k in range(60) if (d := DAY + timedelta(days=k)).weekday() < 5][:40], 5),
        ([str(k * 0.5) for k in range(40)], 1),
        ([f"{DAY + timedelta(hours=k):%Y-%m-%dT%H:%M}+02:00" for k in range(40)], 24),
    ],
)
def test_times_of_every_kind_have_no_gap(tmp_path, times, season):
    files = written(tmp_path, ["time,y", *(f"{t},{v}" for t, v in zip(times, VALUES, strict=True))])
    found, left_out = rows(files, time="time")
    assert not left_out
    assert len(found) == 40 - max(3, season + 1) - 1
    off = np.abs(VALUES[season:38] - VALUES[: 38 - season])
    assert found[-1]["scale"] == pytest.approx(off.mean(), rel=1e-12)


def test_lines_in_any_order_are_the_same_series(tmp_path):
    lines = hours(VALUES)
    found, _ = rows(written(tmp_path, lines), time="time")
    order = np.random.default_rng(1).permutation(40)
    mixed, left_out = rows(written(tmp_path, [lines[0], *(lines[1 + k] for k in order)]), time="time")
    assert not left_out
    assert [c["id"] for c in mixed] == [c["id"] for c in found]
    assert all(np.array_equal(a["past"], b["past"]) for a, b in zip(found, mixed, strict=True))


def test_windows_over_a_gap_are_left_out_or_filled_as_told(tmp_path):
    lines = hours(VALUES)
    del lines[31:33]  # places 30 and 31
    files = written(tmp_path, lines)
    found, left_out = rows(files, time="time")
    assert len(left_out) == 6
    assert left_out[0] == "1 of 5 values are missing, the first at 2024-01-02 06:00"
    assert len(found) == 40 - 24 - 2 - 6
    zero, none = rows(files, time="time", gaps="zero")
    assert not none
    assert zero[-9]["future"].tolist() == [0.0, 0.0]
    last, _ = rows(files, time="time", gaps="last")
    assert last[-9]["future"].tolist() == [VALUES[29], VALUES[29]]


def test_lines_with_a_fault_say_which(tmp_path):
    lines = hours(VALUES)
    lines[5] = lines[5].rsplit(",", 1)[0] + ",broken"
    lines.insert(9, lines[8])
    lines[12] = "no time,1"
    lines.append("2024-01-02 16:30,1")
    _, left_out = rows(written(tmp_path, lines), time="time")
    said = " | ".join(left_out)
    assert "the y 'broken' is not a number" in said
    assert "the time '2024-01-01 07:00' stands twice, first in line 9" in said
    assert "the time 'no time' cannot be read" in said
    assert "the time '2024-01-02 16:30' lies between two steps of 1 hour" in said


def test_zones_are_not_mixed(tmp_path):
    lines = hours(VALUES)
    lines[3] = lines[3].replace(",", "+01:00,")
    with pytest.raises(DataError, match="some times have a zone and others"):
        rows(written(tmp_path, lines), time="time")


@pytest.mark.parametrize("year", ["9999", "2044", "1924"])
def test_a_mistyped_year_is_left_out_and_stretches_nothing(tmp_path, year):
    lines = hours(VALUES)
    expected, _ = rows(written(tmp_path, lines), time="time")
    lines.insert(20, f"{year}-01-01 00:00,1")
    found, (only,) = rows(written(tmp_path, lines), time="time")
    side = "before" if year == "1924" else "after"
    assert re.fullmatch(rf"the time '{year}-01-01 00:00' lies [\d,]+ steps {side} all others: is it mistyped\?", only)
    assert [c["id"] for c in found] == [c["id"] for c in expected]
    assert all(np.array_equal(a["past"], b["past"]) for a, b in zip(found, expected, strict=True))


def test_a_series_that_rests_is_no_slip_and_windows_without_values_are_none(tmp_path):
    late = hours(VALUES, DAY + timedelta(hours=1300))[1:]
    found, left_out = rows(written(tmp_path, [*hours(VALUES), *late]), time="time")
    assert len(found) == (40 - 25 - 1) + 36  # the second stretch has its scale from the first
    assert len(left_out) == 8
    assert all("values are missing" in said for said in left_out)


@pytest.mark.parametrize("seconds", [np.random.default_rng(1).uniform(0, 1e6, 200), np.arange(200) ** 2 * 500])
def test_times_without_a_step_are_said_to_have_none(tmp_path, seconds):
    lines = [f"{(DAY + timedelta(seconds=float(s))).isoformat()},{k}" for k, s in enumerate(seconds)]
    with pytest.raises(DataError, match=r"because the times have no regular step: (198 of )?200 li"):
        rows(written(tmp_path, ["time,y", *lines]), time="time")


def test_where_no_window_can_be_used_it_is_said_why_and_what_to_do(tmp_path):
    lines = [line for k, line in enumerate(hours(VALUES)) if k % 4 != 3]
    with pytest.raises(DataError, match=r"31 are left out, the first because 1 of 5 values .*data\.gaps"):
        rows(written(tmp_path, lines), time="time", season=1, start=0.2)
    with pytest.raises(DataError, match="can be used: because the series y has one value only, 5: nothing to forec"):
        rows(written(tmp_path, hours([5] * 40)), time="time")


@pytest.mark.parametrize("text", ["03/04/2024", "x"])
def test_times_that_cannot_be_told_ask_for_their_form(tmp_path, text):
    files = written(tmp_path, ["time,y", *(f"{text},{v}" for v in VALUES)])
    with pytest.raises(DataError, match=r"give data\.time_format"):
        rows(files, time="time")


def test_series_that_cannot_be_forecast_are_one_sentence_each(tmp_path):
    head = "shop,y"
    lines = [head, *(f"a,{v}" for v in VALUES), *(f"b,{v}" for v in VALUES[:4]), *("c,5" for _ in range(40))]
    lines += [f"d,{5 if k < 20 else v}" for k, v in enumerate(VALUES)]
    found, left_out = rows(written(tmp_path, lines), series="shop")
    assert {c["series"] for c in found} == {"a", "d"}
    assert "the series b has 4 values, and 3 + 2 are needed" in left_out
    assert "the series c has one value only, 5: nothing to forecast" in left_out
    assert "the series d has not changed up to 3, so errors have no scale" in left_out
    assert min(int(c["origin"]) for c in found if c["series"] == "d") == 21


def test_every_column_is_a_series_of_its_own(tmp_path):
    lines = ["a,b", *(f"{v},{w}" for v, w in zip(VALUES, VALUES[::-1], strict=True))]
    found, _ = rows(written(tmp_path, lines))
    assert {c["series"] for c in found} == {"a", "b"}
    assert len({c["id"] for c in found}) == len(found)


def test_options_that_do_not_fit_are_sentences(tmp_path):
    files = written(tmp_path, ["y", *map(str, VALUES)])
    for options, said in (
        ({"horizon": 0}, "horizon is 0"), ({"gaps": "skip"}, "take one of reject, zero, last"),
        ({"start": 0.99}, "no window of 3 [+] 2 steps has its future"), ({"calendar": ["moon"]}, "'moon' is no cycle"),
    ):  # fmt: skip
        with pytest.raises(ProjectError, match=said):
            rows(files, **options)
    with pytest.raises(UnknownNameError, match="column"):
        rows(files, values="z")
    with pytest.raises(DataError, match="no column of values is left"):
        rows(files, known=["y"])


PROJECT = """
task = "forecasting"
[source]
path = ["."]
[data]
reader = "series"
file = "in.csv"
time = "time"
values = "y"
context = 5
horizon = 3
id = "id"
[data.split]
train = { stop = 0.6 }
validation = { start = 0.6, stop = 0.8 }
test = { start = "2024-01-02 08:00", stride = 3 }
"""


def project(tmp_path, extra=""):
    (tmp_path / "project.toml").write_text(PROJECT.replace("context", extra + "context"), encoding="utf-8")
    return open_project(tmp_path)


def test_a_project_is_cut_by_time(tmp_path):
    written(tmp_path, hours(VALUES))
    data = load_dataset(project(tmp_path, "season = 1\n"))
    assert [len(data.rows(s)) for s in ("train", "validation", "test")] == [17, 6, 2]
    assert data.rows("test")[-1]["id"] == "y 2024-01-02 12:00"
    assert set(data.rows("test")[0]) == {"id", "past", "known"}
    assert set(data.truth("test")[0]) == {"id", "future", "scale"}


def test_a_line_that_every_part_leaves_out_is_told_once(tmp_path):
    lines = hours(VALUES)
    lines[5] = lines[5].rsplit(",", 1)[0] + ",broken"
    written(tmp_path, [*lines, lines[30], lines[31]])
    data = load_dataset(project(tmp_path, 'season = 1\ngaps = "last"\n'))
    assert sorted((r.line, r.reason.split(" '")[0]) for r in data.rejected) == [
        (6, "the y"), (42, "the time"), (43, "the time"),
    ]  # fmt: skip
    problems = [p for p in check(data).problems if p.kind == "left out"]
    assert [p.what.split(":")[0] for p in problems] == [
        "2 rows are left out (7.14%)", "1 row is left out (3.57%)",
    ]  # fmt: skip
    assert "shared inputs" not in {p.kind for p in check(data).problems}


def test_a_new_file_is_forecast_from_its_end(tmp_path):
    written(tmp_path, hours(VALUES))
    own = project(tmp_path)
    new = tmp_path / "new.csv"
    new.write_text("\n".join(hours(VALUES[:9])) + "\n")
    (row,), left_out = load_rows(own, new)
    assert not left_out
    assert row["id"] == "y 2024-01-01 08:00"
    assert row["past"].tolist() == VALUES[4:9].tolist()
    assert "future" not in row
    new.write_text("\n".join(hours(VALUES[:4])) + "\n")
    with pytest.raises(DojoError, match="has 4 values, and the 5 before an origin are needed"):
        load_rows(own, new)


def test_what_must_be_known_ahead_is_asked_for(tmp_path):
    lines = hours(VALUES, head="time,y,plan")
    written(tmp_path, [lines[0], *(f"{line},{k}" for k, line in enumerate(lines[1:]))])
    own = project(tmp_path, 'known = ["plan"]\n')
    some = [f"{line},1" for line in hours(VALUES[:9])[1:]]
    (tmp_path / "new.csv").write_text("\n".join([lines[0], *some]) + "\n")
    with pytest.raises(DojoError, match="a number that must be known ahead is missing at 2024-01-01 09:00"):
        load_rows(own, tmp_path / "new.csv")
    ahead = [f"{DAY + timedelta(hours=9 + k):%Y-%m-%d %H:%M},,7" for k in range(3)]
    (tmp_path / "new.csv").write_text("\n".join([lines[0], *some, *ahead]) + "\n")
    (row,), _ = load_rows(own, tmp_path / "new.csv")
    assert row["known"][1].tolist() == [7.0, 7.0, 7.0]
