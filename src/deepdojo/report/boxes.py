"""Boxes drawn over their picture, and the precision-recall curve of each class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from markupsafe import Markup

from deepdojo.report.charts import axes
from deepdojo.report.figures import count
from deepdojo.report.pictures import Picture
from deepdojo.report.svg import Scale, cut, figure, mark, tag, text

__all__ = ["curves", "draw", "off", "wrong_boxes"]

Json = dict[str, Any]
Words = Callable[..., str]
MOST_CLASSES = 12


def draw(boxed: Json, picture: Picture, about: str, words: Words) -> Markup:
    """The picture under its boxes: a solid line is a prediction that is right, a dashed one a true box that was
    missed, a dotted one a prediction of nothing that is there. Each has a dark edge, so that it is seen on any
    picture."""
    height, width = picture.shape
    y, x = (side / max(1, float(of)) for side, of in zip(picture.shape, boxed["size"], strict=True))
    parts = [tag("title", about), tag("use", href=f"#{picture.id}")]
    names = Counter(str(box[0]) for box in (*_of(boxed, "true", 6), *_of(boxed, "said", 7)))
    plain = max(names, key=lambda name: names[name], default="")
    for label, *corners, found in _of(boxed, "true", 6):
        if not found:
            parts.append(_box(corners, (x, y), "missed", words("missed: {label}", label=label), _name(label, plain)))
    for label, score, *corners, right in _of(boxed, "said", 7):
        kind = "found" if right else "extra"
        title = words("found: {label}, score {score}" if right else "nothing there: {label}, score {score}",
                      label=label, score=f"{float(score):.2f}")  # fmt: skip
        parts.append(_box(corners, (x, y), kind, title, _name(label, plain)))
    return tag("svg", *parts, viewBox=f"0 0 {width} {height}", class_="picture", role="img", aria_label=about)


def _of(boxed: Json, name: str, length: int) -> list[list[Any]]:
    return [box for box in boxed.get(name) or [] if isinstance(box, list) and len(box) == length]


def _box(corners: Sequence[Any], scale: tuple[float, float], kind: str, title: str, label: str) -> Markup:
    x0, y0, x1, y1 = (float(v) * scale[i % 2] for i, v in enumerate(corners))
    place = {"x": x0, "y": y0, "width": max(0.0, x1 - x0), "height": max(0.0, y1 - y0)}
    parts = [tag("rect", **place, class_="box-edge"), mark("rect", title, **place, class_=f"box {kind}")]
    if label:
        parts.append(tag("text", cut(label, 12), x=x0 + 2, y=y0 + 11, class_=f"box-name {kind}"))
    return tag("g", *parts)


def _name(label: Any, plain: str) -> str:
    """What is written beside a box: the commonest class of a picture needs no name on each."""
    return "" if str(label) == plain else str(label)


def wrong_boxes(boxed: Json) -> tuple[int, int]:
    """How many true boxes are missed, and how many predictions are of nothing that is there."""
    missed = sum(not box[-1] for box in _of(boxed, "true", 6))
    return missed, sum(not box[-1] for box in _of(boxed, "said", 7))


def off(boxed: Json, words: Words) -> str:
    missed, extra = wrong_boxes(boxed)
    return words("{missed} missed, {extra} too many", missed=missed, extra=extra)


def curves(classes: Sequence[Any], words: Words) -> Json | None:
    """A chart for each class, the ones with most objects first, and a table of all."""
    known = [
        c
        for c in classes
        if isinstance(c, dict) and {"label", "objects", "ap50", "ap", "recall", "precision"} <= c.keys()
    ]
    if not known:
        return None
    known.sort(key=lambda c: -c["objects"])
    percent = lambda v: f"{100 * float(v):.1f}\u00a0%"  # noqa: E731
    charts = [(f"{cut(str(c['label']), 40)}: {percent(c['ap50'])}", _curve(c, words)) for c in known[:MOST_CLASSES]]
    table = [[str(c["label"]), count(c["objects"]), percent(c["ap50"]), percent(c["ap"])] for c in known]
    return {"charts": charts, "table": table, "more": max(0, len(known) - MOST_CLASSES)}


def _curve(of: Json, words: Words) -> Markup:
    x, y = Scale(0, 1, 46, 316), Scale(0, 1, 194, 14)
    parts = axes(x, y, [0, 0.2, 0.4, 0.6, 0.8, 1], words("share of the objects found (%)"), (100.0, 100.0))
    points = list(zip(of["recall"], of["precision"], strict=False))
    scores = of.get("score") or []
    if points:
        line = "M" + "L".join(f"{x(r):.1f} {y(p):.1f}" for r, p in [(0.0, points[0][1]), *points])
        parts.append(tag("path", d=line, class_="curve held", fill="none"))
        for i in sorted({round(k * (len(points) - 1) / 8) for k in range(9)}):
            recall, precision = points[i]
            title = words("at score {score}: finds {recall}, {precision} of what it finds is right",
                          score=f"{scores[i]:.2f}" if i < len(scores) else "–", recall=f"{recall:.0%}",
                          precision=f"{precision:.0%}")  # fmt: skip
            parts.append(mark("circle", title, cx=x(recall), cy=y(precision), r=3.0, class_="dot held"))
    parts.append(text(46, 9, words("right of what is found (%)"), class_="name"))
    about = words("{label}: precision against recall", label=of["label"])
    return figure(330, 230, about, *parts)
