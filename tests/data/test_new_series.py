"""`dojo new --task forecasting` and signals from tables: what is found, what is said, and what is refused."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta

import numpy as np
import pytest

import deepdojo as dd
from deepdojo.data.dataset import load_dataset
from deepdojo.data.project import open_project
from deepdojo.errors import DataError, UnknownNameError, UsageError


def sales(folder, n=400, head="date,price,sales", step=1):
    start = date(2022, 1, 1)
    lines = [f"{start + timedelta(days=step * k)},{10 + k % 3},{100 + 20 * np.sin(k * 0.9):.2f}" for k in range(n)]
    (folder / "sales.csv").write_text("\n".join([head, *lines]) + "\n")
    return folder / "sales.csv"


def test_a_daily_series_is_cut_by_time_with_its_week(tmp_path):
    said = []
    dd.new(tmp_path / "shop", sales(tmp_path), task="forecasting", say=said.append)
    project = open_project(tmp_path / "shop")
    data = project.spec.data
    assert (data.time, data.values, data.context, data.horizon, data.calendar) == ("date", "sales", 49, 7, ["week"])
    assert any("a step is 1 day, a season 7 of them" in sentence for sentence in said)
    assert any("not used: price" in sentence for sentence in said)
    rows = load_dataset(project)
    assert [len(rows.rows(split)) for split in ("train", "validation", "test")] == [225, 34, 11]


def test_several_series_stand_in_one_table(tmp_path):
    rows = [f"{shop},{k},{k * (1 + (shop == 'b'))}.5" for k in range(80) for shop in "ab"]
    (tmp_path / "in.csv").write_text("\n".join(["shop,t,y", *rows]) + "\n")
    dd.new(tmp_path / "shops", tmp_path / "in.csv", task="forecasting", group="shop", time="t", target="y")
    data = load_dataset(open_project(tmp_path / "shops"))
    assert {row["id"].split()[0] for row in data.rows("test")} == {"a", "b"}
    assert data.groups("test") is not None


def test_what_cannot_be_forecast_is_a_sentence(tmp_path):
    (tmp_path / "words.csv").write_text("date,word\n" + "".join(f"2024-01-{k + 1:02d},w{k}\n" for k in range(20)))
    with pytest.raises(DataError, match="no column holds numbers to forecast"):
        dd.new(tmp_path / "a", tmp_path / "words.csv", task="forecasting")
    short = sales(tmp_path, n=5)
    with pytest.raises(DataError, match="the longest series has 5 values"):
        dd.new(tmp_path / "b", short, task="forecasting")
    with pytest.raises(UnknownNameError, match="did you mean 'sales'"):
        dd.new(tmp_path / "b", short, task="forecasting", target="sale")
    with pytest.raises(UsageError, match="leave out --id and --test"):
        dd.new(tmp_path / "c", short, task="forecasting", id="date")


def hourly(folder, n=600, *, without=lambda k: False, head="time,value", cells=lambda k: ""):
    start, rng = datetime(2024, 1, 1), np.random.default_rng(0)
    values = (50 + 10 * np.sin(np.arange(n) * np.pi / 12) + rng.normal(size=n)).round(2)
    lines = [f"{start + timedelta(hours=k)},{values[k]}{cells(k)}" for k in range(n) if not without(k)]
    (folder / "in.csv").write_text("\n".join([head, *lines]) + "\n")
    return folder / "in.csv"


def made(folder, source, **choices):
    """(data of project.toml, everything said, its data set): what `new` writes can be loaded."""
    project, said = dd.new(folder / "made", source, task="forecasting", **choices)
    return project.spec.data, "\n".join(said), load_dataset(project)


@pytest.mark.parametrize("every", [24, 50])
def test_gaps_that_leave_no_windows_are_filled_and_that_is_said(tmp_path, every):
    data, said, rows = made(tmp_path, hourly(tmp_path, 1000, without=lambda k: k % every == 7))
    assert data.gaps == "last"
    assert "steps have no value, and too few windows are without them: they take the last value" in said
    assert f"windows: train {len(rows.rows('train')):,}, validation {len(rows.rows('validation'))}" in said
    assert not rows.rejected


def test_few_gaps_are_left_out(tmp_path):
    data, said, rows = made(tmp_path, hourly(tmp_path, 3000, without=lambda k: k == 2000))
    assert data.gaps is None
    assert "1 step has no value: windows over them are left out" in said
    assert f"windows: train {len(rows.rows('train')):,}, validation {len(rows.rows('validation'))}" in said


def test_a_season_that_is_too_long_for_the_series_is_none(tmp_path):
    data, said, rows = made(tmp_path, hourly(tmp_path, 20))
    assert (data.season, data.context, data.horizon) == (1, 7, 1)
    assert "no season, for one of 24 is too long" in said
    assert [len(rows.rows(split)) for split in ("train", "validation", "test")] == [7, 2, 4]


def test_lines_that_cannot_be_used_are_said(tmp_path):
    source = hourly(tmp_path)
    source.write_text(source.read_text() + "2024-01-02 00:00:00,1\n9999-01-01 00:00:00,1\n")
    _, said, rows = made(tmp_path, source)
    assert "2 lines cannot be used, the first is line 602: the time '2024-01-02 00:00:00' stands twice" in said
    assert len(rows.rejected) == 2
    assert "no value" not in said


@pytest.mark.parametrize("names", [("north", "south"), ("3", "17")])
def test_series_that_stand_below_each_other_are_found_by_their_column(tmp_path, names):
    source = hourly(tmp_path, head="time,value,shop", cells=lambda k: ",first")
    first = source.read_text().splitlines()
    lines = [*first, *(line.replace(",first", ",second") for line in first[1:500])]
    source.write_text("\n".join(lines).replace("first", names[0]).replace("second", names[1]) + "\n")
    data, said, rows = made(tmp_path, source)
    assert (data.series, data.values) == ("shop", "value")
    assert "series: one for each shop, 2 in all" in said
    assert {row["id"].split()[0] for row in rows.rows("test")} == set(names)
    assert rows.groups("test") is not None


def test_times_that_repeat_and_no_column_that_tells_them_apart_ask_for_it(tmp_path):
    source = hourly(tmp_path, 300, head="time,value,mood", cells=lambda k: ",good")
    source.write_text(source.read_text() + "".join(f"{line}\n" for line in source.read_text().splitlines()[1:]))
    with pytest.raises(DataError, match=r"one time stands in up to 2 lines, and no column .* --group"):
        dd.new(tmp_path / "made", source, task="forecasting")


def test_flags_are_not_forecast_columns_alike_are_all_and_else_the_target_is_asked_for(tmp_path):
    flag = hourly(tmp_path, head="time,usage,workingday", cells=lambda k: f",{k % 2}")
    data, said, _ = made(tmp_path, flag)
    assert data.values == "usage"
    assert "not used: workingday" in said
    three = hourly(tmp_path, head="time,a,b,c", cells=lambda k: f",{0.01 * (1 + k % 7):.2f},{2 + 0.1 * (k % 5):.1f}")
    with pytest.raises(DataError, match=r"cannot be told from their names \(a, b, c\).*give --target COLUMN"):
        dd.new(tmp_path / "b", three, task="forecasting")
    rates = hourly(tmp_path, head="time,aud,gbp,chf", cells=lambda k: f",{40 + k % 7}.5,{30 + 0.1 * (k % 5):.1f}")
    data, said, rows = made(tmp_path / "c", rates)
    assert data.values == ["aud", "gbp", "chf"]
    assert {row["id"].split()[0] for row in rows.rows("test")} == {"aud", "gbp", "chf"}
    assert rows.groups("test") is not None


def test_why_a_series_cannot_be_forecast_is_said_by_new_already(tmp_path):
    start = datetime(2024, 1, 1)
    seconds = np.random.default_rng(0).uniform(0, 1e6, 300)
    cases = {
        "the times have no regular step": [(start + timedelta(seconds=float(s)), k) for k, s in enumerate(seconds)],
        "larger than 1e[+]100, too large": [(start + timedelta(hours=k), f"{k + 1}e300") for k in range(300)],
        "in.csv: some times have a zone and others, such as [^;]*, have none; write all with their zone, or none$": [
            (f"{start + timedelta(hours=k)}{'+01:00' if k % 2 else ''}", k) for k in range(300)
        ],
        "no windows are left to learn from: the series value has not changed up to": [
            (start + timedelta(hours=k), max(5, k - 280)) for k in range(300)
        ],
        "the series value has one value only, 5": [(start + timedelta(hours=k), 5) for k in range(300)],
    }
    for said, lines in cases.items():
        (tmp_path / "in.csv").write_text("time,value\n" + "".join(f"{t},{v}\n" for t, v in lines))
        with pytest.raises(DataError, match=said):
            dd.new(tmp_path / "made", tmp_path / "in.csv", task="forecasting", target="value")


def test_a_series_or_a_text_that_is_taken_for_a_table_is_told_its_task(tmp_path):
    with pytest.raises(UsageError, match=r"time holds dates and value numbers.*--task forecasting"):
        dd.new(tmp_path / "made", hourly(tmp_path))
    (tmp_path / "text.txt").write_text(" = Title = \n \n" + "A sentence of words stands here .\n" * 40)
    with pytest.raises(UsageError, match="--task language-modelling"):
        dd.new(tmp_path / "made", tmp_path / "text.txt")


@pytest.mark.parametrize("form", ["columns", "lists"])
def test_a_signal_is_a_list_or_a_column_for_each_step(tmp_path, form):
    rng = np.random.default_rng(0)
    signals = rng.normal(size=(60, 5)).round(3)
    if form == "columns":
        head = "a,b,c,d,e,label"
        lines = [",".join([*map(str, signal), "xy"[k % 2]]) for k, signal in enumerate(signals)]
    else:
        head = "signal,label"
        lines = [f'"{json.dumps(signal.tolist())}",{"xy"[k % 2]}' for k, signal in enumerate(signals)]
    (tmp_path / "in.csv").write_text("\n".join([head, *lines]) + "\n")
    dd.new(tmp_path / "beats", tmp_path / "in.csv", task="signal-classification", target="label")
    data = load_dataset(open_project(tmp_path / "beats"))
    row = data.rows("train")[0]
    assert np.array_equal(row["signal"], signals[int(row["id"]) - 1][None])
    assert "numbers" not in row  # a project may do without
