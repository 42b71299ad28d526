"""Which row is in which part. Decided by hashes: no seed, and a row that is added moves no other (stratified: hardly
any)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import compress
from typing import Any

import numpy as np

from deepdojo.data.cells import parse_number
from deepdojo.data.rowset import hash_of
from deepdojo.data.spec import SplitSpec
from deepdojo.errors import ProjectError

__all__ = ["SPLITS", "TIME_FORMATS", "assign", "fractions", "sort_keys"]

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")
DEFAULT_TEST, DEFAULT_VALIDATION = 0.2, 0.1
_NONE = 255
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIME_FORMATS = (
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
    fixed: Iterable[str | None],
    classes: Iterable[str] | None = None,
    order: Sequence[float] | np.ndarray | None = None,
    in_test: Iterable[bool] | None = None,
    ids: Iterable[str] | None = None,
) -> np.ndarray:
    """The part of each row, as its place in `SPLITS`: (n,) uint8.

    Args:
        keys: what is hashed: the id, the input or the group of a row. Rows of one key are always in one part.
        fixed: the part that [data.split] gives. Rows of a given train part may still become validation (or test,
            where that is not given); other given parts stay.
        classes: for a stratified split; each class gets its share to within one row, in the order of the hashes.
        order: sortable values (`sort_keys`); the last rows are tested on.
        in_test: for a split by the value of a column.
        ids: of the rows, for `validation_by = "rows"`.

    Raises:
        ProjectError: too few rows for the parts that are asked for.

    Cost: every argument is walked through once or twice and never kept; some 50 bytes a row while this runs.
    """
    number: dict[str | None, int] = {None: _NONE, **{part: code for code, part in enumerate(SPLITS)}}
    given = np.fromiter((number[part] for part in fixed), dtype=np.uint8, count=len(keys))
    result = np.where(given == _NONE, 0, given).astype(np.uint8)
    pool = (given == _NONE) | (given == 0)
    test, validation = fractions(split, test_given=bool((given == 2).any()), validation_given=bool((given == 1).any()))
    single = split.validation_by == "rows" and split.group is not None and ids is not None
    share, validation = validation, 0.0 if single else validation
    if in_test is not None:
        _by_value(result, pool, np.fromiter(in_test, dtype=bool, count=len(keys)))
    if order is not None:
        _by_order(result, np.flatnonzero(pool), np.asarray(order)[pool], test, validation)
        return result
    units = _Units(keys, classes, pool, split.salt)
    everyone = np.arange(len(units.place))
    if split.folds is not None:
        of_unit = np.where(units.dealt(split.folds) == split.fold, 2, 0).astype(np.uint8)
        rest = everyone[of_unit == 0]
        units.hash(split.salt + "validation")
        of_unit[rest] = units.drawn({1: validation}, rest)
    else:
        of_unit = units.drawn({2: test, 1: validation}, everyone)
    result[pool] = of_unit[units.of_row]
    if single:
        assert ids is not None
        places = np.array([_unit_interval(f"{split.salt}validation\0{key}") for key in ids])
        result[pool & (result == 0) & (places < share)] = 1
    return result


def _by_value(result: np.ndarray, pool: np.ndarray, in_test: np.ndarray) -> None:
    """Marks the test part, and takes it out of the pool."""
    result[pool & in_test] = 2
    pool &= ~in_test
    if not (result == 2).any() or not pool.any():
        which = "no row is" if pool.any() else "all rows are"
        raise ProjectError(f"{which} in the test part", where="split.test", todo="look at the values of that column")


class _Units:
    """Distinct keys of the rows in the pool, each with its place in 0..1 by a hash, and its class.

    Attributes:
        of_row: (rows of the pool,) the unit of each. place, label: (units,).
    """

    def __init__(self, keys: Sequence[str], classes: Iterable[str] | None, pool: np.ndarray, salt: str) -> None:
        self.keys, self.pool, self.stratified = keys, pool, classes is not None
        rows = int(pool.sum())
        ids = np.fromiter((hash_of(key) for key in compress(keys, pool)), dtype=np.uint64, count=rows)
        self.ids, self.first, self.of_row = np.unique(ids, return_index=True, return_inverse=True)
        self.label = np.zeros(len(self.ids), dtype=np.int64)
        if classes is not None:
            self.label = self._labels(compress(classes, pool), rows)
        self.hash(salt)

    def _labels(self, classes: Iterable[str], rows: int) -> np.ndarray:
        """(units,) the class of each, numbered by name. Of a key with several classes the commonest counts, then the
        first by name: never the order of the rows."""
        number: dict[str, int] = {}
        codes = np.fromiter((number.setdefault(c, len(number)) for c in classes), dtype=np.int64, count=rows)
        rank = np.empty(len(number), dtype=np.int64)
        rank[[number[name] for name in sorted(number)]] = np.arange(len(number))
        codes = rank[codes]
        if len(self.ids) == rows:
            return codes[self.first]
        pairs, votes = np.unique(self.of_row * max(1, len(number)) + codes, return_counts=True)
        unit, label = np.divmod(pairs, max(1, len(number)))
        best = np.lexsort((label, -votes, unit))
        return label[best][np.unique(unit[best], return_index=True)[1]]

    def hash(self, salt: str) -> None:
        """Places by the hash of each key with this salt."""
        places = (_unit_interval(f"{salt}\0{key}") for key in compress(self.keys, self.pool))
        self.place = np.fromiter(places, dtype=np.float64, count=len(self.of_row))[self.first]

    def ordered(self, units: np.ndarray) -> np.ndarray:
        return units[np.lexsort((self.ids[units], self.place[units]))]

    def by_class(self, units: np.ndarray) -> list[np.ndarray]:
        """The units of each class, classes by name, units by their places."""
        order = self.ordered(units)
        order = order[np.argsort(self.label[order], kind="stable")]
        return np.split(order, np.flatnonzero(np.diff(self.label[order])) + 1) if len(order) else []

    def drawn(self, shares: Mapping[int, float], units: np.ndarray) -> np.ndarray:
        """(units,) the part of each of some units; 0, train, for the rest."""
        wanted = {part: share for part, share in shares.items() if share > 0}
        if len(units) < len(wanted) + 1:
            names = ", ".join(SPLITS[part] for part in (0, *wanted))
            raise ProjectError(f"{len(units)} different rows cannot be split into {names}", todo="give more data")
        parts = np.zeros(len(self.ids), dtype=np.uint8)
        (self._exact if self.stratified else self._by_threshold)(parts, wanted, units)
        order = self.ordered(units)
        for part in wanted:  # tiny data: no part stays empty
            if not (parts[order] == part).any():
                counts = np.bincount(parts[order], minlength=3)
                free = order[parts[order] == 0]
                parts[free[0] if len(free) else order[counts[parts[order]] > 1][0]] = part
        if (parts[order] != 0).all():
            counts = np.bincount(parts[order], minlength=3)
            parts[order[counts[parts[order]] > 1][-1]] = 0
        return parts[units]

    def _by_threshold(self, parts: np.ndarray, wanted: Mapping[int, float], units: np.ndarray) -> None:
        low = 0.0
        for part, share in wanted.items():
            parts[units[(low <= self.place[units]) & (self.place[units] < low + share)]] = part
            low += share

    def _exact(self, parts: np.ndarray, wanted: Mapping[int, float], units: np.ndarray) -> None:
        groups = self.by_class(units)
        taken = [0] * len(groups)
        for part, share in wanted.items():
            before = given = 0
            # The second round, for what small classes could not give, takes from those that have rows left.
            for g, group in [*enumerate(groups), *enumerate(groups)]:
                # Rounding the running total, not each class: the part as a whole then has its share too.
                before = min(before + len(group), len(units))
                own = group[taken[g] : taken[g] + round(before * share) - given]
                parts[own] = part
                taken[g] += len(own)
                given += len(own)

    def dealt(self, folds: int) -> np.ndarray:
        """(units,) the fold of each, like cards: sizes differ by one at most, within classes too."""
        if len(self.ids) < folds:
            raise ProjectError(f"{len(self.ids)} different rows cannot make {folds} folds", where="split.folds")
        everyone = np.arange(len(self.ids))
        order = np.concatenate(self.by_class(everyone)) if self.stratified else self.ordered(everyone)
        fold = np.empty(len(order), dtype=np.int64)
        fold[order] = np.arange(len(order)) % folds
        return fold


def _unit_interval(text: str) -> float:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def _by_order(result: np.ndarray, pool: np.ndarray, values: np.ndarray, test: float, validation: float) -> None:
    """The last share is tested on, the one before it is validation; rows of one time are never parted."""
    order = np.argsort(values, kind="stable")
    later = len(order)
    for part, share in ((2, test), (1, validation)):
        if share <= 0:
            continue
        cut = max(0, later - max(1, round(len(order) * share)))
        while 0 < cut < later and values[order[cut - 1]] == values[order[cut]]:
            cut -= 1
        if cut == 0:
            raise ProjectError(
                "no earlier rows are left to train on", where="split.order", todo="give smaller fractions"
            )
        result[pool[order[cut:later]]] = part
        later = cut


def sort_keys(cells: Sequence[Any], form: str | None) -> np.ndarray:
    """Cells of a column of times -> (n,) float64 that sort in time: numbers, ISO dates, or the one usual form that fits
    all.

    Raises:
        ProjectError: no form fits, or several do (03/04/2024 is a day in March or in April).
    """
    if form is not None:
        parsed = _parsed(cells, form)
        if parsed is None:
            odd = next(text for text in map(_text, cells) if _parsed([text], form) is None)
            raise ProjectError(f"the time {odd!r} is not written as {form!r}", where="split.order_format")
        return parsed
    for read in (parse_number, _iso):
        found = _all_read(cells, read)
        if found is not None:
            return found
    fitting = [f for f in TIME_FORMATS if _parsed([cells[0]], f) is not None and _parsed(cells, f) is not None]
    if len(fitting) == 1:
        parsed = _parsed(cells, fitting[0])
        assert parsed is not None
        return parsed
    if fitting:
        raise ProjectError(
            f"the times may be {' or '.join(fitting)}", where="split.order", todo="give split.order_format"
        )
    raise ProjectError(
        f"the times cannot be read, such as {_text(cells[0])!r}", where="split.order", todo="give split.order_format"
    )


def _text(cell: Any) -> str:
    return str(cell).strip()


def _all_read(cells: Sequence[Any], read: Callable[[str], float | None]) -> np.ndarray | None:
    """The value of each cell, or None where one has none."""
    found = np.empty(len(cells))
    for i, cell in enumerate(cells):
        value = read(_text(cell))
        if value is None:
            return None
        found[i] = value
    return found


def _parsed(cells: Sequence[Any], form: str) -> np.ndarray | None:
    def read(text: str) -> float | None:
        try:
            return (datetime.strptime(text, form).replace(tzinfo=UTC) - _EPOCH).total_seconds()
        except ValueError:
            return None

    return _all_read(cells, read)


def _iso(text: str) -> float | None:
    """Seconds; times with and without a zone do not compare, so without one they count as UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
