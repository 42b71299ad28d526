"""The actual sounds of a run: checked to be data and not addresses, with a player, a waveform and a picture of the
spectrum."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from markupsafe import Markup

from deepdojo.report.pictures import Picture
from deepdojo.report.svg import tag

__all__ = ["Sounds", "spectrum", "wave"]

_ADDRESS = re.compile(r"data:audio/(flac|wav|mpeg|ogg);base64,[A-Za-z0-9+/]+={0,2}")
MOST_BYTES = 6_000_000
"""Of all sounds of one page together, so that it stays below 10 MB."""

_HEIGHT = 40.0


class Sounds:
    """All sounds of one page."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.left = most_bytes

    def player(self, source: object, about: str) -> Markup | None:
        """An `<audio>` that holds its sound; None for what is no embedded sound, or where the page is full: no address
        gets into it."""
        if not isinstance(source, str) or len(source) > self.left or not _ADDRESS.fullmatch(source):
            return None
        self.left -= len(source)
        return tag("audio", "", src=source, controls="controls", preload="metadata", aria_label=about, class_="player")


def spectrum(picture: Picture, about: str) -> Markup:
    """The picture of a spectrum, as wide as its column."""
    drawn = (tag("title", about), tag("use", href=f"#{picture.id}"))
    box = f"0 0 {picture.shape[1]} {picture.shape[0]}"
    return tag("svg", *drawn, viewBox=box, preserveAspectRatio="none", class_="spectrum", role="img", aria_label=about)


def wave(peaks: Any, words: Callable[..., str]) -> Markup | None:
    """The outline of a waveform from [lowest, highest] of each stretch, within -1 to 1; None where there is none."""
    points = _pairs(peaks)
    if not points:
        return None
    half = _HEIGHT / 2
    above = [f"{x},{half - half * high:.1f}" for x, (_, high) in enumerate(points)]
    below = [f"{x},{half - half * low:.1f}" for x, (low, _) in enumerate(points)]
    about = words("the waveform")
    outline = tag("polygon", tag("title", about), points=" ".join([*above, *reversed(below)]), class_="outline")
    box = f"0 0 {max(1, len(points) - 1)} {_HEIGHT:.0f}"
    return tag("svg", outline, viewBox=box, preserveAspectRatio="none", class_="wave", role="img", aria_label=about)


def _pairs(peaks: Any) -> Sequence[tuple[float, float]]:
    if not isinstance(peaks, list):
        return []
    pairs = [p for p in peaks if isinstance(p, list) and len(p) == 2 and all(isinstance(v, int | float) for v in p)]
    return [(max(-1.0, min(1.0, float(a))), max(-1.0, min(1.0, float(b)))) for a, b in pairs]
