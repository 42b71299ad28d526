"""A row that is a video, drawn as a strip of its frames, and which parts of which frames spoke for a decision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from markupsafe import Markup

from deepdojo.report import heat
from deepdojo.report.pictures import Picture

__all__ = ["overlay"]


def overlay(
    picture: Picture,
    strip: dict[str, Any],
    pieces: Sequence[Any],
    scores: Sequence[float],
    size: tuple[int, int],
    *,
    about: str,
    words: Callable[..., str],
) -> Markup:
    """The strip in grey under the pieces of each of its frames.

    Args:
        picture: of the strip. strip: columns, and at (the share of the video at which each frame stands).
        pieces: [y0, x0, y1, x1, first step, end] in pixels of `size`, the model's input.
    """
    fits = [(p, s) for p, s in zip(pieces, scores, strict=False) if isinstance(p, list) and len(p) == 6]
    at, columns = [float(a) for a in strip.get("at") or []], max(1, int(strip.get("columns") or 1))
    lines = -(-len(at) // columns)
    high, wide = picture.shape[0] / max(1, lines), picture.shape[1] / columns
    steps = max((int(p[5]) for p, _ in fits), default=1)
    boxes, drawn = [], []
    for k, share in enumerate(at):
        step = min(share * steps, steps - 1e-6)
        top, left = (k // columns) * high, (k % columns) * wide
        for (y0, x0, y1, x1, first, end), score in fits:
            if first <= step < end:
                y, x = high / max(1, size[0]), wide / max(1, size[1])
                boxes.append([top + y0 * y, left + x0 * x, top + y1 * y, left + x1 * x])
                drawn.append(score)
    return heat.overlay(
        picture.id, picture.shape, boxes, drawn, picture.shape, about=about, words=words, class_="picture strip"
    )
