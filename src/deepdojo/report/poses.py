"""A row that is a moving skeleton, drawn as some of its poses from left to right, and which joints spoke for a
decision at which times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from markupsafe import Markup

from deepdojo.report.figures import plain
from deepdojo.report.svg import figure, mark, tag, text

__all__ = ["draw", "poses_of"]

_CELL, _HEIGHT, _EDGE, _FOOT = 70.0, 120.0, 10.0, 16.0
_WEAK = 0.05

Words = Callable[..., str]


def poses_of(value: Any) -> list[list[tuple[float, float]]]:
    """Poses of joints (across, up), or none where the cell is anything else."""
    poses = value.get("poses") if isinstance(value, dict) else None
    try:
        return [[(float(x), float(y)) for x, y in pose] for pose in poses or []]
    except (TypeError, ValueError):
        return []


def draw(
    motion: dict[str, Any],
    *,
    about: str,
    words: Words,
    pieces: Sequence[Any] = (),
    scores: Sequence[float] = (),
) -> Markup:
    """Poses side by side, each with the time from the beginning of the sequence at its foot.

    Args:
        motion: poses, bones (pairs of joints), at (the share of the sequence at which each pose stands).
        pieces, scores: [joint, first step, end] and its score: vermillion speaks for the decision, blue against it.
    """
    poses = poses_of(motion)
    across, up = ([joint[axis] for pose in poses for joint in pose] for axis in (0, 1))
    # Wide movements run beside the body: half a cell more on both sides than the body's own width asks for.
    wide = max(max(across) - min(across), 1e-9)
    scale = min((_HEIGHT - 2 * _EDGE) / max(max(up) - min(up), 1e-9), 1.6 * _CELL / wide)
    cell = max(_CELL, scale * wide + _EDGE)
    middle, top = (max(across) + min(across)) / 2, max(up)
    width, height = cell * len(poses), scale * (top - min(up)) + 2 * _EDGE + _FOOT
    shades = _shades(pieces, scores)
    parts: list[Markup] = []
    for k, (pose, at) in enumerate(zip(poses, motion.get("at") or [0.0] * len(poses), strict=False)):
        places = [((k + 0.5) * cell + scale * (x - middle), _EDGE + scale * (top - y)) for x, y in pose]
        for a, b in motion.get("bones") or []:
            (x1, y1), (x2, y2) = places[int(a)], places[int(b)]
            parts.append(tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_="bone"))
        for joint, (x, y) in enumerate(places):
            parts.append(_joint(joint, x, y, shades(joint, float(at)), words))
        written = words("{share} of the sequence", share=f"{float(at):.0%}")
        parts.append(
            tag(
                "g", tag("title", written), text((k + 0.5) * cell, height - 3, f"{float(at):.0%}", text_anchor="middle")
            )
        )
    return figure(width, height, about, tag("title", about), *parts, class_="chart poses")


def _shades(pieces: Sequence[Any], scores: Sequence[float]) -> Callable[[int, float], tuple[float, float]]:
    """(joint, share of the sequence) -> its score, and that as a share of the greatest one."""
    fits = [
        (int(p[0]), float(p[1]), float(p[2]), s)
        for p, s in zip(pieces, scores, strict=False)
        if isinstance(p, list) and len(p) == 3
    ]
    most = max((abs(s) for *_, s in fits), default=0.0) or 1.0
    steps = max((end for _, _, end, _ in fits), default=1.0)

    def shade(joint: int, at: float) -> tuple[float, float]:
        step = min(at * steps, steps - 1e-6)
        found = next((s for j, a, b, s in fits if j == joint and a <= step < b), 0.0)
        return found, abs(found) / most

    return shade


def _joint(joint: int, x: float, y: float, shade: tuple[float, float], words: Words) -> Markup:
    score, strength = shade
    name = words("joint {k}", k=joint + 1)
    if strength < _WEAK:
        return mark("circle", name, cx=x, cy=y, r=1.6, class_="joint")
    title = f"{name}: {'+' if score > 0 else ''}{plain(score, 2)}"
    side = "for" if score > 0 else "against"
    return mark(
        "circle", title, cx=x, cy=y, r=2.0 + 4.0 * strength, class_=side, fill_opacity=round(0.35 + 0.6 * strength, 3)
    )
