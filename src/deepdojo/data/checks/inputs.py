"""Do inputs occur twice, in two splits, or under two labels? Are texts empty, images of very different sizes?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from deepdojo.data.checks.look import LEARN, SPLITS, Look, Problem, count
from deepdojo.data.images import decode_image
from deepdojo.errors import DojoError

__all__ = ["duplicates", "images", "texts"]

SHORT_SIGNS = 2
LONG_TIMES = 50
MOST_IMAGES, MOST_IMAGES_IN_HASTE = 5000, 500


def key_of(cell: Any) -> Any:
    """Equal keys mean equal inputs: pixels and shape, bytes of a file, text without blanks around it, cells."""
    if isinstance(cell, np.ndarray):
        return cell.shape, hash(cell.tobytes())
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, dict):
        return tuple(cell.values())
    try:
        return hash(cell.read())
    except (DojoError, OSError):
        return id(cell)


def duplicates(look: Look) -> Iterator[Problem]:
    """Rows drawn in a seeded order until the time is up; held-out rows are compared by their input alone."""
    held: dict[Any, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    for split, row in look.drawn():
        look.seen += 1
        held[key_of(row[look.input])].append((split, row))
    many = [rows for rows in held.values() if len(rows) > 1]
    within = [rows for rows in many if len({split for split, _ in rows}) == 1]
    across = [rows for rows in many if len({split for split, _ in rows}) > 1]
    look.facts["duplicates"] = {"within": sum(len(r) - 1 for r in within), "across": sum(len(r) for r in across)}
    yield from _across(look, across, alike=look.kind == "record" and bool(_torn(look, many)))
    if within:
        extra = sum(len(rows) - 1 for rows in within)
        first = within[0]
        yield Problem(
            "duplicates",
            look.where(first[0][1]["id"]),
            f"{count(extra, 'row repeats', 'rows repeat')} the input of another row of the same split "
            f"({look.where(first[0][1]['id'])} and {look.where(first[1][1]['id'])})",
            "delete the repeats, or leave them if they are separate observations",
            "note",
        )
    yield from _two_labels(look, many)


def _across(look: Look, across: list[list[tuple[str, dict[str, Any]]]], alike: bool) -> Iterator[Problem]:
    """`alike`: equal records have different labels, so they are different things that look alike, not copies."""
    held_out = [rows for rows in across if any(split == "test" for split, _ in rows)]
    other = [rows for rows in across if not any(split == "test" for split, _ in rows)]
    for rows, part, name in ((held_out, "test", "held-out"), (other, "validation", "validation")):
        if not rows:
            continue
        n = sum(split == part for group in rows for split, _ in group)
        first = dict(rows[0])
        there = next(split for split in ("train", "validation") if split in first)
        of = len(look.rows[part])
        yield Problem(
            "duplicates across splits",
            look.where(first[part]["id"]),
            f"{count(n, f'{name} row')} of {of:,} ({n / of:.1%}) {'has' if n == 1 else 'have'} the same input as a row "
            f"that is learned from ({look.where(first[there]['id'])})",
            "nothing, if they are different things that look alike (their labels differ, too)"
            if alike
            else "delete the repeats: a model is praised for what it has seen",
            "note" if alike else "warning",
        )


def _torn(look: Look, many: list[list[tuple[str, dict[str, Any]]]]) -> list[list[dict[str, Any]]]:
    """Training and validation rows of one input whose labels differ."""
    labelled = [[row for split, row in rows if split in LEARN] for rows in many]
    return [] if look.regression else [rows for rows in labelled if len({row[look.target] for row in rows}) > 1]


def _two_labels(look: Look, many: list[list[tuple[str, dict[str, Any]]]]) -> Iterator[Problem]:
    torn = _torn(look, many)
    if not torn:
        return
    n = sum(map(len, torn))
    a = torn[0][0]
    b = next(row for row in torn[0] if row[look.target] != a[look.target])
    yield Problem(
        "two labels",
        look.where(a["id"]),
        f"{count(len(torn), 'input occurs', 'inputs occur')} under more than one label ({n:,} rows); "
        f"{look.where(a['id'])} is {a[look.target]!r}, {look.where(b['id'])} is {b[look.target]!r}",
        "decide which label is right"
        if look.kind != "record"
        else "no model can be right on all: is a column missing?",
        "warning",
    )


def texts(look: Look) -> Iterator[Problem]:
    """Texts without words, very short ones, and single ones of a length far beyond the others."""
    if look.kind != "text":
        return
    lengths = np.fromiter((len(str(cell).strip()) for cell in look.column(SPLITS, look.input)), dtype=np.int64)
    if not len(lengths):
        return
    words = np.array([len(str(row[look.input]).split()) for row in look.sample((*LEARN, "test"), 2000)])
    middle = float(np.median(lengths))
    look.facts["text"] = {
        "signs": {"median": middle, "most": int(lengths.max())},
        "words": {"median": float(np.median(words)), "most": int(words.max())},
    }
    for short, name in ((lengths == 0, "empty"), ((lengths > 0) & (lengths <= SHORT_SIGNS), "of one or two signs")):
        if short.any():
            first = look.nth(SPLITS, int(np.flatnonzero(short)[0]))
            yield Problem(
                "short texts",
                look.where(first["id"]),
                f"{count(int(short.sum()), 'text is', 'texts are')} {name}",
                "fill or delete them: a model can only guess",
                "warning" if name == "empty" else "note",
            )
    long = lengths > LONG_TIMES * max(middle, 20)
    if long.any():
        first = look.nth(SPLITS, int(lengths.argmax()))
        yield Problem(
            "long texts",
            look.where(first["id"]),
            f"{count(int(long.sum()), 'text is', 'texts are')} more than {LONG_TIMES} times as long as most (the "
            f"longest has {int(lengths.max()):,} signs, half have at most {middle:,.0f})",
            "look whether a quotation mark was never closed; models cut long texts",
            "note",
        )


def images(look: Look) -> Iterator[Problem]:
    """A seeded sample of images: which cannot be decoded, their sizes, and whether grey and coloured ones are mixed."""
    if look.kind != "image":
        return
    sizes: Counter[tuple[int, int]] = Counter()
    colours: Counter[bool] = Counter()
    first: dict[tuple[int, int], str] = {}
    broken: dict[str, str] = {}
    seen = 0
    for row in look.sample((*LEARN, "test"), MOST_IMAGES if look.deadline is None else MOST_IMAGES_IN_HASTE):
        if look.late():
            break
        seen += 1
        try:
            found = _size(row[look.input])
        except DojoError as error:
            broken[row["id"]] = error.what
            continue
        y, x, colour = found
        sizes[y, x] += 1
        colours[colour] += 1
        first.setdefault((y, x), row["id"])
    yield from _broken(look, broken, seen)
    if not sizes:
        return
    yield from _uneven_sizes(look, sizes, first)
    look.facts["images"] |= {"colour": colours[True], "grey": colours[False]}
    if colours[True] and colours[False]:
        yield Problem(
            "image colours",
            "image",
            f"of {count(sizes.total(), 'image')} {colours[False]:,} are grey and {colours[True]:,} coloured",
            "does the colour give the class away?",
            "note",
        )


def _broken(look: Look, broken: dict[str, str], seen: int) -> Iterator[Problem]:
    """Images whose head is right and whose pixels are not: they are left out when a training packs them."""
    if broken:
        first, reason = next(iter(broken.items()))
        yield Problem(
            "broken images",
            look.where(first),
            f"{len(broken):,} of {count(seen, 'image')} looked at cannot be used; the first: {reason}",
            "mend or delete them; a run leaves them out and lists them in rejected.csv",
            "warning",
        )


def _uneven_sizes(look: Look, sizes: Counter[tuple[int, int]], first: dict[tuple[int, int], str]) -> Iterator[Problem]:
    """Areas that differ fourfold, or shapes that differ twofold."""
    areas = {size: size[0] * size[1] for size in sizes}
    small, large = min(areas, key=areas.__getitem__), max(areas, key=areas.__getitem__)
    look.facts["images"] = {"smallest": list(small), "largest": list(large), "sizes": len(sizes)}
    shapes = [y / x for y, x in sizes]
    n = sizes.total()
    if areas[large] >= 4 * areas[small] or max(shapes) >= 2 * min(shapes):
        yield Problem(
            "image sizes",
            look.where(first[small]),
            f"of {count(n, 'image')} the smallest has {small[1]} × {small[0]} pixels and the largest "
            f"{large[1]} × {large[0]} ({look.where(first[large])})",
            "they are brought to one size; check that the small ones are whole",
            "note",
        )


def _size(cell: Any) -> tuple[int, int, bool]:
    """(height, width, coloured) of the decoded pixels. Raises DataError for what cannot be decoded."""
    pixels = decode_image(cell)
    return pixels.shape[0], pixels.shape[1], pixels.ndim == 3
