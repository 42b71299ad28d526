"""Signals and forecasts in a report: what is drawn, what stands beside it, and that odd rows give no traceback."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import numpy as np

from deepdojo.contracts import CONTRACTS
from deepdojo.report import decisions, lines
from deepdojo.report.pictures import Pictures
from deepdojo.session.examples import collect_examples


def words(sentence, **values):
    return sentence.format(**values)


def drawn(*args, **options):
    return ET.fromstring(str(lines.draw(*args, about="a", words=words, **options)))


def marks(svg, name):
    return svg.findall(f".//{name}")


def forecast_row(n=100, steps=6):
    past, future = np.sin(np.arange(n)), np.cos(np.arange(steps))
    cells = {"r": {"future": future + 0.5, "quantiles": np.stack([future - 1, future, future + 1])}}
    rows = {"r": {"id": "r", "past": past, "known": np.ones((1, steps))}}
    return collect_examples(
        rows, {"r": ["worst"]}, contract=CONTRACTS["forecasting"], truth={"r": future}, predicted=cells,
        losses={"r": 0.5}, where={"r": "in.csv:3"},
    )  # fmt: skip


def test_a_forecast_is_past_truth_forecast_and_band():
    (example,) = forecast_row()
    assert example["ahead"]["band"] == [[float(f"{v:.5g}") for v in np.cos(np.arange(6)) + k] for k in (-1, 1)]
    svg = drawn(example["values"], ahead=example["ahead"])
    past, truth, said = (line.get("points").split() for line in marks(svg, "polyline"))
    assert (len(past), len(truth), len(said)) == (24, 7, 7)  # the last of the past stands before what lies ahead
    assert past[-1] == truth[0] == said[0]
    assert len(marks(svg, "polygon")[0].get("points").split()) == 12
    assert "0" in [text.text for text in marks(svg, "text")]


def test_a_row_says_its_means_and_its_error():
    files = SimpleNamespace(examples=forecast_row())
    found = decisions.worst(files, Pictures(), words)
    (row,) = found["first"]
    assert row["numeric"]
    assert row["truth"].endswith("in the mean")
    assert float(row["off"]) == 0.5
    assert "<polyline" in str(row["picture"])


def test_an_explanation_tints_its_stretches_and_names_the_rest():
    channels = [list(np.sin(np.arange(20.0))), list(np.cos(np.arange(20.0)))]
    svg = drawn(channels, pieces=[[0, 5], [5, 10], [10, 20], "number 1"], scores=[1.0, -0.5, 0.01, 2.0])
    boxes = marks(svg, "rect")
    assert [box.get("class") for box in boxes] == ["for", "against"]  # the third is too weak, the fourth no stretch
    assert len(marks(svg, "polyline")) == 2
    item = {"pieces": [[0, 10], [10, 20], "number 1"], "scores": [1.0, -0.5, 2.0]}
    both = str(decisions._along(item, channels, words, "occlusion"))
    assert "number 1" in both
    assert both.count("<rect") == 2


def test_flat_single_and_very_long_signals_are_drawn():
    for channels in ([[1.0]], [[2.0, 2.0]], [[0.0] * 3, [1e9] * 3], [list(range(100_000))]):
        svg = drawn(channels)
        assert all(re.fullmatch(r"[\d., -]+", line.get("points")) for line in marks(svg, "polyline"))
        assert max(len(line.get("points").split()) for line in marks(svg, "polyline")) <= 500
    assert lines.numbers_of(None) == lines.numbers_of([1.0]) == lines.numbers_of([]) == []
