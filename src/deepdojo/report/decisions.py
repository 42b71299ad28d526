"""Single rows, shown as they are: the worst errors, and why it decided so, with the test of each explanation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from deepdojo.report import boxes, heat, intervals, lines, looks, poses, spans, strips
from deepdojo.report.figures import Unit, count, duration, evenly, plain
from deepdojo.report.marks import marked
from deepdojo.report.pictures import Picture, Pictures
from deepdojo.report.sounds import Sounds, spectrum, wave
from deepdojo.report.svg import cut, mark, tag

__all__ = ["FEWEST_ROWS", "beats_chance", "best", "explained", "faithfulness", "worst"]

Json = dict[str, Any]
Words = Callable[..., str]
_FIRST_WORST = {"audio": 9, "image": 24, "video": 12}  # more are behind a disclosure; of texts fewer fit a screen
_FIRST_EXPLAINED = {"image": 6, "video": 6}
_SEEN = ("image", "audio")  # a sound is seen as its spectrum
_ELSE_WORST, _ELSE_EXPLAINED = 8, 4
_MOST_WORST = 50
_STRIP_SIDE = 480
_LONG_TEXT, _WHOLE_TEXT = 420, 6000
_COLUMNS = 8
_PIECES = 8


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _answer(value: Any) -> str:
    number = _number(value)
    return (str(value) or "–") if number is None else plain(number)  # of a sound in which nothing was heard


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


def _image_of(example: Json) -> Any:
    """The picture that is kept of a row: the image itself, or the frames of a video side by side."""
    kind, strip = example.get("kind"), example.get("strip")
    if kind == "video" and isinstance(strip, dict):
        return strip.get("image")
    return example.get("image") if kind in _SEEN else None


def _picture(picture: Picture, about: str, *, wide: bool = False) -> Markup:
    drawn = (tag("title", about), tag("use", href=f"#{picture.id}"))
    box = f"0 0 {picture.shape[1]} {picture.shape[0]}"
    return tag("svg", *drawn, viewBox=box, class_="picture strip" if wide else "picture", role="img", aria_label=about)


def _heard(example: Json, picture: Picture | None, sounds: Sounds, words: Words) -> Json:
    """Player, waveform and spectrum of a sound; what is not there is None."""
    seconds = _number(example.get("seconds"))
    name = words("the sound of row {id}", id=example.get("id"))
    return {
        "player": sounds.player(example.get("sound"), name),
        "wave": wave(example.get("wave"), words),
        "spectrum": spectrum(picture, words("its spectrum: time to the right, pitch upwards")) if picture else None,
        "seconds": "" if seconds is None else words("{value} s", value=f"{seconds:.2f}"),
    }


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


def _shown(example: Json, pictures: Pictures, sounds: Sounds, words: Words) -> Json:
    truth, predicted, off = _answers(example.get("truth"), example.get("predicted"))
    error = abs(example["predicted"] - example["truth"]) if off else 0.0
    if example.get("ahead"):  # twenty numbers say nothing in a line: the chart shows them
        truth, predicted, error = _means(example["ahead"], words)
        off = plain(error)
    boxed = example.get("boxed") if isinstance(example.get("boxed"), dict) else None
    if boxed is not None:
        off, error = boxes.off(boxed, words), float(sum(boxes.wrong_boxes(boxed)))
    side = {"side": _STRIP_SIDE} if example.get("kind") == "video" else {}
    picture = pictures.add(_image_of(example), **side, detailed=boxed is not None)
    text = str(example.get("text") or "") if example.get("kind") == "text" else ""
    about = words("row {id}: is {truth}, read as {predicted}", id=example.get("id"), truth=truth, predicted=predicted)
    channels = lines.numbers_of(example.get("values"))
    drawn = lines.draw(channels, about=about, words=words, ahead=example.get("ahead")) if channels else None
    heard = example.get("kind") == "audio"
    if poses.poses_of(example.get("motion")):
        drawn = poses.draw(example["motion"], about=about, words=words)
    if picture is not None and boxed is not None:
        drawn = boxes.draw(boxed, picture, about, words)
    elif picture is not None and not heard:
        drawn = _picture(picture, about, wide=example.get("kind") == "video")
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
        "heard": _heard(example, picture, sounds, words) if heard else None,
        "_values": channels,
        "_picture": picture,
        "lost": example.get("kind") in ("image", "video") and picture is None,
        "tagged": spans.lines(example["tagged"], words) if isinstance(example.get("tagged"), dict) else [],
        "text": marked(text, marks, words) if marks else cut(text, _LONG_TEXT),
        "whole": cut(text, _WHOLE_TEXT) if len(text) > _LONG_TEXT and not marks else "",
        "record": record[:_COLUMNS],
        "more": record[_COLUMNS:],
        "top": _top(example),
        "references": [str(text) for text in example.get("references") or []],
        "cost": float(example["loss"]) if _number(example.get("loss")) is not None else 0.0,
        "beside": _beside(example, pictures),
    }


def _beside(example: Json, pictures: Pictures) -> list[Json]:
    """The pictures that a row's own was compared with."""
    found = []
    for entry in example.get("beside") or []:
        name, likeness = str(entry.get("name", "")), entry.get("likeness")
        picture = pictures.add(entry.get("image"))
        if picture is None or not isinstance(likeness, int | float):
            continue
        found.append({
            "picture": _picture(picture, name), "name": cut(name, 24), "whole": name, "likeness": plain(likeness, 2),
            "right": bool(entry.get("right")),
        })  # fmt: skip
    return found


