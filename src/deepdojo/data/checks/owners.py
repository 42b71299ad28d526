"""Whether rows of one patient, speaker or film stand on both sides, where a column or a file's name says whose they
are. For every task; `groups` looks at the features of tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deepdojo.data.cells import is_missing
from deepdojo.data.checks.look import SPLITS, Look, Problem, count
from deepdojo.data.group_names import owner_in_name

__all__ = ["owners"]

NAMED_SHARE = 0.5
"""Of the files: fewer with such a name are a coincidence."""


def owners(look: Look) -> Iterator[Problem]:
    """Columns beside the task's own that are called like a group, and files that are named after one."""
    if look.dataset.groups("test") is not None:
        return
    known = set(look.rows["train"][0][look.input]) if look.kind == "record" and len(look.rows["train"]) else set()
    for name in getattr(look.dataset, "beside_names", ()):
        if name not in known:  # of a table's features `groups` knows more
            todo = f'set split.group = "{name}" (`dojo new --group {name}`), or the score is too good'
            parts = {split: look.dataset.beside(split, name) for split in SPLITS}
            yield from _torn(f"column {name!r}", f"column {name!r}", parts, todo)
    yield from _in_file_names(look)


def _in_file_names(look: Look) -> Iterator[Problem]:
    """Of rows that are files, whose id is their path."""
    reader_of = getattr(getattr(getattr(look.dataset.project, "spec", None), "data", None), "reader_of", None)
    if look.named or reader_of is None or reader_of() not in ("files", "sounds", "skeletons"):
        return
    found = {split: [owner_in_name(row["id"]) for row in look.rows[split]] for split in SPLITS}
    words = {one[0] for owners in found.values() for one in owners if one is not None}
    for word in sorted(words):
        parts = {s: [one[1] if one is not None and one[0] == word else None for one in found[s]] for s in SPLITS}
        if sum(cell is not None for cells in parts.values() for cell in cells) < NAMED_SHARE * look.total:
            continue
        before = look.dataset.project.spec.data.pattern
        pattern = f"{before}.*?" if before else ""
        pattern += f"(?P<{word}>{word}[ _-]?\\d+)"
        todo = f"set data.pattern = '{pattern}' and split.group = \"{word}\", or the score is too good"
        yield from _torn(f"the {word} in the files' names", "the files' names", parts, todo)


def _torn(what: str, where: str, parts: Mapping[str, Sequence[Any]], todo: str) -> Iterator[Problem]:
    """A warning where values stand both among the rows to learn from and the held-out ones."""
    sets = {split: {str(cell) for cell in cells if not is_missing(cell)} for split, cells in parts.items()}
    learned, tested = sets["train"] | sets["validation"], sets["test"]
    both, everyone = learned & tested, learned | tested
    rows = sum(not is_missing(cell) for cells in parts.values() for cell in cells)
    if not both or len(everyone) <= 2 or rows < 2 * len(everyone):
        return
    inside = sum(str(cell) in both for cell in parts["test"])
    yield Problem(
        "groups",
        where,
        f"{what} has {count(len(everyone), 'value')}, about {rows / len(everyone):.1f} rows each, and "
        f"{inside:,} of {len(parts['test']):,} held-out rows share theirs with rows that are learned from",
        todo,
        "warning",
        false_alarm=None,
    )
