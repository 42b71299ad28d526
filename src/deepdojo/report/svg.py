"""The little that our charts need of SVG: escaped elements, a scale, ticks. Every mark carries a `<title>`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup, escape

__all__ = ["Scale", "cut", "figure", "mark", "tag", "text", "ticks"]


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)


def tag(name: str, *content: object, **attributes: object) -> Markup:
    """One element: attributes that are None are left out, `class_` means class, `_` in a name means `-`."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_value(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = Markup("").join(escape(part) for part in content)
    return Markup(f"<{name}{written}/>") if not content else Markup(f"<{name}{written}>{inner}</{name}>")


def mark(name: str, title: str, **attributes: object) -> Markup:
    """A shape that a reader can ask what it is."""
    return tag(name, tag("title", title), **attributes)


def text(x: float | str, y: float | str, words: str, **attributes: object) -> Markup:
    return tag("text", words, x=x, y=y, **attributes)


def figure(width: float, height: float, about: str, *content: object, class_: str = "chart") -> Markup:
    """A chart that scales with its column; `about` is what a screen reader says of it."""
    return tag(
        "svg", *content, viewBox=f"0 0 {_value(width)} {_value(height)}", class_=class_, role="img", aria_label=about
    )


def cut(words: str, length: int) -> str:
    """`words`, or its beginning and an ellipsis, at most `length` characters."""
    return words if len(words) <= length else words[: max(1, length - 1)].rstrip() + "…"


@dataclass(frozen=True)
class Scale:
    """A linear map of [low, high] onto [start, end] in pixels or per cent."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        span = self.high - self.low
        return self.start if span == 0 else self.start + (value - self.low) / span * (self.end - self.start)


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers inside [low, high], roughly `about` of them: multiples of 1, 2 or 5 times a power of ten."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(span / max(1, about)))
    steps = [power * m for m in (0.5, 1, 2, 5, 10)]

    def held(step: float) -> int:
        return math.floor(high / step + 1e-9) - math.ceil(low / step - 1e-9) + 1

    step = min(steps, key=lambda s: (abs(held(s) - about), s))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 12) + 0.0 for i in range(first, last + 1)] or [low]