def _parted(rows: list[Json], first: dict[str, int], otherwise: int) -> Json:
    most = first.get(str(rows[0]["kind"]), otherwise) if rows else 0
    return {"first": rows[:most], "rest": rows[most:]}


def worst(files: Any, pictures: Pictures, words: Words, sounds: Sounds | None = None) -> Json:
    """The rows with the greatest loss, each with what it really is; the later ones stand behind a disclosure."""
    chosen = [e for e in files.examples if "worst" in (e.get("why") or [])]
    chosen.sort(key=lambda e: -(e["loss"] if isinstance(e.get("loss"), int | float) else 0.0))
    sounds = sounds or Sounds()
    rows = [_shown(e, pictures, sounds, words) for e in chosen[:_MOST_WORST]]
    errors = any(r["numeric"] or not r["is_met"] for r in rows) or not rows
    first = (
        (_FIRST_WORST, _ELSE_WORST) if errors else (_FIRST_EXPLAINED, _ELSE_EXPLAINED)
    )  # of right ones a few will do
    return {**_parted(rows, *first), "errors": errors}


def best(files: Any, pictures: Pictures, words: Words, sounds: Sounds | None = None) -> Json:
    """Of answers that are never plainly right the rows with the least loss."""
    chosen = sorted((e for e in files.examples if "best" in (e.get("why") or [])), key=lambda e: e.get("loss") or 0.0)
    return {"first": [_shown(e, pictures, sounds or Sounds(), words) for e in chosen]}


def _scores(item: Json) -> list[float]:
    """A score a piece, or none where they do not fit each other."""
    scores = [float(s) for s in item.get("scores") or []]
    return scores if len(scores) == len(item.get("pieces") or []) else []


