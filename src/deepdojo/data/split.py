"""Which row is in which part. Decided by hashes: no seed, and a row that is added moves no other (stratified: hardly
any)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from deepdojo.data.cells import parse_number
from deepdojo.data.spec import SplitSpec
from deepdojo.errors import ProjectError

__all__ = ["assign", "fractions", "sort_keys"]

TRAIN, VALIDATION, TEST = "train", "validation", "test"
DEFAULT_TEST, DEFAULT_VALIDATION = 0.2, 0.1
_FORMATS = (
    "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y%m%d",
    "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S",
)  # fmt: skip


def fractions(split: SplitSpec, *, test_given: bool, validation_given: bool) -> tuple[float, float]:
    """(test, validation): shares of the rows that are still to be split."""
    given = split.fraction or {}
    elsewhere = test_given or split.test is not None or split.folds is not None
    test = 0.0 if elsewhere else given.get("test", DEFAULT_TEST if split.fraction is None else 0.0)
    validation = 0.0 if validation_given else given.get("validation", DEFAULT_VALIDATION)
    return test, validation


def assign(
    keys: Sequence[str],
    split: SplitSpec,
    *,
    fixed: Sequence[str | None],
    classes: Sequence[str] | None = None,
    order: Sequence[Any] | None = None,
    in_test: Sequence[bool] | None = None,
) -> list[str]:
    """The part of each row.

    Args:
        keys: what is hashed: the id, the input or the group of a row. Rows of one key are always in one part.
        fixed: the part that [data.split] gives. Rows of a given train part may still become validation (or test,
            where that is not given); other given parts stay.
        classes: for a stratified split; each class gets its share to within one row, in the order of the hashes.
        order: sortable values (`sort_keys`); the last rows are tested on.
        in_test: for a split by the value of a column.

    Raises:
        ProjectError: too few rows for the parts that are asked for.
    """
    result = [part or TRAIN for part in fixed]
    pool = [i for i, part in enumerate(fixed) if part in (None, TRAIN)]
    test, validation = fractions(split, test_given=TEST in fixed, validation_given=VALIDATION in fixed)
    if in_test is not None:
        pool = _by_value(result, pool, in_test)
    if order is not None:
        _by_order(result, pool, [order[i] for i in pool], test, validation)
        return result
    units = _Units([keys[i] for i in pool], None if classes is None else [classes[i] for i in pool], split.salt)
    if split.folds is not None:
        fold_of = units.dealt(split.folds)
        parts = {key: TEST for key, fold in fold_of.items() if fold == split.fold}
        rest = units.without(parts, salt=split.salt + "validation")
        parts |= rest.drawn({VALIDATION: validation})
    else:
        parts = units.drawn({TEST: test, VALIDATION: validation})
    for i in pool:
        result[i] = parts.get(keys[i], TRAIN)
    return result


def _by_value(result: list[str], pool: Sequence[int], in_test: Sequence[bool]) -> list[int]:
    """Marks the test part; gives the rows that are left."""
    for i in pool:
        if in_test[i]:
            result[i] = TEST
    rest = [i for i in pool if not in_test[i]]
    if TEST not in result or not rest:
        which = "no row is" if rest else "all rows are"
        raise ProjectError(f"{which} in the test part", where="split.test", todo="look at the values of that column")
    return rest


class _Units:
    """Distinct keys in the order of their hashes, each with its class."""

    def __init__(self, keys: Sequence[str], classes: Sequence[str] | None, salt: str) -> None:
        self.stratified = classes is not None
        self.class_of = dict(zip(keys, classes if classes is not None else [""] * len(keys), strict=True))
        if classes is not None and len(self.class_of) < len(keys):
            votes: dict[str, Counter[str]] = {key: Counter() for key in self.class_of}
            for key, name in zip(keys, classes, strict=True):
                votes[key][name] += 1
            # Of a key with several classes the commonest counts, then the first by name: never the order of the rows.
            self.class_of = {key: min(v, key=lambda c: (-v[c], c)) for key, v in votes.items()}
        self._hash(salt)

    def _hash(self, salt: str) -> None:
        self.place = {key: _unit_interval(f"{salt}\0{key}") for key in self.class_of}
        self.keys = sorted(self.class_of, key=lambda key: (self.place[key], key))

    def without(self, keys: Mapping[str, str], *, salt: str) -> _Units:
        """The other units, in the order of another hash."""
        rest = _Units([], [] if self.stratified else None, salt)
        rest.class_of = {key: c for key, c in self.class_of.items() if key not in keys}
        rest._hash(salt)
        return rest

    def by_class(self) -> list[list[str]]:
        groups: dict[str, list[str]] = {}
        for key in self.keys:
            groups.setdefault(self.class_of[key], []).append(key)
        return [groups[name] for name in sorted(groups)]

    def drawn(self, shares: Mapping[str, float]) -> dict[str, str]:
        """Key -> part, for the parts beside train; the rest stays there."""
        wanted = {part: share for part, share in shares.items() if share > 0}
        if len(self.keys) < len(wanted) + 1:
            raise ProjectError(
                f"{len(self.keys)} different rows cannot be split into {', '.join(['train', *wanted])}",
                todo="give more data",
            )
        parts = self._exact(wanted) if self.stratified else self._by_threshold(wanted)
        for part in wanted:  # tiny data: no part stays empty
            if part not in parts.values():
                counts = Counter(parts.values())
                free = next((key for key in self.keys if key not in parts), None)
                taken = free or next(key for key in self.keys if counts[parts[key]] > 1)
                parts[taken] = part
        if len(parts) == len(self.keys):
            del parts[next(key for key in reversed(self.keys) if Counter(parts.values())[parts[key]] > 1)]
        return parts

    def _by_threshold(self, wanted: Mapping[str, float]) -> dict[str, str]:
        parts: dict[str, str] = {}
        low = 0.0
        for part, share in wanted.items():
            for key in self.keys:
                if low <= self.place[key] < low + share:
                    parts[key] = part
            low += share
        return parts

    def _exact(self, wanted: Mapping[str, float]) -> dict[str, str]:
        parts: dict[str, str] = {}
        groups = self.by_class()
        taken = [0] * len(groups)
        for part, share in wanted.items():
            before = given = 0
            # The second round, for what small classes could not give, takes from those that have rows left.
            for g, group in [*enumerate(groups), *enumerate(groups)]:
                # Rounding the running total, not each class: the part as a whole then has its share too.
                before = min(before + len(group), len(self.keys))
                own = group[taken[g] : taken[g] + round(before * share) - given]
                parts |= dict.fromkeys(own, part)
                taken[g] += len(own)
                given += len(own)
        return parts

    def dealt(self, folds: int) -> dict[str, int]:
        """Key -> fold, like cards: sizes differ by one at most, within classes too."""
        if len(self.keys) < folds:
            raise ProjectError(f"{len(self.keys)} different rows cannot make {folds} folds", where="split.folds")
        order = [key for group in (self.by_class() if self.stratified else [self.keys]) for key in group]
        return {key: i % folds for i, key in enumerate(order)}


def _unit_interval(text: str) -> float:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def _by_order(result: list[str], pool: Sequence[int], values: Sequence[Any], test: float, validation: float) -> None:
    """The last share is tested on, the one before it is validation; rows of one time are never parted."""
    order = sorted(range(len(pool)), key=lambda j: values[j])
    n = len(order)
    later = n
    for part, share in ((TEST, test), (VALIDATION, validation)):
        if share <= 0:
            continue
        cut = max(0, later - max(1, round(n * share)))
        while 0 < cut < later and values[order[cut - 1]] == values[order[cut]]:
            cut -= 1
        if cut == 0:
            raise ProjectError(
                "no earlier rows are left to train on", where="split.order", todo="give smaller fractions"
            )
        for j in order[cut:later]:
            result[pool[j]] = part
        later = cut


def sort_keys(cells: Sequence[Any], form: str | None) -> list[Any]:
    """Cells of a column of times -> values that sort in time: numbers, ISO dates, or the one usual form that fits all.

    Raises:
        ProjectError: no form fits, or several do (03/04/2024 is a day in March or in April).
    """
    texts = [str(cell).strip() for cell in cells]
    if form is not None:
        parsed = _parsed(texts, form)
        if parsed is None:
            odd = next(t for t in texts if _parsed([t], form) is None)
            raise ProjectError(f"the time {odd!r} is not written as {form!r}", where="split.order_format")
        return parsed
    numbers = [parse_number(text) for text in texts]
    if all(number is not None for number in numbers):
        return numbers
    iso = _iso(texts)
    if iso is not None:
        return iso
    fitting = [f for f in _FORMATS if _parsed(texts[:1], f) is not None and _parsed(texts, f) is not None]
    if len(fitting) == 1:
        return _parsed(texts, fitting[0]) or []
    if fitting:
        raise ProjectError(
            f"the times may be {' or '.join(fitting)}", where="split.order", todo="give split.order_format"
        )
    raise ProjectError(
        f"the times cannot be read, such as {texts[0]!r}", where="split.order", todo="give split.order_format"
    )


def _parsed(texts: Sequence[str], form: str) -> list[datetime] | None:
    try:
        return [datetime.strptime(text, form) for text in texts]
    except ValueError:
        return None


def _iso(texts: Sequence[str]) -> list[float] | None:
    try:
        moments = [datetime.fromisoformat(text) for text in texts]
    except ValueError:
        return None
    # Times with and without a zone do not compare; without one they count as UTC.
    from datetime import UTC

    return [(m if m.tzinfo is not None else m.replace(tzinfo=UTC)).timestamp() for m in moments]
