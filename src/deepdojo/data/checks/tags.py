"""Tags of words: types that are rare or unknown in training, and tags that their scheme does not write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from deepdojo.chunks import SCHEMES, chunks_of, loose_tags, scheme_of
from deepdojo.data.checks.look import LEARN, Look, Problem, count, listed

__all__ = ["tags"]

RARE = 10
MOST_SENTENCES = 100_000


def tags(look: Look) -> Iterator[Problem]:
    """Of training and validation rows, where a row has a tag for each word."""
    contract = look.dataset.project.contract
    if look.target_kind != "tokens" or look.target not in contract.aligned:
        return
    rows = {split: look.rows[split][:MOST_SENTENCES] for split in LEARN}
    scheme = scheme_of([row[look.target] for row in rows["train"]])
    counts = {
        split: Counter(kind for row in of for kind, _, _ in chunks_of(row[look.target])) for split, of in rows.items()
    }
    types = {kind: {split: counts[split][kind] for split in LEARN} for kind, _ in counts["train"].most_common(100)}
    look.facts["tags"] = {
        "scheme": scheme, "words": {split: sum(len(row[look.target]) for row in of) for split, of in rows.items()},
        "types": types,
    }  # fmt: skip
    if not counts["train"]:
        yield Problem(
            "tags", f"column {look.target_column!r}", "no training row has a tag that is not O",
            "there is nothing to find: choose another column", "error",
        )  # fmt: skip
        return
    yield from _uneven(counts)
    yield from _loose(look, scheme)


def _uneven(counts: dict[str, Counter[str]]) -> Iterator[Problem]:
    unknown = sorted(set(counts["validation"]) - set(counts["train"]))
    if unknown:
        yield Problem(
            "tags", f"type {unknown[0]!r}",
            f"{count(len(unknown), 'type of tag is', 'types of tags are')} in the validation rows and not in the "
            f"training rows: {listed(unknown)}",
            "collect sentences with them: no model can learn what it has not seen", "warning",
        )  # fmt: skip
    rare = sorted(
        (kind for kind, n in counts["train"].items() if n < RARE), key=lambda kind: (counts["train"][kind], kind)
    )
    shown = [f"{kind} ({counts['train'][kind]})" for kind in rare]
    if rare:
        yield Problem(
            "rare tags", f"type {rare[0]!r}",
            f"{count(len(rare), 'type of tag stands', 'types of tags stand')} in the training rows fewer than {RARE} "
            f"times: {listed(shown)}",
            "collect more of them, or join them with others", "note",
        )  # fmt: skip


def _loose(look: Look, scheme: str) -> Iterator[Problem]:
    """Such as an I- that follows nothing."""
    if scheme not in SCHEMES:
        return
    found = [
        row for split in LEARN for row in look.rows[split][:MOST_SENTENCES] if loose_tags(row[look.target], scheme)
    ]
    if not found:
        return
    first = found[0]
    at = loose_tags(first[look.target], scheme)[0]
    before = first[look.target][at - 1] if at else "nothing"
    yield Problem(
        "loose tags", look.where(first["id"]),
        f"{count(len(found), 'sentence has', 'sentences have')} tags that {scheme.upper()} does not write so: word "
        f"{at + 1} of row {first['id']} is {first[look.target][at]!r} after {before!r}",
        "mend them; they are read as conlleval does: a chunk begins where none goes on", "warning",
        tuple(row["id"] for row in found[:5]),
    )  # fmt: skip
