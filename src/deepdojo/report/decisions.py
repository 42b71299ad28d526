"""Single rows, shown as they are: the worst errors, and why it decided so, with the test of each explanation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from deepdojo.report import heat, intervals
from deepdojo.report.figures import Unit, count, duration, evenly, plain
from deepdojo.report.pictures import Picture, Pictures
from deepdojo.report.svg import cut, mark, tag

__all__ = ["explained", "faithfulness", "worst"]

Json = dict[str, Any]
Words = Callable[..., str]
_FIRST_WORST = {"image": 24}  # more are behind a disclosure; of texts and records fewer fit a screen
_FIRST_EXPLAINED = {"image": 6}
_ELSE_WORST, _ELSE_EXPLAINED = 8, 3
_MOST_WORST = 50
_LONG_TEXT, _WHOLE_TEXT = 420, 6000
_COLUMNS = 8
_PIECES = 8


def _answer(value: Any) -> str:
    return plain(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _is_right(example: Json) -> bool:
    """Right or wrong as the run says, else by comparing the answers."""
    why = example.get("why") or []
    if "right" in why or "wrong" in why:
        return "right" in why
    return example.get("truth") == example.get("predicted")


def _picture(picture: Picture, about: str) -> Markup:
    drawn = (tag("title", about), tag("use", href=f"#{picture.id}"))
    box = f"0 0 {picture.shape[1]} {picture.shape[0]}"
    return tag("svg", *drawn, viewBox=box, class_="picture", role="img", aria_label=about)


def _top(example: Json) -> list[Json]:
    """The three most probable answers as small bars, the true one marked."""
    rows = []
    for entry in (example.get("top") or [])[:3]:
        if not (isinstance(entry, list | tuple) and len(entry) == 2 and isinstance(entry[1], int | float)):
            continue
        label, p = str(entry[0]), max(0.0, min(1.0, float(entry[1])))
        title = f"{label}: {p:.1%}"
        true = label == str(example.get("truth"))
        shape = mark("rect", title, x=0, y=2, width=f"{100 * p:.1f}%", height=8, class_="true" if true else "other")
        drawing = tag("svg", shape, class_="bar", height=12, role="img", aria_label=title)
        share = "<\u00a01\u00a0%" if 0 < p < 0.005 else f"{p:.0%}".replace("%", "\u00a0%")
        rows.append({"label": label, "short": cut(label, 28), "share": share, "bar": drawing, "true": true})
    return rows


def _record(example: Json) -> list[tuple[str, str]]:
    record = example.get("record")
    if not isinstance(record, dict):
        return []
    return [(str(k), "–" if v is None else _answer(v)) for k, v in record.items()]


def _shown(example: Json, pictures: Pictures, words: Words) -> Json:
    truth, predicted = _answer(example.get("truth")), _answer(example.get("predicted"))
    picture = pictures.add(example.get("image")) if example.get("kind") == "image" else None
    text = str(example.get("text") or "") if example.get("kind") == "text" else ""
    about = words("row {id}: is {truth}, read as {predicted}", id=example.get("id"), truth=truth, predicted=predicted)
    record = _record(example)
    numeric = isinstance(example.get("truth"), int | float)
    return {
        "id": str(example.get("id", "")),
        "kind": example.get("kind"),
        "truth": truth,
        "predicted": predicted,
        "short_truth": cut(truth, 60),
        "short_predicted": cut(predicted, 60),
        "right": _is_right(example),
        "numeric": numeric,
        "off": plain(example["predicted"] - example["truth"], 3)
        if numeric and isinstance(example.get("predicted"), int | float)
        else "",
        "loss": plain(example["loss"], 2) if isinstance(example.get("loss"), int | float) else "",
        "where": str(example.get("where") or ""),
        "picture": _picture(picture, about) if picture else None,
        "_picture": picture,
        "lost": example.get("kind") == "image" and picture is None,
        "text": cut(text, _LONG_TEXT),
        "whole": cut(text, _WHOLE_TEXT) if len(text) > _LONG_TEXT else "",
        "record": record[:_COLUMNS],
        "more": record[_COLUMNS:],
        "top": _top(example),
    }


def _parted(rows: list[Json], first: dict[str, int], otherwise: int) -> Json:
    most = first.get(str(rows[0]["kind"]), otherwise) if rows else 0
    return {"first": rows[:most], "rest": rows[most:]}


def worst(files: Any, pictures: Pictures, words: Words) -> Json:
    """The rows with the greatest loss, each with what it really is; the later ones stand behind a disclosure."""
    chosen = [e for e in files.examples if "worst" in (e.get("why") or [])]
    chosen.sort(key=lambda e: -(e["loss"] if isinstance(e.get("loss"), int | float) else 0.0))
    return _parted([_shown(e, pictures, words) for e in chosen[:_MOST_WORST]], _FIRST_WORST, _ELSE_WORST)


def _drawing(item: Json, example: Json, picture: Picture | None, words: Words, title: str) -> Markup | None:
    pieces, scores = item.get("pieces") or [], [float(s) for s in item.get("scores") or []]
    if not scores or len(pieces) != len(scores):
        return None
    kind = item.get("kind")
    if kind == "image" and picture is not None:
        size = item.get("size") or picture.shape
        about = words("{method}: which parts of the image speak for the decision", method=title)
        return heat.overlay(
            picture.id, picture.shape, pieces, scores, (int(size[0]), int(size[1])), about=about, words=words
        )
    if kind == "text":
        return heat.tokens([str(p) for p in pieces], scores, words=words)
    if kind == "record":
        record = dict(_record(example))
        rows = [(str(p), record.get(str(p), ""), s) for p, s in zip(pieces, scores, strict=True)]
        rows.sort(key=lambda r: -abs(r[2]))
        return heat.bars(rows[:_PIECES], words=words, most=heat.scale_of(scores))
    return None


def explained(files: Any, pictures: Pictures, words: Words) -> Json:
    """Explanations by row, wrong decisions and right ones, every method beside the row itself."""
    examples = {str(e.get("id")): e for e in files.examples}
    titles = {
        str(s.get("method")): words(str(s.get("title") or s.get("method")))
        for s in files.explanations.get("summary") or []
    }
    rows: dict[str, Json] = {}
    for item in files.explanations.get("items") or []:
        example = examples.get(str(item.get("id")))
        if example is None:
            continue
        if str(item["id"]) not in rows:
            rows[str(item["id"])] = {**_shown(example, pictures, words), "methods": [], "pieces": 0}
        row = rows[str(item["id"])]
        title = titles.get(str(item.get("method")), str(item.get("method")))
        drawing = _drawing(item, example, row["_picture"], words, title)
        if drawing is not None:
            row["methods"].append({"title": title, "drawing": drawing})
            row["pieces"] = max(0, len(item["scores"]) - _PIECES) if item.get("kind") == "record" else 0
    shown = [r for r in rows.values() if r["methods"]]
    groups = {"wrong": [r for r in shown if not r["right"]], "right": [r for r in shown if r["right"]]}
    return {name: _parted(group, _FIRST_EXPLAINED, _ELSE_EXPLAINED) for name, group in groups.items()}


def faithfulness(files: Any, words: Words) -> Json | None:
    """The deletion gap of each method beside the same figure for a random order, on one axis with its zero."""
    summary = [s for s in files.explanations.get("summary") or [] if isinstance(s.get("gap"), int | float)]
    if not summary:
        return None
    keys = ("gap", "low", "high", "random_gap", "random_low", "random_high")
    axis = intervals.common_axis([0.0, *(s.get(k) for s in summary for k in keys)])
    at = intervals.axis_ticks(axis, 4)
    rows = []
    for s in summary:
        title = words(str(s.get("title") or s.get("method")))
        low, random_high = s.get("low"), s.get("random_high")
        # The gap is a paired difference already: evidence after a random third minus evidence after the top third.
        told = low is not None and low > 0
        rows.append(
            {
                **_gap(axis, title, s["gap"], low, s.get("high"), "network"),
                "faithful": told,
                "passes": count(s.get("passes")),
                "seconds": duration(s.get("seconds")),
            }
        )
        if isinstance(s.get("random_gap"), int | float):
            rows.append(
                _gap(axis, words("a random order"), s["random_gap"], s.get("random_low"), random_high, "published")
            )
    off = any((s.get("random_low") or 0) > 0 or (s.get("random_high") or 0) < 0 for s in summary)
    return {
        "rows": rows,
        "axis": intervals.head(axis, evenly(at), at),
        "control_off": off,
        "n": files.explanations.get("rows_n") or summary[0].get("n"),
    }


def _gap(axis: intervals.Axis, title: str, value: float, low: float | None, high: float | None, kind: str) -> Json:
    unit = Unit(percent=False)
    gap, interval = unit.score(value, low, high), unit.interval(value, low, high)
    bar = intervals.bar(axis, value, low, high, f"{title}: {gap} {interval}".strip(), kind=kind, zero=True)
    return {"title": title, "gap": gap, "interval": interval, "bar": bar, "kind": kind, "passes": "", "seconds": ""}
