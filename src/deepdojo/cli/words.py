"""Numbers as people read them, with unit and interval; rounded as in the report, so that both show the same digits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deepdojo.report.figures import Unit, p_value, unit_of
from deepdojo.report.metric_facts import metric_title

__all__ = [
    "bar",
    "count",
    "duration",
    "interval_text",
    "metric_name",
    "metric_unit",
    "network_name",
    "p_text",
    "plural",
    "score_phrase",
    "score_text",
    "si",
    "threshold_said",
    "verdict",
]


def metric_name(metric: str) -> str:
    """A metric's name in running text."""
    return metric_title(metric)


def metric_unit(metric: str) -> Unit:
    """How a metric is written: per cent or as it is, and with how many digits."""
    return unit_of(metric)


def score_text(
    metric: str, value: float | None, low: float | None = None, high: float | None = None, *, sign: bool = False
) -> str:
    """A score in its unit: 99.2 for an accuracy of .992, 54.1 for an RMSE; "–" where there is none."""
    if value is None:
        return "–"
    unit = unit_of(metric)
    return unit.number(value, unit.decimals(value, low, high), sign=sign)


def interval_text(metric: str, value: float | None, low: float | None, high: float | None) -> str:
    """`[98.1, 99.8]`, in the places that the score has; empty without an interval."""
    return unit_of(metric).interval(value, low, high)


def score_phrase(metric: str, value: float, low: float | None, high: float | None, n: int | None) -> str:
    """`99.2 % right [98.1, 99.8] of 477`, or `RMSE 54.1 [50.2, 58.3] on 111 rows`."""
    text, interval = score_text(metric, value, low, high), interval_text(metric, value, low, high)
    if metric == "accuracy":
        return " ".join(filter(None, [f"{text} % right", interval, f"of {n:,}" if n else ""]))
    text += " %" if unit_of(metric).percent else ""
    why = "(one group of rows gives no interval)" if low == value == high and (n or 0) > 1 else ""
    return " ".join(filter(None, [metric_name(metric), text, interval, f"on {n:,} rows" if n else "", why]))


def p_text(p: float | None) -> str:
    """`p = 0.004`, `p < 0.001`; empty where it is not known."""
    return p_value(p).replace("\u00a0", " ")


def verdict(metric: str, baselines: Sequence[Mapping[str, Any]], *, higher_is_better: bool = True) -> str:
    """Does the network beat the best floor, and is that real? `beats logistic regression (96.9), p = 0.004`."""
    known = [b for b in baselines if b.get("score") is not None]
    if not known:
        return ""
    best = max(known, key=lambda b: b["score"] if higher_is_better else -b["score"])
    title = best.get("title") or str(best.get("name", "floor")).replace("_", " ")
    title = title[:1].lower() + title[1:] if title[1:2].islower() else title
    at = score_text(metric, best["score"], best.get("low"), best.get("high"))
    word = {"network": "beats", "baseline": "is worse than"}.get(str(best.get("better")), "level with")
    return ", ".join(filter(None, [f"{word} {title} ({at})", p_text(best.get("p"))]))


def threshold_said(threshold: Mapping[str, Any]) -> str:
    """`pneumonia from 0.61 on, by balanced accuracy on 524 validation rows · sensitivity 95.6 % [93.0, 97.5], ...`."""
    each = threshold.get("each") or [threshold["threshold"]]
    how = f", by {metric_name(threshold['by'])} on {threshold['n']:,} validation rows" if threshold.get("by") else ""
    said = f"{threshold['positive']} from {', '.join(f'{value:.2g}' for value in each)} on{how}"
    rates = [
        score_phrase(name, rate["value"], rate["low"], rate["high"], None)
        for name, rate in (threshold.get("rates") or {}).items()
    ]
    return " · ".join(filter(None, [said, ", ".join(rates)]))


def network_name(recipe: object, model: object) -> str:
    """What a run is called: its recipe, or the model where the recipe is `default`, which says nothing."""
    return str((model if recipe in (None, "", "default") else recipe) or recipe or "network")


def duration(seconds: float | None) -> str:
    """`0.42 s`, `5.5 s`, `3 min 20 s`, `1 h 5 min`."""
    if seconds is None or seconds != seconds:
        return "–"
    if 0 < seconds < 0.005:
        return "< 0.01 s"
    if seconds < 0.995:
        return f"{seconds:.2f} s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def si(value: float | None) -> str:
    """A large number in at most four signs and a letter: 812, 12.3k, 1.2M, 3.4T; "–" where it is not known."""
    if value is None or value != value:
        return "–"
    for limit, letter in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit * 0.9995:
            return f"{value / limit:.3g}{letter}"
    return f"{value:.3g}"


def count(n: int | None) -> str:
    """1,797; "–" where it is not known."""
    return "–" if n is None else f"{n:,}"


def plural(n: int, one: str, many: str | None = None) -> str:
    """`1 row`, `2 rows`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def bar(low: float, value: float, high: float, start: float, end: float, columns: int) -> str:
    """An interval on an axis from `start` to `end`, drawn in text: `    ──●─   `; `<` or `>` where it lies beyond."""
    if not end > start or columns < 3:
        return ""
    if value < start:
        return "<" + " " * (columns - 1)
    if value > end:
        return " " * (columns - 1) + ">"

    def at(x: float) -> int:
        return min(columns - 1, max(0, round((x - start) / (end - start) * (columns - 1))))

    signs = [" "] * columns
    for i in range(at(low), at(high) + 1):
        signs[i] = "─"
    signs[at(value)] = "●"
    return "".join(signs)
