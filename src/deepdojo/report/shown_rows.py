"""One row as the report shows it: its picture, sound, text or record, what it is, what was said, how far off."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from deepdojo.report import boxes, lines, poses, spans
from deepdojo.report.figures import plain
from deepdojo.report.marks import marked
from deepdojo.report.pictures import Picture, Pictures
from deepdojo.report.sounds import Sounds, spectrum, wave
from deepdojo.report.svg import cut, mark, tag

__all__ = ["SEEN", "record_of", "shown_row"]

Json = dict[str, Any]
Words = Callable[..., str]
SEEN = ("image", "audio")
"""Kinds whose row is seen as a picture; a sound as its spectrum."""
_STRIP_SIDE = 480
_LONG_TEXT, _WHOLE_TEXT = 420, 6000
_COLUMNS = 8


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
    return example.get("image") if kind in SEEN else None


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


def record_of(example: Json) -> list[tuple[str, str]]:
    """The columns of a table's row and their values in words."""
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


def _said(example: Json, boxed: Json | None, words: Words) -> tuple[str, str, str, float]:
    """Truth, prediction, how far off it is in words ("" where that is no number) and as a number."""
    truth, predicted, off = _answers(example.get("truth"), example.get("predicted"))
    error = abs(example["predicted"] - example["truth"]) if off else 0.0
    if example.get("ahead"):  # twenty numbers say nothing in a line: the chart shows them
        truth, predicted, error = _means(example["ahead"], words)
        off = plain(error)
    if boxed is not None:
        off, error = boxes.off(boxed, words), float(sum(boxes.wrong_boxes(boxed)))
    return truth, predicted, off, error


def _drawn(
    example: Json, picture: Picture | None, channels: list[list[float]], boxed: Json | None, about: str, words: Words
) -> Markup | None:
    """The row as a drawing: boxes, the picture, joints, or lines; a sound has its own."""
    if picture is not None and boxed is not None:
        return boxes.draw(boxed, picture, about, words)
    if picture is not None and example.get("kind") != "audio":
        return _picture(picture, about, wide=example.get("kind") == "video")
    if poses.poses_of(example.get("motion")):
        return poses.draw(example["motion"], about=about, words=words)
    return lines.draw(channels, about=about, words=words, ahead=example.get("ahead")) if channels else None


def _text(example: Json, words: Words) -> Json:
    """A text, marked or cut, and the whole of one that was cut."""
    text = str(example.get("text") or "") if example.get("kind") == "text" else ""
    marks = example.get("marks") or []
    return {
        "text": marked(text, marks, words) if marks else cut(text, _LONG_TEXT),
        "whole": cut(text, _WHOLE_TEXT) if len(text) > _LONG_TEXT and not marks else "",
    }


def shown_row(example: Json, pictures: Pictures, sounds: Sounds, words: Words) -> Json:
    """What the templates show of a row; `_values` and `_picture` are for the explanations of it."""
    boxed = example.get("boxed") if isinstance(example.get("boxed"), dict) else None
    truth, predicted, off, error = _said(example, boxed, words)
    side = {"side": _STRIP_SIDE} if example.get("kind") == "video" else {}
    picture = pictures.add(_image_of(example), **side, detailed=boxed is not None)
    about = words("row {id}: is {truth}, read as {predicted}", id=example.get("id"), truth=truth, predicted=predicted)
    channels = lines.numbers_of(example.get("values"))
    record = record_of(example)
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
        "picture": _drawn(example, picture, channels, boxed, about, words),
        "heard": _heard(example, picture, sounds, words) if example.get("kind") == "audio" else None,
        "_values": channels,
        "_picture": picture,
        "lost": example.get("kind") in ("image", "video") and picture is None,
        "tagged": spans.lines(example["tagged"], words) if isinstance(example.get("tagged"), dict) else [],
        **_text(example, words),
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
