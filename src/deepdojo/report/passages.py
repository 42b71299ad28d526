"""Passages of held-out text, each symbol tinted by how little the model expected it; and texts that it wrote."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from deepdojo.report.figures import plain
from deepdojo.report.svg import tag

__all__ = ["passages", "samples"]

Json = dict[str, Any]
Words = Callable[..., str]
# Probability from which a symbol has the next paler tint; what was likelier than not has none.
EDGES = ((2, "½"), (4, "¼"), (16, "1/16"), (64, "1/64"), (256, "1/256"))
WHY = {
    "typical": "Loss in the middle",
    "costly": "Highest loss of all held-out blocks",
    "cheap": "Lowest loss of all held-out blocks",
}


def passages(files: Any, words: Words) -> Json | None:
    """Titles and tinted texts, and the legend of the tints; None where the run kept no passages."""
    kept = [e for e in files.examples if e.get("kind") == "passage" and isinstance(e.get("pieces"), list)]
    if not kept:
        return None
    shown = []
    for example in kept:
        why = next((WHY[name] for name in example.get("why") or [] if name in WHY), "")
        loss = example.get("loss")
        rate = plain(loss, 3) if isinstance(loss, int | float) else ""
        shown.append({
            "title": words(why) if why else "", "where": str(example.get("where") or example.get("id") or ""),
            "rate": words("{n} nats a character", n=rate) if rate else "", "text": _tinted(example["pieces"], words),
        })  # fmt: skip
    labels = [words("{p} or more", p=EDGES[0][1])]
    labels += [words("down to {p}", p=p) for _, p in EDGES[1:]] + [words("below {p}", p=EDGES[-1][1])]
    legend = [{"class": f"p{level}", "label": label} for level, label in enumerate(labels)]
    return {"rows": shown, "legend": legend}


def _level(nats: float) -> int:
    return sum(nats > math.log(odds) for odds, _ in EDGES)


def _tinted(pieces: list[Any], words: Words) -> Markup:
    """The text as it stands; symbols of one tint are one element unless they are tinted, then each says its own."""
    parts: list[Markup | str] = []
    for piece in pieces:
        if not (isinstance(piece, list | tuple) and len(piece) == 2 and isinstance(piece[1], int | float)):
            continue
        text, nats = str(piece[0]), float(piece[1])
        level = _level(nats)
        if level == 0:
            parts.append(text)
            continue
        p = math.exp(-nats)
        share = f"{p:.0%}" if p >= 0.1 else f"{p:.1g}"
        title = words("{nats} nats, p = {p}", nats=plain(nats, 2), p=share)
        shown = text.replace("\n", "↵\n") if text.strip(" ") == "\n" else text
        parts.append(tag("span", shown, class_=f"p{level}", title=title))
    return tag("p", *parts, class_="tinted")


def samples(files: Any, words: Words) -> list[Json]:
    """What the model wrote, by temperature."""
    found = []
    for sample in files.samples:
        text = sample.get("text")
        if isinstance(text, str):
            t = sample.get("temperature")
            title = words("temperature {t}", t=f"{t:g}") if isinstance(t, int | float) else ""
            prompt = str(sample.get("prompt") or "")
            begun = text.startswith(prompt)
            found.append({"title": title, "prompt": prompt if begun else "",
                          "text": text[len(prompt) :] if begun else text})  # fmt: skip
    return found
