"""Where a model looked in a picture for each part of its answer: the picture once for each, lit where it looked."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deepdojo.report.pictures import Picture
from deepdojo.report.svg import cut, tag

__all__ = ["strip"]

_MOST_PARTS, _SIDE, _DARK = 24, 28, 215


def strip(picture: Picture, parts: Sequence[Any], words: Callable[..., str]) -> list[dict[str, Any]]:
    """One drawing a part: black lies over the picture, the less of it the larger the weight there.

    A map is drawn on its own scale, from the grid's even share (darkest) to its largest weight (clear), and smoothed
    as the picture is larger than the grid. A map without preference is evenly dark.

    Args:
        parts: {part, weights: rows of numbers over a grid that covers the picture}; others are left out.
    """
    found = []
    for one in parts[:_MOST_PARTS]:
        weights = _grid(one)
        if weights is None:
            continue
        about = words("{part}: where it looked", part=cut(str(one.get("part")), 40))
        found.append({"part": cut(str(one.get("part")), 40), "drawing": _drawn(picture, weights, about)})
    return found


def _grid(one: Any) -> np.ndarray | None:
    try:
        weights = np.array(one["weights"], dtype=np.float64)
    except (TypeError, KeyError, ValueError):
        return None
    right = weights.ndim == 2 and 0 < weights.size <= 4096 and np.isfinite(weights).all() and (weights >= 0).all()
    return weights if right else None


def _drawn(picture: Picture, weights: np.ndarray, about: str) -> Any:
    y, x = picture.shape
    shade = tag("image", href=_shade(weights), x=0, y=0, width=x, height=y, preserveAspectRatio="none")
    parts = (tag("title", about), tag("use", href=f"#{picture.id}"), shade)
    return tag("svg", *parts, viewBox=f"0 0 {x} {y}", class_="picture", role="img", aria_label=about)


def _shade(weights: np.ndarray) -> str:
    """A picture of black whose opacity falls with the weight, as a data address."""
    from PIL import Image

    even, most = float(weights.mean()), float(weights.max())
    light = np.clip((weights - even) / (most - even), 0, 1) if most > even * (1 + 1e-3) else np.zeros_like(weights)
    side = max(weights.shape)
    scale = max(1, math.ceil(_SIDE / side))
    opacity = Image.fromarray(np.uint8(np.round(_DARK * (1 - light))))
    opacity = opacity.resize((weights.shape[1] * scale, weights.shape[0] * scale), Image.Resampling.BICUBIC)
    black = Image.new("L", opacity.size, 0)
    out = io.BytesIO()
    Image.merge("LA", (black, opacity)).save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")
