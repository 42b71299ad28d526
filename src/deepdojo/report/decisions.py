"""Single rows, shown as they are: the worst errors, and why it decided so, with the test of each explanation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from deepdojo.report import boxes, heat, intervals, lines, spans
from deepdojo.report.figures import Unit, count, duration, evenly, plain
from deepdojo.report.marks import marked
from deepdojo.report.pictures import Picture, Pictures
from deepdojo.report.svg import cut, mark, tag

__all__ = ["explained", "faithfulness", "worst"]

Json = dict[str, Any]
Words = Callable[..., str]
_FIRST_WORST = {"image": 24}  # more are behind a disclosure; of texts and records fewer fit a screen
_FIRST_EXPLAINED = {"image": 6}
_ELSE_WORST, _ELSE_EXPLAINED = 8, 4
_MOST_WORST = 50
_LONG_TEXT, _WHOLE_TEXT = 420, 6000
_COLUMNS = 8
_PIECES = 8


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _answer(value: Any) -> str:
    number = _number(value)
    return str(value) if number is None else plain(number)


def _answers(truth: Any, predicted: Any) -> tuple[str, str, str]:
    """Truth, prediction, and for numbers how far off it is: with the same decimals, so that they can be subtracted."""
    true, said = _number(truth), _number(predicted)
    if true is None or said is None or not (math.isfinite(true) and math.isfinite(said)):
        return _answer(truth), _answer(predicted), ""
    size = max(abs(true), abs(said))
    if size == 0 or not 1e-4 <= size < 1e7:
        return plain(true), plain(said), ("+" if said > true else "") + plain(said - true)
    decimals = max(0, 2 - math.floor(math.log10(size)))
    write = lambda v, sign="": f"{v:{sign},.{decimals}f}".replace("-", "\u2212")  # noqa: E731
    return write(true), write(said), write(said - true, "+")


def _loss(value: Any) -> str:
    """Two digits; what is nearly nothing is not written as a power of ten."""
    loss = _number(value)
    return "" if loss is None else "<\u00a00.001" if 0 <= loss < 0.001 else plain(loss, 2)


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
        rows.append({"label": label, "short": cut(label, 40), "share": share, "bar": drawing, "true": true})
    return rows


def _record(example: Json) -> list[tuple[str, str]]:
    record = example.get("record")
    if not isinstance(record, dict):
        return []
    return [(str(k), "–" if v is None else _answer(v)) for k, v in record.items()]


def _means(ahead: Json, words: Words) -> tuple[str, str, float]:
    """Mean truth and mean forecast as words, and the mean absolute error."""
    true, said = ([float(v) for v in ahead[name]] for name in ("truth", "predicted"))
    error = sum(abs(a - b) for a, b in zip(true, said, strict=True)) / len(true)
    means = [words("{value} in the mean", value=plain(sum(values) / len(values))) for values in (true, said)]
    return means[0], means[1], error


def _shown(example: Json, pictures: Pictures, words: Words) -> Json:
    truth, predicted, off = _answers(example.get("truth"), example.get("predicted"))
    error = abs(example["predicted"] - example["truth"]) if off else 0.0
    if example.get("ahead"):  # twenty numbers say nothing in a line: the chart shows them
        truth, predicted, error = _means(example["ahead"], words)
        off = plain(error)
    boxed = example.get("boxed") if isinstance(example.get("boxed"), dict) else None
    if boxed is not None:
        off, error = boxes.off(boxed, words), float(sum(boxes.wrong_boxes(boxed)))
    is_image = example.get("kind") == "image"
    picture = pictures.add(example.get("image"), large=boxed is not None) if is_image else None
    text = str(example.get("text") or "") if example.get("kind") == "text" else ""
    about = words("row {id}: is {truth}, read as {predicted}", id=example.get("id"), truth=truth, predicted=predicted)
    channels = lines.numbers_of(example.get("values"))
    drawn = lines.draw(channels, about=about, words=words, ahead=example.get("ahead")) if channels else None
    if picture is not None:
        drawn = boxes.draw(boxed, picture, about, words) if boxed is not None else _picture(picture, about)
    record, marks = _record(example), example.get("marks") or []
    return {
        "id": str(example.get("id", "")),
        "kind": example.get("kind"),
        "truth": truth,
        "predicted": predicted,
        "short_truth": cut(truth, 60),
        "short_predicted": cut(predicted, 60),
        "right": _is_right(example),
        "is_met": example.get("truth") == example.get("predicted") or "right" in (example.get("why") or []),
        "numeric": bool(off),
        "off": off,
        "error": error,
        # Of a number the loss is how far it is off, which stands there already.
        "loss": "" if off else _loss(example.get("loss")),
        "where": str(example.get("where") or ""),
        "picture": drawn,
        "_values": channels,
        "_picture": picture,
        "lost": example.get("kind") == "image" and picture is None,
        "tagged": spans.lines(example["tagged"], words) if isinstance(example.get("tagged"), dict) else [],
        "text": marked(text, marks, words) if marks else cut(text, _LONG_TEXT),
        "whole": cut(text, _WHOLE_TEXT) if len(text) > _LONG_TEXT and not marks else "",
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
    rows = [_shown(e, pictures, words) for e in chosen[:_MOST_WORST]]
    errors = any(r["numeric"] or not r["is_met"] for r in rows) or not rows
    first = (
        (_FIRST_WORST, _ELSE_WORST) if errors else (_FIRST_EXPLAINED, _ELSE_EXPLAINED)
    )  # of right ones a few will do
    return {**_parted(rows, *first), "errors": errors}


def _scores(item: Json) -> list[float]:
    """A score a piece, or none where they do not fit each other."""
    scores = [float(s) for s in item.get("scores") or []]
    return scores if len(scores) == len(item.get("pieces") or []) else []


def _drawing(item: Json, picture: Picture | None, words: Words, title: str) -> Markup | None:
    pieces, scores = item.get("pieces") or [], _scores(item)
    if item.get("kind") == "image" and picture is not None:
        size = item.get("size") or picture.shape
        about = words("{method}: which parts of the image speak for the decision", method=title)
        return heat.overlay(
            picture.id, picture.shape, pieces, scores, (int(size[0]), int(size[1])), about=about, words=words
        )
    return (
        heat.tokens([str(p) for p in pieces], scores, words=words) if item.get("kind") in ("text", "tokens") else None
    )


def _along(item: Json, channels: list[list[float]], words: Words, title: str) -> Markup:
    """Stretches tinted behind the lines, further pieces as words below."""
    pieces, scores = item.get("pieces") or [], _scores(item)
    about = words("{method}: which stretches speak for the decision", method=title)
    drawn = lines.draw(channels, about=about, words=words, pieces=pieces, scores=scores)
    beside = [(str(p), s) for p, s in zip(pieces, scores, strict=True) if not isinstance(p, list)]
    most = heat.scale_of(scores)
    strong = [(p, s) for p, s in beside if abs(s) >= 0.05 * most]
    if not strong:
        return drawn
    return drawn + heat.tokens([p for p, _ in strong], [s for _, s in strong], words=words)


def _records(example: Json, items: list[tuple[str, Json]], words: Words) -> tuple[Markup | None, int]:
    """One table with a bar for each method, and how many columns it leaves out."""
    items = [(title, item) for title, item in items if item.get("kind") == "record" and _scores(item)]
    if not items:
        return None, 0
    record, pieces = dict(_record(example)), [str(p) for p in items[0][1]["pieces"]]
    methods = {title: _scores(item) for title, item in items if [str(p) for p in item["pieces"]] == pieces}
    table = heat.bars([(p, record.get(p, "")) for p in pieces], methods, words=words, shown=_PIECES)
    return table, max(0, len(pieces) - _PIECES)


def _explained_row(example: Json, items: list[tuple[str, Json]], pictures: Pictures, words: Words) -> Json:
    row = {**_shown(example, pictures, words), "methods": []}
    row["table"], row["pieces"] = _records(example, items, words)
    for title, item in items:
        drawing = _drawing(item, row["_picture"], words, title) if _scores(item) else None
        if row["_values"] and _scores(item):
            drawing = _along(item, row["_values"], words, title)
        if drawing is not None:
            row["methods"].append({"title": title, "drawing": drawing})
    return row


def explained(files: Any, pictures: Pictures, words: Words) -> Json:
    """Explanations by row, wrong decisions and right ones, every method beside the row itself.

    A number is never plainly right: there the groups are those farther off than the median error, and the others.
    """
    examples = {str(e.get("id")): e for e in files.examples}
    titles = {
        str(s.get("method")): words(str(s.get("title") or s.get("method")))
        for s in files.explanations.get("summary") or []
    }
    by_row: dict[str, list[tuple[str, Json]]] = {}
    for item in files.explanations.get("items") or []:
        title = titles.get(str(item.get("method")), str(item.get("method")))
        by_row.setdefault(str(item.get("id")), []).append((title, item))
    rows = [_explained_row(examples[id_], items, pictures, words) for id_, items in by_row.items() if id_ in examples]
    shown = [r for r in rows if r["methods"] or r["table"]]
    numeric = bool(shown) and all(r["numeric"] for r in shown)
    if numeric:
        errors = sorted(abs(r) for r in files.pairs.residuals) or sorted(r["error"] for r in shown)
        for r in shown:
            r["right"] = r["error"] <= errors[len(errors) // 2]
    groups = {"wrong": [r for r in shown if not r["right"]], "right": [r for r in shown if r["right"]]}
    found: Json = {name: _parted(group, _FIRST_EXPLAINED, _ELSE_EXPLAINED) for name, group in groups.items()}
    notes = [str(n) for n in files.explanations.get("notes") or []]
    skipped = list((files.explanations.get("skipped") or {}).items())
    return {**found, "numeric": numeric, "notes": notes, "skipped": skipped}


def faithfulness(files: Any, words: Words) -> Json | None:
    """The deletion gap of each method beside the same figure for a random order, on one axis with its zero."""
    summary = [s for s in files.explanations.get("summary") or [] if isinstance(s.get("gap"), int | float)]
    if not summary:
        return None
    keys = ("gap", "low", "high", "random_gap", "random_low", "random_high")
    axis = intervals.common_axis([0.0, *(s.get(k) for s in summary for k in keys)])
    at = intervals.axis_ticks(axis, 4)
    rows: list[Json] = []
    controls: list[list[Any]] = []  # the same order is drawn for every method, so that one row says it for all
    for s in summary:
        title = words(str(s.get("title") or s.get("method")))
        low = s.get("low")
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
        random = [s.get(k) for k in ("random_gap", "random_low", "random_high")]
        if isinstance(random[0], int | float) and random not in controls:
            controls.append(random)
    rows += [_gap(axis, words("a random order"), gap, low, high, "published") for gap, low, high in controls]
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
