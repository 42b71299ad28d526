"""Why a decision was made: heat over an image, tinted tokens, signed bars. Zero is always the neutral colour."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from deepdojo.report.figures import plain
from deepdojo.report.svg import cut, mark, tag

__all__ = ["bars", "overlay", "scale_of", "tokens"]

_BOXES = 256  # more pieces than that are drawn as one picture: titles on thousands of pixels help nobody
_WINDOW, _AROUND, _PEAKS = 60, 6, 6
_FOR, _AGAINST = (213, 94, 0), (0, 114, 178)


def scale_of(scores: Sequence[float]) -> float:
    """The score that gets the full colour: the greatest size, 1 if all are zero."""
    return max((abs(s) for s in scores), default=0.0) or 1.0


def _png(pixels: list[list[tuple[int, int, int, int]]]) -> str:
    """RGBA rows as a data address. Source: PNG specification, sections 5 and 11."""
    raw = b"".join(b"\0" + b"".join(bytes(p) for p in row) for row in pixels)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", len(pixels[0]), len(pixels), 8, 6, 0, 0, 0)
    body = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(body).decode("ascii")


def _raster(boxes: Sequence[Any], scores: Sequence[float], size: tuple[int, int], most: float) -> str:
    """Boxes painted on a grid of at most 64 x 64 cells."""
    shrink = max(1.0, max(size) / 64)
    rows, columns = max(1, round(size[0] / shrink)), max(1, round(size[1] / shrink))
    pixels = [[(0, 0, 0, 0)] * columns for _ in range(rows)]
    for box, score in zip(boxes, scores, strict=False):
        y0, x0, y1, x1 = (float(v) / shrink for v in box)
        colour = (*(_FOR if score > 0 else _AGAINST), round(200 * min(1.0, abs(score) / most)))
        for y in range(max(0, int(y0)), min(rows, max(int(y0) + 1, round(y1)))):
            for x in range(max(0, int(x0)), min(columns, max(int(x0) + 1, round(x1)))):
                pixels[y][x] = colour
    return _png(pixels)


def overlay(
    picture: str,
    shape: tuple[int, int],
    boxes: Sequence[Any],
    scores: Sequence[float],
    size: tuple[int, int],
    *,
    about: str,
    words: Callable[..., str],
    class_: str = "picture",
    stretched: bool = False,
) -> Markup:
    """A picture in grey under its pieces: vermillion speaks for the decision, blue against it.

    Args:
        picture: id of the image defined in this page.
        shape: (Y, X) of that image; boxes are in pixels of `size`, the model's input.
        boxes: [y0, x0, y1, x1], one a score.
        stretched: as high and wide as its place, whatever its own sides.
    """
    most = scale_of(scores)
    parts = [tag("title", about), tag("use", href=f"#{picture}", class_="under")]
    if len(boxes) > _BOXES:
        parts.append(
            tag(
                "image",
                tag("title", about),
                href=_raster(boxes, scores, size, most),
                x=0,
                y=0,
                width=shape[1],
                height=shape[0],
                preserveAspectRatio="none",
                class_="pixels",
            )
        )
    else:
        scale = (shape[0] / max(1, size[0]), shape[1] / max(1, size[1]))
        parts += [_piece(box, score / most, _signed(score), scale) for box, score in zip(boxes, scores, strict=False)]
    return tag("svg", *parts, viewBox=f"0 0 {shape[1]} {shape[0]}", class_=class_, role="img", aria_label=about,
               preserveAspectRatio="none" if stretched else None)  # fmt: skip


def _piece(box: Any, strength: float, title: str, scale: tuple[float, float]) -> Markup:
    """One box in the colour of its sign, nothing where its score is as good as zero."""
    if abs(strength) < 0.02:
        return Markup("")
    y0, x0, y1, x1 = (float(v) for v in box)
    return mark(
        "rect",
        title,
        x=x0 * scale[1],
        y=y0 * scale[0],
        width=(x1 - x0) * scale[1],
        height=(y1 - y0) * scale[0],
        class_="for" if strength > 0 else "against",
        fill_opacity=round(0.8 * abs(strength), 3),
    )


def _signed(score: float) -> str:
    return ("+" if score > 0 else "") + plain(score, 2)


def _kept(scores: Sequence[float]) -> list[int]:
    """All tokens of a short text; of a long one those around its most important tokens."""
    if len(scores) <= _WINDOW:
        return list(range(len(scores)))
    least = 0.15 * scale_of(scores)
    peaks = [
        i for i in sorted(range(len(scores)), key=lambda i: -abs(scores[i]))[:_PEAKS] if abs(scores[i]) >= least
    ] or [0]
    near = {i for p in peaks for i in range(p - _AROUND, p + _AROUND + 1) if 0 <= i < len(scores)}
    return sorted(near)


def _close(left: str, right: str) -> bool:
    """Whether two tokens are written without a blank between them."""
    wide = lambda c: ord(c) > 0x2E80  # noqa: E731
    return (
        not left or not right or wide(left[-1]) or wide(right[0]) or right[0] in ",.;:!?)]}'’”%" or left[-1] in "([{“"
    )


def tokens(pieces: Sequence[str], scores: Sequence[float], *, words: Callable[..., str]) -> Markup:
    """The text with each token tinted by its score; long ones are cut to what surrounds their strongest tokens."""
    most, last, before = scale_of(scores), -1, ""
    parts: list[Markup | str] = []
    for i in (kept := _kept(scores)):
        piece = cut(str(pieces[i]), 80)
        if i != last + 1:
            parts.append(tag("span", words(" … {n} tokens … ", n=i - last - 1), class_="gap"))
            before = ""
        elif not _close(before, piece):
            parts.append(" ")
        strength = abs(scores[i]) / most
        side = "for" if scores[i] > 0 else "against"
        parts.append(
            tag(
                "span",
                piece,
                class_=f"token {side}" + (" strong" if strength > 0.4 else ""),
                title=_signed(scores[i]),
                style=f"--s:{strength:.2f}",
            )
            if strength >= 0.05
            else tag("span", piece, title=_signed(scores[i]))
        )
        last, before = i, piece
    if kept and kept[-1] < len(scores) - 1:
        parts.append(tag("span", words(" … {n} tokens … ", n=len(scores) - 1 - kept[-1]), class_="gap"))
    return tag("p", *parts, class_="tokens")


def _signed_bar(title: str, score: float, most: float) -> Markup:
    """A bar to the right of the middle for, to the left against."""
    width = 49 * min(1.0, abs(score) / most)
    side = "for" if score > 0 else "against"
    x = f"{50 if score > 0 else 50 - width:.2f}%"
    return tag(
        "svg",
        tag("line", x1="50%", x2="50%", y1=0, y2=18, class_="axis"),
        mark("rect", title, x=x, y=3, width=f"{width:.2f}%", height=12, class_=side),
        class_="bar",
        height=18,
        role="img",
        aria_label=title,
    )


def _even(score: float, most: float) -> str:
    """A score with the digits that two of the strongest one need: all of a column end at the same place."""
    decimals = max(0, 1 - math.floor(math.log10(most)))
    if decimals > 6 or most >= 1e6:
        return _signed(score)
    written = f"{score:+,.{decimals}f}"
    return written[1:] if float(written.replace(",", "")) == 0 else written.replace("-", "\u2212")


def bars(
    cells: Sequence[tuple[str, str]],
    methods: Mapping[str, Sequence[float]],
    *,
    words: Callable[..., str],
    shown: int,
) -> Markup:
    """Columns of one row as signed bars from a common zero, a bar a method side by side, the strongest columns first.

    Args:
        cells: (column, value).
        methods: title -> a score for each of `cells`.
        shown: so many columns are drawn.
    """
    most = {title: scale_of(scores) for title, scores in methods.items()}
    strength = [sum(abs(scores[i]) / most[title] for title, scores in methods.items()) for i in range(len(cells))]
    body = []
    for i in sorted(range(len(cells)), key=lambda i: -strength[i])[:shown]:
        column, value = cells[i]
        drawn = []
        for method, scores in methods.items():
            title = f"{method}: {column} = {value}: {_signed(scores[i])}"
            number = tag("span", _even(scores[i], most[method]), class_="number")
            drawn.append(tag("td", tag("span", _signed_bar(title, scores[i], most[method]), number, class_="both")))
        body.append(
            tag(
                "tr",
                tag("th", cut(column, 40), scope="row", title=column),
                tag("td", cut(value, 40), title=value),
                *drawn,
            )
        )
    names = [words("column"), words("value"), *methods]
    head = tag("tr", *(tag("th", name, scope="col", class_="drawn" if i > 1 else None) for i, name in enumerate(names)))
    return tag("table", tag("thead", head), tag("tbody", *body), class_="signed")
