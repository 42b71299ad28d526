"""Sentences as they were said and as the network says them: players, spectra on one scale of time, and when each word
is said."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from deepdojo.report.figures import plain
from deepdojo.report.pictures import Picture, Pictures
from deepdojo.report.sounds import Sounds
from deepdojo.report.svg import cut, figure, mark, tag, text

__all__ = ["spoken"]

Json = dict[str, Any]
Words = Callable[..., str]
_WIDTH, _SPECTRUM, _LETTERS, _GAP = 560.0, 84.0, 34.0, 2.0
_LETTER_PX = 6.5
WHY = {"far": "Farthest from the true sound", "middle": "In the middle", "near": "Nearest to the true sound"}


def spoken(files: Any, pictures: Pictures, sounds: Sounds, words: Words) -> list[Json]:
    """Groups of rows by why they are shown; none where the run kept no such rows."""
    groups: dict[str, list[Json]] = {}
    for example in files.examples:
        if example.get("kind") != "spoken":
            continue
        why = next((name for name in example.get("why") or [] if name in WHY), "middle")
        groups.setdefault(why, []).append(_row(example, pictures, sounds, words))
    return [{"title": words(WHY[name]), "rows": groups[name]} for name in WHY if name in groups]


def _row(example: Json, pictures: Pictures, sounds: Sounds, words: Words) -> Json:
    found: list[Json] = [example[key] if isinstance(example.get(key), dict) else {} for key in ("true", "said")]
    lengths = [_seconds(side.get("seconds")) for side in found]
    longest = max(*lengths, 0.01)
    loss, id_ = example.get("loss"), str(example.get("id", ""))
    sides = []
    for key, side, length in zip(("true", "said"), found, lengths, strict=True):
        name = words("as it was said") if key == "true" else words("as the network says it")
        picture = pictures.add(side.get("image"))
        timing = example.get("timing") if key == "said" else None
        sides.append({
            "name": name, "seconds": words("{value} s", value=f"{length:.2f}"),
            "player": sounds.player(side.get("sound"), f"{name}: {id_}"),
            "drawing": _drawing(picture, length / longest, timing, longest, f"{name}: {id_}", words),
        })  # fmt: skip
    return {
        "text": cut(str(example.get("text") or ""), 400), "where": str(example.get("where") or id_), "sides": sides,
        "loss": plain(loss, 2) if isinstance(loss, int | float) and math.isfinite(loss) else "",
    }  # fmt: skip


def _seconds(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and 0 < value < 1e6 else 0.0


def _drawing(
    picture: Picture | None, share: float, timing: Any, longest: float, about: str, words: Words
) -> Markup | None:
    """The spectrum, as wide as the sound is long beside the longer of the two; below it the words, where they begin and
    end, and a tick at each sign."""
    if picture is None:
        return None
    high, wide = picture.shape
    stretch = f"scale({share * _WIDTH / max(1, wide):.4f} {_SPECTRUM / max(1, high):.4f})"
    parts = [tag("use", href=f"#{picture.id}", transform=stretch)]
    said = _words(timing)
    if said:
        parts += _letters(said, _WIDTH / longest, words)
    return figure(_WIDTH, _SPECTRUM + (_LETTERS if said else 0), about, *parts, class_="chart speech")


def _words(timing: Any) -> list[list[tuple[str, float, float]]]:
    """Signs with beginning and end in seconds, by words; none where anything else stands there."""
    found: list[list[tuple[str, float, float]]] = [[]]
    at = 0.0
    for item in timing if isinstance(timing, list) else ():
        if not (isinstance(item, list) and len(item) == 2 and isinstance(item[1], int | float)):
            return []
        sign, end = str(item[0]), at + max(0.0, float(item[1]))
        if sign.isspace():
            found.append([])
        else:
            found[-1].append((sign, at, end))
        at = end
    return [word for word in found if word]


def _letters(said: list[list[tuple[str, float, float]]], scale: float, words: Words) -> list[Markup]:
    parts: list[Markup] = []
    top = _SPECTRUM + _GAP
    for word in said:
        written = "".join(sign for sign, _, _ in word)
        first, last = word[0][1], word[-1][2]
        title = words("{word}: {first} to {last} s", word=written, first=f"{first:.2f}", last=f"{last:.2f}")
        left, width = first * scale, max(0.5, (last - first) * scale - 1)
        parts.append(mark("rect", title, x=left, y=top, width=width, height=_LETTERS - 2 * _GAP, class_="word"))
        parts += [
            tag("line", x1=start * scale, x2=start * scale, y1=top, y2=top + 6, class_="sign") for _, start, _ in word
        ]
        shown = cut(written, max(1, int(width / _LETTER_PX)))
        if shown == written or width > 2 * _LETTER_PX:
            parts.append(text(left + width / 2, top + 21, shown, text_anchor="middle"))
    return parts
