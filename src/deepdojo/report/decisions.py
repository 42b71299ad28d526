"""Single rows, shown as they are: the worst errors, and why it decided so, with the test of each explanation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from deepdojo.report import heat, intervals, lines, looks, poses, strips
from deepdojo.report.figures import Unit, count, duration, evenly
from deepdojo.report.pictures import Picture, Pictures
from deepdojo.report.shown_rows import SEEN, record_of, shown_row
from deepdojo.report.sounds import Sounds

__all__ = ["FEWEST_ROWS", "beats_chance", "best", "explained", "faithfulness", "worst"]

Json = dict[str, Any]
Words = Callable[..., str]
_FIRST_WORST = {"audio": 9, "image": 24, "video": 12}  # more are behind a disclosure; of texts fewer fit a screen
_FIRST_EXPLAINED = {"image": 6, "video": 6}
_ELSE_WORST, _ELSE_EXPLAINED = 8, 4
_MOST_WORST = 50
_PIECES = 8


def _parted(rows: list[Json], first: dict[str, int], otherwise: int) -> Json:
    most = first.get(str(rows[0]["kind"]), otherwise) if rows else 0
    return {"first": rows[:most], "rest": rows[most:]}


def worst(files: Any, pictures: Pictures, words: Words, sounds: Sounds | None = None) -> Json:
    """The rows with the greatest loss, each with what it really is; the later ones stand behind a disclosure."""
    chosen = [e for e in files.examples if "worst" in (e.get("why") or [])]
    chosen.sort(key=lambda e: -(e["loss"] if isinstance(e.get("loss"), int | float) else 0.0))
    sounds = sounds or Sounds()
    rows = [shown_row(e, pictures, sounds, words) for e in chosen[:_MOST_WORST]]
    errors = any(r["numeric"] or not r["is_met"] for r in rows) or not rows
    first = (
        (_FIRST_WORST, _ELSE_WORST) if errors else (_FIRST_EXPLAINED, _ELSE_EXPLAINED)
    )  # of right ones a few will do
    return {**_parted(rows, *first), "errors": errors}


def best(files: Any, pictures: Pictures, words: Words, sounds: Sounds | None = None) -> Json:
    """Of answers that are never plainly right the rows with the least loss."""
    chosen = sorted((e for e in files.examples if "best" in (e.get("why") or [])), key=lambda e: e.get("loss") or 0.0)
    return {"first": [shown_row(e, pictures, sounds or Sounds(), words) for e in chosen]}


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
    if item.get("kind") in SEEN and picture is not None:
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
    record, pieces = dict(record_of(example)), [str(p) for p in items[0][1]["pieces"]]
    methods = {title: _scores(item) for title, item in items if [str(p) for p in item["pieces"]] == pieces}
    table = heat.bars([(p, record.get(p, "")) for p in pieces], methods, words=words, shown=_PIECES)
    return table, max(0, len(pieces) - _PIECES)


def _explained_row(
    example: Json, items: list[tuple[str, Json]], pictures: Pictures, sounds: Sounds, words: Words
) -> Json:
    row = {**shown_row(example, pictures, sounds, words), "methods": []}
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
