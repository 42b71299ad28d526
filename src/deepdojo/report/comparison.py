"""The network between its floors and what was published: one table, one axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deepdojo.report import intervals
from deepdojo.report.figures import Unit, duration, evenly, higher_is_better, p_value, unit_of
from deepdojo.report.metric_facts import metric_title
from deepdojo.report.source import model_name
from deepdojo.report.verdict import best_floor

__all__ = ["comparison"]

Json = dict[str, Any]
Words = Callable[..., str]


_INTERVALS = {"wilson": "Wilson", "bootstrap": "bootstrap", "cluster bootstrap": "bootstrap of whole groups"}


def _published(files: Any, metric: str) -> list[Json]:
    """Published results with a numeric score on the run's metric."""
    for place in (files.score, files.run, files.data):
        found = place.get("published")
        if isinstance(found, list):
            return [
                p
                for p in found
                if isinstance(p, dict)
                and isinstance(p.get("score"), int | float)
                and (p.get("metric") or metric) == metric
            ]
    return []


def _source(published: Json) -> tuple[str, str | None]:
    """What is cited, and its address if it is a web address."""
    cited = str(published.get("source") or "")
    return cited, cited if cited.startswith(("https://", "http://")) else None


def _own(files: Any, words: Words) -> Json:
    score = files.score
    return {
        "name": model_name(files.run) or words("network"),
        "kind": "network",
        "value": score.get("value"),
        "low": score.get("low"),
        "high": score.get("high"),
        "seconds": duration((score.get("cost") or {}).get("seconds")),
        "note": words("this run"),
    }


def _floor(b: Json, unit: Unit, words: Words) -> Json:
    low, high = b.get("difference_low"), b.get("difference_high")
    return {
        "name": str(b.get("title") or b.get("name")),
        "kind": "baseline",
        "value": b.get("score"),
        "low": b.get("low"),
        "high": b.get("high"),
        "seconds": duration(b.get("seconds")),
        "note": words("floor"),
        "difference": unit.difference(b.get("difference"), low, high),
        "difference_interval": unit.interval(b.get("difference"), low, high, sign=True),
        "p": p_value(b.get("p")),
        "better": b.get("better"),
    }


def _cited(p: Json, words: Words) -> Json:
    cited, address = _source(p)
    same = p.get("protocol") == "same"
    return {
        "name": str(p.get("model") or p.get("note") or "published"),
        "kind": "published",
        "value": p["score"],
        "low": None,
        "high": None,
        "cited": cited,
        "address": address,
        "remark": str(p.get("note") or ""),
        "note": words("same protocol, not re-scored") if same else words("context only, not re-scored"),
    }


_OPTIONAL = ("cited", "address", "remark", "difference", "difference_interval", "p", "better", "seconds")


def _written(entry: Json, unit: Unit, axis: intervals.Axis) -> Json:
    """The entry with its texts and its bar."""
    value, low, high = entry["value"], entry["low"], entry["high"]
    score, interval = unit.score(value, low, high), unit.interval(value, low, high)
    about = f"{entry['name']}: {score} {interval}".strip()
    return {
        **dict.fromkeys(_OPTIONAL, ""),
        **entry,
        "number": "–" if value is None else unit.number(value, unit.decimals(value, low, high)),
        "interval": interval,
        "bar": intervals.bar(axis, value, low, high, about, kind=entry["kind"]),
    }


def comparison(files: Any, words: Words) -> Json | None:
    """Rows of the table, best first, each with its bar; None where there is no score."""
    score = files.score
    if not isinstance(score.get("value"), int | float):
        return None
    metric = str(score.get("metric", ""))
    unit = unit_of(metric)
    higher = bool(score.get("higher_is_better", higher_is_better(metric)))
    entries = [
        _own(files, words),
        *(_floor(b, unit, words) for b in score.get("baselines") or []),
        *(_cited(p, words) for p in _published(files, metric)),
    ]
    floor = best_floor(score) or {}
    key = [score.get(k) for k in ("value", "low", "high")] + [floor.get(k) for k in ("score", "low", "high")]
    axis = intervals.common_axis(key, [e[k] for e in entries for k in ("value", "low", "high")])
    at = intervals.axis_ticks(axis)
    entries = [_written(e, unit, axis) for e in entries]
    sign = -1 if higher else 1
    entries.sort(key=lambda e: (e["value"] is None, sign * (e["value"] or 0.0)))
    beyond = any(e["value"] is not None and not axis.holds(e["value"]) for e in entries)
    return {
        "rows": entries,
        "axis": intervals.head(axis, evenly(at, 100.0 if unit.percent else 1.0), at),
        "metric": words(metric_title(metric)),
        "percent": unit.percent,
        "higher": higher,
        "beyond": beyond,
        "floors": bool(score.get("baselines")),
        "published": any(e["kind"] == "published" for e in entries),
        "interval": words(_INTERVALS.get(str(score.get("interval")), str(score.get("interval") or ""))),
        "others": _others(score, words),
        "validation": _validation(score, unit),
    }


def _others(score: Json, words: Words) -> list[Json]:
    found = []
    for name, o in (score.get("others") or {}).items():
        if isinstance(o, dict):
            unit, (value, low, high) = unit_of(name), (o.get(k) for k in ("value", "low", "high"))
            written = {"score": unit.score(value, low, high), "interval": unit.interval(value, low, high)}
            found.append({"name": words(metric_title(name)), **written})
    return found


def _validation(score: Json, unit: Any) -> Json | None:
    v = score.get("validation")
    if not isinstance(v, dict) or v.get("value") is None:
        return None
    return {
        "score": unit.score(v["value"], v.get("low"), v.get("high")),
        "n": v.get("n"),
        "interval": unit.interval(v["value"], v.get("low"), v.get("high")),
    }
