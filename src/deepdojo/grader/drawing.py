"""Pictures that a terminal can show and a PNG, too: grey paper, and charts of curves or bars.

A chart is painted by one function for both: in a terminal two rows of pixels make a line of half blocks.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol
from unicodedata import east_asian_width

import numpy as np

from deepdojo.grader.words import Text

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

__all__ = ["Bars", "Chart", "Grey", "Line", "Picture"]

Colour = tuple[int, int, int]

_RAMP = " .:-=+*#%@"
_SIGNS = "*o~"
_DARK: tuple[Colour, ...] = ((24, 24, 24), (90, 200, 250), (255, 149, 64), (150, 150, 150))
_LIGHT: tuple[Colour, ...] = ((255, 255, 255), (0, 98, 186), (214, 96, 0), (120, 120, 120))
"""The ground, then the series in turn: told apart by colour-blind eyes, too, and the second one is dashed."""
_MOST, _SHEET = 58, 700  # columns of a picture in a terminal; pixels of a small one as PNG, at most
_WIDE, _ROWS = 50, 11  # of a chart in a terminal, beside its numbers
_FINE = 4  # what is painted is this many times larger at first


class Picture(Protocol):
    """What a finale shows."""

    def lines(self, colour: bool, lang: str) -> list[str]: ...

    def as_png(self, lang: str) -> bytes: ...


@dataclass(frozen=True)
class Grey:
    """Ink on paper: float array (Y, X), 0 the ground and 1 the ink. What is wider than a terminal is shrunk there.

    Attributes:
        light: 1 is light in a PNG, too, as in a photograph.
    """

    ink: np.ndarray
    light: bool = False

    def lines(self, colour: bool, lang: str = "en") -> list[str]:
        """Two rows of pixels in each line: blocks in 24-bit colour, else signs of growing weight."""
        ink = self._shrunk()
        if not colour:
            signs = ((ink[::2] + ink[1::2]) / 2 * (len(_RAMP) - 1)).round().astype(int)
            return ["".join(_RAMP[s] for s in row).rstrip() for row in signs]
        return _blocks((24 + 231 * ink[..., None]).round().astype(int).repeat(3, 2))

    def as_png(self, lang: str = "en") -> bytes:
        from PIL import Image

        scale = max(1, _SHEET // self.ink.shape[1])
        image = Image.fromarray(((self.ink if self.light else 1 - self.ink) * 255).round().astype("uint8"))
        return _png(image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST))

    def _shrunk(self) -> np.ndarray:
        from PIL import Image

        high, wide = self.ink.shape
        if wide <= _MOST and high % 2 == 0:
            return self.ink
        share = min(1.0, _MOST / wide)
        size = round(wide * share), max(2, 2 * round(high * share / 2))
        image = Image.fromarray(self.ink.astype(np.float32), mode="F")
        return np.asarray(image.resize(size, Image.Resampling.BOX)).clip(0, 1)


@dataclass(frozen=True)
class Line:
    """A curve. `y` may hold NaN or infinity: nothing is drawn there. `x` counts from 1 where it is not given."""

    name: Text
    y: Sequence[float]
    x: Sequence[float] = ()

    def points(self) -> list[tuple[float, float]]:
        return list(zip(self.x or range(1, len(self.y) + 1), self.y, strict=True))


@dataclass(frozen=True)
class Bars:
    """One bar in each place along the axis."""

    name: Text
    y: Sequence[float]


@dataclass(frozen=True)
class Chart:
    """Up to three curves or kinds of bars over one axis; the later ones on top.

    Attributes:
        up, across: what the axes count.
        low, high: the ends of the upright axis; what lies beyond is cut. start, end: of the other one.
        form: how numbers of the upright axis are written; along: of the other one.
        names: under the bars.
        band: from where to where along the axis the ground is lighter.
    """

    series: Sequence[Line | Bars]
    up: Text
    across: Text
    low: float
    high: float
    start: float = 1
    end: float = 1
    form: str = "{:g}"
    along: str = "{:g}"
    names: Sequence[str] = field(default=())
    band: tuple[float, float] | None = None

    def lines(self, colour: bool, lang: str) -> list[str]:
        gutter = max(len(self.form.format(v)) for v in (self.low, self.high)) + 1
        if colour:
            pixels = np.asarray(self._painted(_WIDE, 2 * _ROWS, _DARK, thick=1.1)).astype(int)
            plot = _blocks(pixels)
        else:
            plot = self._signs()
        sides = {0: self.form.format(self.high), len(plot) - 1: self.form.format(self.low)}
        body = [f"{sides.get(i, ''):>{gutter - 1}} {row}".rstrip() for i, row in enumerate(plot)]
        return [" " * gutter + self.up[lang], *body, " " * gutter + self._foot(lang), *self._legend(colour, lang)]

    def as_png(self, lang: str, size: tuple[int, int] = (960, 540)) -> bytes:
        from PIL import Image, ImageDraw

        lang = lang if _has_chinese(lang) else "en"
        small, left, top, under = _font(lang, 20), 96, 76, 64
        sheet = Image.new("RGB", size, _LIGHT[0])
        wide, high = size[0] - left - 28, size[1] - top - under
        sheet.paste(self._painted(wide, high, _LIGHT, thick=3.2, sheet=True), (left, top))
        draw = ImageDraw.Draw(sheet)
        for i in range(5):
            value = self.low + (self.high - self.low) * i / 4
            said = self.form.format(value)
            draw.text((left - 10, top + high * (1 - i / 4)), said, _LIGHT[3], small, "rm")
        self._label_along(draw, small, left, top + high + 10, wide)
        draw.text((left + wide / 2, size[1] - 8), self.across[lang], (60, 60, 60), small, "mb")
        draw.text((16, 10), self.up[lang], (60, 60, 60), small, "la")
        self._png_legend(draw, small, lang, left)
        return _png(sheet)

    # How numbers become places.

    def _place(self, x: float, y: float, wide: float, high: float) -> tuple[float, float]:
        share = (x - self.start) / ((self.end - self.start) or 1)
        rise = (y - self.low) / ((self.high - self.low) or 1)
        return share * (wide - 1), (1 - max(-0.05, min(1.05, rise))) * (high - 1)

    def _painted(
        self, wide: int, high: int, colours: Sequence[Colour], thick: float, *, sheet: bool = False
    ) -> Image.Image:
        from PIL import Image, ImageDraw

        w, h = wide * _FINE, high * _FINE
        image = Image.new("RGB", (w, h), colours[0])
        draw = ImageDraw.Draw(image)
        faint = _mixed(colours[0], colours[3], 0.3)
        if self.band is not None:
            a, b = (self._place(v, self.low, w, h)[0] for v in self.band)
            draw.rectangle((a, 0, b, h), _mixed(colours[0], colours[1], 0.18))
        if sheet:
            for i in range(5):
                y = min(h - 2, (h - 1) * (1 - i / 4))
                draw.line((0, y, w, y), faint, _FINE)
        for i in range(len(self.series)):
            self._draw(draw, i, (w, h), colours[1 + i], thick * _FINE, dashed=sheet and i == 1)
        return image.resize((wide, high), Image.Resampling.BOX)

    def _draw(
        self, draw: ImageDraw.ImageDraw, i: int, size: tuple[int, int], colour: Colour, thick: float, *, dashed: bool
    ) -> None:
        each = self.series[i]
        if isinstance(each, Bars):
            kinds = [s for s in self.series if isinstance(s, Bars)]
            for j, value in enumerate(each.y):
                if math.isfinite(value):
                    draw.rectangle(self._bar(j, len(each.y), kinds.index(each), len(kinds), value, size), colour)
            return
        for piece in _pieces(each.points()):
            places = [self._place(x, y, *size) for x, y in piece]
            for a, b in _dashes(places, thick * 3 if dashed else 0):
                draw.line((*a, *b), colour, round(thick))
            ends = len(piece) == 1 or (piece[-1][0] < self.end and i > 0)  # where there are no numbers any more
            round_at = [(*places[-1], 2.0)] if ends else [] if dashed else [(*place, 0.5) for place in places]
            for x, y, wide in round_at:
                reach = thick * wide
                draw.ellipse((x - reach, y - reach, x + reach, y + reach), colour)

    def _bar(
        self, j: int, count: int, kind: int, kinds: int, value: float, size: tuple[int, int]
    ) -> tuple[float, float, float, float]:
        w, h = size
        group = w / count
        gap = group * (0.16 if self.names else 0.06)
        one = (group - gap) / kinds
        left = j * group + gap / 2 + kind * one
        floor = self._place(self.start, max(self.low, min(self.high, 0)), w, h)[1]
        top = self._place(self.start, value, w, h)[1]
        return left, min(top, floor), left + one * (0.98 if kinds > 1 else 1), max(top, floor) + _FINE / 2

    def _signs(self) -> list[str]:
        """Without colour: a sign for each series, where it covers a good part of the place."""
        grid = np.full((_ROWS, _WIDE), " ")
        for i in range(len(self.series)):
            only = [_BLACK, *(_WHITE if k == i else _BLACK for k in range(3))]
            cover = np.asarray(self._painted(_WIDE, 2 * _ROWS, only, thick=1.2))[..., 0] / 255
            grid[cover.reshape(_ROWS, 2, _WIDE).max(1) > 0.4] = _SIGNS[i]
        return ["|" + "".join(row).rstrip() for row in grid]

    # What stands around it.

    def _foot(self, lang: str) -> str:
        if not self.names:
            first, last = self.along.format(self.start), self.along.format(self.end)
            room = _WIDE - len(first) - len(last)
            return first + _centred(_cut(self.across[lang], room - 2), room) + last
        each = _WIDE / len(self.names)
        row = ""
        for i, name in enumerate(self.names):
            row += " " * (round(i * each) - _columns(row)) + _centred(_cut(name, int(each) - 1), int(each))
        return row.rstrip()

    def _legend(self, colour: bool, lang: str) -> list[str]:
        said = []
        for i, each in enumerate(self.series):
            mark = _SIGNS[i] * 2
            if colour:
                mark = "\x1b[38;2;{};{};{}m━━\x1b[0m".format(*_MIDDLE[i])
            said.append(f"  {mark} {each.name[lang]}")
        return said

    def _label_along(self, draw: ImageDraw.ImageDraw, font: Any, left: int, top: int, wide: int) -> None:
        if self.names:
            each = wide / len(self.names)
            for i, name in enumerate(self.names):
                most = name
                while len(most) > 1 and font.getlength(most) > each - 6:
                    most = most[:-1]
                draw.text((left + (i + 0.5) * each, top), most, _LIGHT[3], font, "ma")
            return
        reach = self.end - self.start
        for value in {self.start + (round(reach * i / 4) if reach >= 8 else reach * i / 4) for i in range(5)}:
            place = left + wide * (value - self.start) / (reach or 1)
            draw.text((place, top), self.along.format(value), _LIGHT[3], font, "ma")

    def _png_legend(self, draw: ImageDraw.ImageDraw, font: Any, lang: str, left: int) -> None:
        x = float(left)
        for i, each in enumerate(self.series):
            colour = _LIGHT[1 + i]
            ends = _dashes([(x, 54), (x + 34, 54)], 8 if i == 1 and isinstance(each, Line) else 0)
            for a, b in ends:
                draw.line((*a, *b), colour, 5)
            draw.text((x + 44, 54), each.name[lang], colour, font, "lm")
            x += 44 + font.getlength(each.name[lang]) + 40


_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_MIDDLE: tuple[Colour, ...] = ((30, 150, 220), (230, 120, 30), (128, 128, 128))
"""For signs on a terminal whose ground is not known."""
# Fonts with Chinese that Linux, Windows and macOS come with.
_CHINESE = ("NotoSansCJK-Regular.ttc", "wqy-microhei.ttc", "msyh.ttc", "PingFang.ttc", "STHeiti Light.ttc")


@lru_cache(maxsize=8)
def _font(lang: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from PIL import ImageFont

    for name in _CHINESE if lang == "zh" else ():
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size) if lang == "en" else _font("en", size)


def _has_chinese(lang: str) -> bool:
    """Whether a picture can be labelled in Chinese here; else its labels are English."""
    return lang == "zh" and _font("zh", 20) is not _font("en", 20)


def _blocks(pixels: np.ndarray) -> list[str]:
    """Rows of (Y, X, 3), two in a line. Both colours are set: readable on a dark terminal and on a light one."""
    return [
        "".join(
            "\x1b[38;2;{};{};{};48;2;{};{};{}m▀".format(*above, *below)
            for above, below in zip(upper, lower, strict=True)
        )
        + "\x1b[0m"
        for upper, lower in zip(pixels[::2].tolist(), pixels[1::2].tolist(), strict=True)
    ]


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _mixed(ground: Colour, ink: Colour, share: float) -> Colour:
    r, g, b = (round(a + (c - a) * share) for a, c in zip(ground, ink, strict=True))
    return r, g, b


def _pieces(points: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Runs of points that are numbers."""
    found: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if math.isfinite(y):
            found[-1].append((x, y))
        elif found[-1]:
            found.append([])
    return [piece for piece in found if piece]


def _dashes(
    places: Sequence[tuple[float, float]], dash: float
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """The lines between places; broken into dashes of that length where it is not 0."""
    steps = list(pairwise(places))
    if not dash:
        return steps
    found, gone = [], 0.0
    for (xa, ya), (xb, yb) in steps:
        length = math.dist((xa, ya), (xb, yb))
        for k in range(int(gone / (2 * dash)), int((gone + length) / (2 * dash)) + 1):
            first, last = max(gone, 2 * k * dash), min(gone + length, (2 * k + 1) * dash)
            if last > first:
                a, b = ((xa + (xb - xa) * s, ya + (yb - ya) * s) for s in ((v - gone) / length for v in (first, last)))
                found.append((a, b))
        gone += length
    return found


def _columns(text: str) -> int:
    return sum(1 + (east_asian_width(sign) in "WF") for sign in text)


def _cut(text: str, most: int) -> str:
    while _columns(text) > max(1, most):
        text = text[:-1]
    return text


def _centred(text: str, room: int) -> str:
    spare = max(0, room - _columns(text))
    return " " * (spare // 2) + text + " " * (spare - spare // 2)
