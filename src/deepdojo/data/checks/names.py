"""Tasks that compare pictures: how many names there are to learn from, and whether those that are asked for are new."""

from __future__ import annotations

from collections.abc import Iterator

from deepdojo.data.checks.look import Look, Problem, count
from deepdojo.data.gallery import Gallery
from deepdojo.data.rowset import counts_of

__all__ = ["names"]

FEW = 10
LOOKED_AT = 200


def names(look: Look) -> Iterator[Problem]:
    """Names of training rows against those of galleries of held-out rows; a pair does not tell its names."""
    learned = counts_of(look.rows["train"], "label")
    look.seen = look.total
    look.facts["names"] = len(learned)
    single = [name for name, n in learned.items() if n < 2]
    if single:
        yield Problem(
            "names", "label",
            f"{count(len(single), 'name has', 'names have')} one picture to learn from ({', '.join(single[:3])}"
            f"{', …' if len(single) > 3 else ''}), and nothing to compare it with",
            "give more pictures of each; those of one are left out", "warning",
        )  # fmt: skip
    if len(learned) < FEW:
        what = f"there are {count(len(learned), 'name')} to learn from, and what is alike is learned from many"
        yield Problem("names", "label", what, "give pictures of more names", "warning")
    galleries = [cell for row in look.rows["test"][:LOOKED_AT] for cell in row.values() if isinstance(cell, Gallery)]
    asked = {name for gallery in galleries for name in gallery.names}
    known = asked & set(learned)
    if known:
        what = f"{len(known)} of the {len(asked)} names that are asked for are also learned from"
        todo = "the score is of known names, not of new ones; keep names apart if it shall be of new ones"
        yield Problem("names", "label", what, todo, "note")