def _drawing(example: Json, item: Json, picture: Picture | None, words: Words, title: str) -> Markup | None:
    pieces, scores = item.get("pieces") or [], _scores(item)
    if item.get("kind") == "skeleton" and poses.poses_of(example.get("motion")):
        about = words("{method}: which joints speak for the decision, and when", method=title)
        return poses.draw(example["motion"], about=about, words=words, pieces=pieces, scores=scores)
    if item.get("kind") == "video" and picture is not None:
        size, about = (
            item.get("size") or picture.shape,
            words("{method}: which parts of the frames speak", method=title),
        )
        side = (int(size[0]), int(size[1]))
        return strips.overlay(picture, example["strip"], pieces, scores, side, about=about, words=words)
    if item.get("kind") in _SEEN and picture is not None:
        size = item.get("size") or picture.shape
        heard = item["kind"] == "audio"
        about = (
            words("{method}: which stretches speak for the decision", method=title)
            if heard
            else words("{method}: which parts of the image speak for the decision", method=title)
        )
        if heard:  # a stretch of time over all pitches is a box as well
            pieces = [p if len(p) == 4 else [0, p[0], size[0], p[1]] for p in pieces]
        return heat.overlay(
            picture.id,
            picture.shape,
            pieces,
            scores,
            (int(size[0]), int(size[1])),
            about=about,
            words=words,
            stretched=heard,
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


def _explained_row(
    example: Json, items: list[tuple[str, Json]], pictures: Pictures, sounds: Sounds, words: Words
) -> Json:
    row = {**_shown(example, pictures, sounds, words), "methods": []}
    row["table"], row["pieces"] = _records(example, items, words)
    for title, item in items:
        drawing = _drawing(example, item, row["_picture"], words, title) if _scores(item) else None
        if row["_values"] and _scores(item):
            drawing = _along(item, row["_values"], words, title)
        if drawing is not None:
            row["methods"].append({"title": title, "drawing": drawing})
    return row


def explained(files: Any, pictures: Pictures, words: Words, sounds: Sounds | None = None) -> Json:
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
        method = str(item.get("method"))
        title = titles.get(method) or words(method.replace("_", " "))
        by_row.setdefault(str(item.get("id")), []).append((title, item))
    sounds = sounds or Sounds()
    rows = [
        _explained_row(examples[id_], items, pictures, sounds, words)
        for id_, items in by_row.items()
        if id_ in examples
    ]
    seen = {str(look.get("id")): look.get("parts") or [] for look in files.explanations.get("looks") or []}
    for row in rows:
        row["looks"] = looks.strip(row["_picture"], seen.get(row["id"], []), words) if row["_picture"] else []
    shown = [r for r in rows if r["methods"] or r["table"]]
    numeric = bool(shown) and all(r["numeric"] for r in shown)
    graded = numeric or (bool(shown) and all(r["references"] for r in shown))
    if graded and not numeric:
        costs = sorted(r["cost"] for r in shown)
        for r in shown:
            r["right"] = r["cost"] < costs[len(costs) // 2]
    if numeric:
        errors = sorted(abs(r) for r in files.pairs.residuals) or sorted(r["error"] for r in shown)
        for r in shown:
            r["right"] = r["error"] <= errors[len(errors) // 2]
    groups = {"wrong": [r for r in shown if not r["right"]], "right": [r for r in shown if r["right"]]}
    found: Json = {name: _parted(group, _FIRST_EXPLAINED, _ELSE_EXPLAINED) for name, group in groups.items()}
    notes = [str(n) for n in files.explanations.get("notes") or []]
    skipped = list((files.explanations.get("skipped") or {}).items())
    return {**found, "numeric": graded, "notes": notes, "skipped": skipped}


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
        told = beats_chance(s)
        rows.append(
            {
                **_gap(axis, title, s["gap"], low, s.get("high"), "network"),
                "faithful": told,
                "few": int(s.get("n") or 0) < FEWEST_ROWS,
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


FEWEST_ROWS = 6  # of five rows even all that agree have p = 2 / 2^5 = 0.06


def beats_chance(method: Json) -> bool:
    """Whether the gap is above zero by its paired test; of runs that have none, by its interval and enough rows."""
    low, p = method.get("low"), method.get("p")
    if p is None:
        return low is not None and low > 0 and int(method.get("n") or 0) >= FEWEST_ROWS
    return bool(p < 0.05 and method["gap"] > 0)


def _gap(axis: intervals.Axis, title: str, value: float, low: float | None, high: float | None, kind: str) -> Json:
    unit = Unit(percent=False)
    gap, interval = unit.score(value, low, high), unit.interval(value, low, high)
    bar = intervals.bar(axis, value, low, high, f"{title}: {gap} {interval}".strip(), kind=kind, zero=True)
    return {"title": title, "gap": gap, "interval": interval, "bar": bar, "kind": kind, "passes": "", "seconds": ""}
