"""The sheet of `dojo check --look`: rows as a model will see them, drawn from what `session.look` found. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any

from markupsafe import Markup

from deepdojo.report.figures import count, plain
from deepdojo.report.pictures import Pictures
from deepdojo.report.svg import mark, tag
from deepdojo.report.tokens import stylesheet
from deepdojo.report.words import Words

__all__ = ["look_page"]

Json = dict[str, Any]
MOST_CLASSES, MOST_COLUMNS = 60, 100


def look_page(found: Mapping[str, Any], *, language: str = "en") -> str:
    """The sheet as one self-contained HTML page.

    Args:
        found: as `deepdojo.session.look.look` gives it.
        language: "en" or "zh".

    Raises UnknownNameError for another language.
    """
    from deepdojo.report.page import environment

    words, pictures = Words(language), Pictures()
    images = [_image(row, pictures, words) for row in found["images"]]
    context = {
        "t": words, "lang": words.tag, "css": stylesheet(),
        "project": found["project"], "title": found["title"], "task": found["task"], "model": found["model"],
        "recipe": found["recipe"], "argument": quote(str(found["project"])), "seed": found["seed"],
        "rows": {split: count(n) for split, n in found["rows"].items()}, "sample": count(found["sample"]),
        "augmentation": found["augmentation"], "images": images, "pictures": pictures.definitions(),
        "texts": [_text(row) for row in found["texts"]], "words": _words(found["words"]),
        "columns": [_column(column) for column in found["columns"][:MOST_COLUMNS]],
        "more_columns": max(0, len(found["columns"]) - MOST_COLUMNS),
        "batch": [_entry(entry) for entry in found["batch"]],
        "classes": _classes(found.get("classes") or [], words),
        "more_classes": max(0, len(found.get("classes") or []) - MOST_CLASSES),
        "numbers": _numbers(found.get("numbers") or {}),
    }  # fmt: skip
    return environment().get_template("look.html").render(context)


def _image(row: Json, pictures: Pictures, words: Words) -> Json:
    titles = [words("as encoded"), *(words("draw {n}", n=n) for n in range(1, len(row["pictures"])))]
    notes = ["", *row["labels"]]
    drawn = []
    for source, title, note in zip(row["pictures"], titles, notes, strict=True):
        picture = pictures.add(source)
        if picture is not None:
            box = f"0 0 {picture.shape[1]} {picture.shape[0]}"
            about = f"{row['id']}, {title}"
            use = (tag("title", about), tag("use", href=f"#{picture.id}"))
            shown = tag("svg", *use, viewBox=box, class_="picture", role="img", aria_label=about)
            drawn.append({"picture": shown, "title": title, "note": note})
    return {"id": row["id"], "label": row["label"], "drawn": drawn}


def _text(row: Json) -> Json:
    behind = sum(row["windows"][1:])
    return {
        **row,
        "behind": count(behind) if behind else "",
        "count": len(row["windows"]),
        "more": count(row["more"]) if row["more"] else "",
    }


def _words(found: Json | None) -> Json | None:
    if found is None:
        return None
    lengths = {name: count(value) for name, value in found["lengths"].items()}
    shares = {name: f"{100 * found[name]:.3g}\u00a0%" for name in ("unknown", "padding", "padding_unsorted")}
    several = {"several": count(found["windows"]["several"]), "most": count(found["windows"]["most"])}
    return {
        **shares,
        **several,
        "lengths": lengths,
        "batch_size": found["batch_size"],
        "longest": count(found["longest"]),
    }


def _column(column: Json) -> Json:
    return {
        "name": column["name"],
        "used": bool(column["entries"]),
        "entries": ", ".join(column["entries"]),
        "cells": [
            {"raw": cell["raw"], "encoded": ", ".join(_short(value) for value in cell["encoded"])}
            for cell in column["cells"]
        ],
        "mean": "" if column["mean"] is None else _short(column["mean"]),
        "sd": "" if column["sd"] is None else _short(column["sd"]),
        "distinct": count(column["distinct"]),
    }


def _short(value: float) -> str:
    """Whole numbers whole, and what rounding leaves of zero as zero."""
    if abs(value) < 5e-4:
        return "0"
    return count(value) if value == int(value) else plain(value)


def _entry(entry: Json) -> Json:
    shape = " × ".join(map(str, entry["shape"])) or "1"
    limits = "" if entry["range"] is None else " … ".join(_short(value) for value in entry["range"])
    kind = entry["given"] if entry["packed"] == entry["given"] else f"{entry['packed']} → {entry['given']}"
    return {"name": entry["name"], "shape": shape, "kind": kind, "range": limits}


def _classes(classes: Sequence[Json], words: Words) -> list[Json]:
    total = {split: sum(row[split] for row in classes) for split in ("train", "validation")}
    most = max((row["train"] / max(1, total["train"]) for row in classes), default=1.0) or 1.0
    found = []
    for row in classes[:MOST_CLASSES]:
        share = {split: row[split] / max(1, n) for split, n in total.items()}
        about = words("{label}: {n} of the training rows", label=row["name"], n=f"{share['train']:.1%}")
        found.append(
            {
                "name": row["name"], "bar": _bar(share["train"] / most, about),
                "train": count(row["train"]), "validation": count(row["validation"]),
                "train_share": f"{100 * share['train']:.3g}", "validation_share": f"{100 * share['validation']:.3g}",
            }
        )  # fmt: skip
    return found


def _bar(share: float, about: str) -> Markup:
    shape = mark("rect", about, x=0, y=2, width=f"{100 * share:.1f}%", height=10, class_="true")
    return tag("svg", shape, height=14, class_="bar", role="img", aria_label=about)


def _numbers(found: Mapping[str, Mapping[str, float]]) -> Json | None:
    if not found:
        return None
    names = list(next(iter(found.values())))
    rows = [
        (split, [plain(values[name]) if name in values else "–" for name in names]) for split, values in found.items()
    ]
    return {"head": names, "rows": rows}
