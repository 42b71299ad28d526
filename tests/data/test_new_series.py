"""`dojo new --task forecasting` and signals from tables: what is found, what is said, and what is refused."""

from __future__ import annotations

import json
from datetime import date, timedelta

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
