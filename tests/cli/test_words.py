"""Numbers in sentences: no more digits than the interval supports."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdojo.cli.options import parse_duration
from deepdojo.cli.words import bar, duration, interval_text, p_text, plural, score_phrase, score_text, si, verdict
from deepdojo.errors import UsageError


def test_the_sentence_of_the_look() -> None:
    assert score_phrase("accuracy", 0.9916, 0.9813, 0.9976, 477) == "99.2 % right [98.1, 99.8] of 477"
    baselines = [
        {"name": "majority", "title": "Majority class", "score": 0.1, "better": "network", "p": 0.0},
        {"name": "logistic", "title": "Logistic regression", "score": 0.969, "low": 0.95, "high": 0.98,
         "better": "network", "p": 0.0042},
    ]  # fmt: skip
    assert verdict("accuracy", baselines) == "beats logistic regression (96.9), p = 0.004"


@pytest.mark.parametrize(
    ("better", "word"), [("network", "beats"), ("baseline", "is worse than"), ("tie", "level with")]
)
def test_verdict_says_who_is_better(better: str, word: str) -> None:
    floor = {"name": "ridge", "title": "Ridge", "score": 55.0, "low": 50.0, "high": 60.0, "better": better, "p": 0.2}
    worse = {**floor, "title": "Mean", "score": 77.0}
    assert verdict("rmse", [worse, floor], higher_is_better=False) == f"{word} ridge (55.0), p = 0.20"
    assert verdict("rmse", []) == ""


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("accuracy", 0.662, 0.632, 0.690), "66.2"),
        (("accuracy", 0.80, 0.60, 0.92), "80"),
        (("accuracy", 1.0, 0.9922, 1.0), "100"),
        (("rmse", 54.123, 50.2, 58.3), "54.1"),
        (("rmse", 54123.0, 50200.0, 58300.0), "54,123"),
        (("log_loss", 0.03456, 0.0291, 0.0402), "0.0346"),
        (("accuracy", None), "–"),
        (("accuracy", float("nan")), "–"),
    ],
)
def test_scores_are_rounded_to_their_interval(args: tuple, text: str) -> None:
    assert score_text(*args) == text


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_interval_text_never_fails_and_keeps_its_order(a: float, b: float, c: float) -> None:
    low, value, high = sorted((a, b, c))
    text = interval_text("accuracy", value, low, high)
    if text == "[–]":  # of no width
        assert low == value == high
        return
    ends = [float(x) for x in text.strip("[]").split(", ")]
    assert ends == sorted(ends)
    assert math.isclose(ends[0], 100 * low, abs_tol=5.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.021, "0.02 s"),
        (5.53, "5.5 s"),
        (42.4, "42 s"),
        (100, "1 min 40 s"),
        (120, "2 min"),
        (3900, "1 h 5 min"),
        (7200, "2 h"),
        (None, "–"),
    ],
)
def test_durations_are_read_and_written(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h30m", 5400), ("1.5h", 5400), ("2h 5min 1s", 7501), ("0.5S", 0.5)],
)
def test_parse_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "ten minutes", "-5s", "5x", "0m", "m", "1m1h"])
def test_parse_duration_refuses(text: str) -> None:
    with pytest.raises(UsageError):
        parse_duration(text)


@given(st.floats(0, 1e17))
def test_large_numbers_stay_short(value: float) -> None:
    assert len(si(value)) <= 9


def test_small_words() -> None:
    assert [si(x) for x in (812, 12345, 1.2e6, 999_999, 3.4e12, None)] == ["812", "12.3k", "1.2M", "1M", "3.4T", "–"]
    assert [p_text(p) for p in (0.0001, 0.0042, 0.4, None)] == ["p < 0.001", "p = 0.004", "p = 0.40", ""]
    assert [plural(n, "row") for n in (0, 1, 1200)] == ["0 rows", "1 row", "1,200 rows"]


def test_bar_lies_on_its_axis() -> None:
    assert bar(0.0, 0.5, 1.0, 0.0, 1.0, 5) == "──●──"
    assert bar(0.5, 0.75, 1.0, 0.0, 1.0, 5) == "  ─●─"
    assert bar(0.2, 0.2, 0.2, 0.2, 0.2, 5) == ""
    assert bar(0.1, 0.2, 0.3, 0.5, 1.0, 5) == "<    "
    assert bar(0.8, 0.9, 1.0, 0.2, 0.5, 5) == "    >"
