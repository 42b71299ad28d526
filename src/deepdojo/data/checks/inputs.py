"""Do inputs occur twice, in two splits, or under two labels? Are texts empty, images of very different sizes?"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

import numpy as np

from deepdojo.data.checks.look import LEARN, SPLITS, Look, Problem, count
from deepdojo.data.images import decode_image
from deepdojo.errors import DojoError

__all__ = ["duplicates", "images", "shared", "texts"]

SHORT_SIGNS = 2
LONG_TIMES = 50
MOST_IMAGES, MOST_IMAGES_IN_HASTE = 5000, 500


def key_of(row: Mapping[str, Any], name: str) -> int:
    """64 bits that are equal for equal inputs: pixels and shape, bytes of a file, text without blanks around it,
    cells."""
    cell = row[name]
    if isinstance(cell, np.ndarray):
        content = str(cell.shape).encode() + cell.tobytes()
    elif isinstance(cell, str):
        content = cell.strip().encode("utf-8", "surrogatepass")
    elif isinstance(cell, list | tuple):
        content = json.dumps(cell).encode()
    elif isinstance(cell, Mapping):
        content = repr(tuple(cell.values())).encode("utf-8", "surrogatepass")
    else:
        try:
            content = cell.read()
        except (DojoError, OSError):  # equal to nothing
            content = f"unreadable {row['id']}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little")


def key_of_row(look: Look, row: Mapping[str, Any]) -> int:
    """`key_of` over all columns that a model reads."""
    key = key_of(row, look.input)
    for name in look.beside:
        both = key.to_bytes(8, "little") + key_of(row, name).to_bytes(8, "little")
        key = int.from_bytes(blake2b(both, digest_size=8).digest(), "little")
    return key


def duplicates(look: Look) -> Iterator[Problem]:
    """Rows drawn in a seeded order until the time is up; held-out rows are compared by their input alone.

    Twelve bytes a row are kept: 64 bits of its input and its place. Different inputs have equal bits with probability
    n² / 2^65.
    """
    keys, drawn = array("Q"), array("I")
    for place, _, row in look.drawn("equal inputs"):
        keys.append(key_of_row(look, row))
        drawn.append(place)
    look.seen = len(keys)
    many = _equal(np.frombuffer(keys, dtype=np.uint64), np.frombuffer(drawn, dtype=np.uint32))
    of = {place: look.split_at(place) for group in many for place in group}
    within = [group for group in many if len({of[place] for place in group}) == 1]
    across = [group for group in many if len({of[place] for place in group}) > 1]
    look.facts["duplicates"] = {"within": sum(len(g) - 1 for g in within), "across": sum(len(g) for g in across)}
    torn = _torn(look, many)
    chance = look.seen**2 / 2.0**65
    yield from _across(look, across, alike=look.kind == "record" and bool(torn), chance=chance)
    if within:
        extra = sum(len(group) - 1 for group in within)
        first, second = (look.nth(SPLITS, place)["id"] for place in within[0][:2])
        yield Problem(
            "duplicates",
            look.where(first),
            f"{count(extra, 'row repeats', 'rows repeat')} the input of another row of the same split "
            f"({look.where(first)} and {look.where(second)})",
            "delete the repeats, or leave them if they are separate observations",
            "note",
            look.ids(place for group in within for place in group[:2]),
            chance,
        )
    yield from _two_labels(look, torn, chance)


def _equal(keys: np.ndarray, places: np.ndarray) -> list[list[int]]:
    """Places of rows with equal keys, in the order in which they were drawn."""
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], keys[order][1:] != keys[order][:-1]])) if len(keys) else order
    ends = np.append(starts[1:], len(keys))
    groups = [order[a:b] for a, b in zip(starts[ends - starts > 1], ends[ends - starts > 1], strict=True)]
    return [places[group].tolist() for group in sorted(groups, key=lambda group: int(group[0]))]


def _across(look: Look, across: list[list[int]], alike: bool, chance: float) -> Iterator[Problem]:
    """`alike`: equal records have different labels, so they are different things that look alike, not copies."""
    parted = [_by_split(look, group) for group in across]
    held_out = [group for group in parted if "test" in group]
    other = [group for group in parted if "test" not in group]
    for groups, part, name in ((held_out, "test", "held-out"), (other, "validation", "validation")):
        if not groups:
            continue
        n = sum(len(group[part]) for group in groups)
        pairs = [(group[part][0], next(group[split][0] for split in LEARN if split in group)) for group in groups[:2]]
        there, known = (look.nth(SPLITS, place)["id"] for place in pairs[0])
        of = len(look.rows[part])
        yield Problem(
            "duplicates across splits",
            look.where(there),
            f"{count(n, f'{name} row')} of {of:,} ({n / of:.1%}) {'has' if n == 1 else 'have'} the same input as a row "
            f"that is learned from ({look.where(known)})",
            "nothing, if they are different things that look alike (their labels differ, too)"
            if alike
            else "delete the repeats: a model is praised for what it has seen",
            "note" if alike else "warning",
            look.ids(place for pair in pairs for place in pair),
            chance,
        )


def _by_split(look: Look, group: list[int]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for place in group:
        found.setdefault(look.split_at(place), []).append(place)
    return found


def _torn(look: Look, many: list[list[int]]) -> list[list[int]]:
    """Training and validation rows of one input whose labels differ."""
    if look.target_kind not in ("label", "labels", "texts", "tokens"):  # a sentence has many translations
        return []
    known = sum(len(look.rows[split]) for split in LEARN)
    labelled = [[place for place in group if place < known] for group in many]
    return [group for group in labelled if len({look.answer(look.nth(LEARN, place)) for place in group}) > 1]


def _answer(look: Look, place: int) -> Any:
    """The label, or the tags."""
    cell = look.nth(LEARN, place)[look.target]
    return tuple(cell) if isinstance(cell, list) else cell


def _two_labels(look: Look, torn: list[list[int]], chance: float) -> Iterator[Problem]:
    if not torn:
        return
    n = sum(map(len, torn))
    first = torn[0][0]
    other = next(place for place in torn[0] if _answer(look, place) != _answer(look, first))
    a, b = look.nth(LEARN, first), look.nth(LEARN, other)
    one, two, what = _answer(look, first), _answer(look, other), ""
    if look.target_kind == "tokens":
        at = next((i for i, (x, y) in enumerate(zip(one, two, strict=False)) if x != y), 0)
        one, two, what = one[at], two[at], f"word {at + 1} of "
    yield Problem(
        "two labels",
        look.where(a["id"]),
        f"{count(len(torn), 'input occurs', 'inputs occur')} under more than one label ({n:,} rows); "
        f"{what}{look.where(a['id'])} is {one!r}, {what}{look.where(b['id'])} is {two!r}",
        "decide which label is right"
        if look.kind != "record"
        else "no model can be right on all: is a column missing?",
        "warning",
        (a["id"], b["id"]),
        chance,
    )


def shared(look: Look) -> Iterator[Problem]:
    """Further inputs that are a source (the contexts of questions) and stand both in a held-out row and in one that is
    learned from. The place in the week, or parts of speech, are no source: they repeat by nature."""
    for name in look.sources:
        learned = {key_of(row, name): row["id"] for split in LEARN for row in look.rows[split]}
        both = [(row["id"], key) for row in look.rows["test"] if (key := key_of(row, name)) in learned]
        if not both:
            continue
        there, key = both[0]
        n, of = len(both), len(look.rows["test"])
        yield Problem(
            "shared inputs",
            look.where(there),
            f"{count(n, 'held-out row')} of {of:,} ({n / of:.1%}) {'has' if n == 1 else 'have'} the {name} of a row "
            f"that is learned from ({look.where(learned[key])})",
            f"keep rows of one {name} on one side with split.group, or the score is too good for a new {name}",
            "warning",
            (there, learned[key]),
            (n + len(learned)) ** 2 / 2.0**65,
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
    for row in look.sample((*LEARN, "test"), MOST_IMAGES if not look.hasty else MOST_IMAGES_IN_HASTE):
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
