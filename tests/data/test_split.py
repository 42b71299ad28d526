"""Splits: exact shares, equal inputs together, nothing moves when rows are added."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepdojo.data.spec import SplitSpec
from deepdojo.data.split import SPLITS, assign, sort_keys
from deepdojo.errors import ProjectError


def drawn(keys, classes=None, *, fixed=None, order=None, in_test=None, **split):
    codes = assign(
        keys,
        SplitSpec.model_validate(split),
        fixed=fixed or [None] * len(keys),
        classes=classes,
        order=order,
        in_test=in_test,
    )
    return [SPLITS[code] for code in codes]


KEYS = [f"row {i}" for i in range(1000)]


def test_the_default_shares():
    counts = Counter(drawn(KEYS))
    assert 160 < counts["test"] < 240
    assert 70 < counts["validation"] < 130
    assert counts == Counter(drawn(KEYS))


def test_added_rows_move_no_other_and_the_order_of_rows_does_not_count():
    before = dict(zip(KEYS, drawn(KEYS), strict=True))
    more = [f"new {i}" for i in range(300)] + KEYS[::-1]
    after = dict(zip(more, drawn(more), strict=True))
    assert all(after[key] == part for key, part in before.items())


def test_another_salt_draws_another_split():
    assert drawn(KEYS) != drawn(KEYS, salt="b")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=20, max_size=200), st.floats(0.1, 0.5), st.floats(0.05, 0.3))
def test_stratified_shares_are_exact_to_one_row(classes, test, validation):
    keys = [f"k{i}" for i in range(len(classes))]
    parts = drawn(keys, [str(c) for c in classes], fraction={"test": test, "validation": validation})
    total = Counter(parts)
    assert abs(total["test"] - test * len(keys)) <= 1
    assert abs(total["validation"] - validation * len(keys)) <= 1
    for c, n in Counter(classes).items():
        own = Counter(part for part, k in zip(parts, classes, strict=True) if k == c)
        assert abs(own["test"] - test * n) < 2  # rounding, and a row for a class that has too few
        assert abs(own["validation"] - validation * n) < 2


def test_equal_keys_are_never_parted_even_with_two_labels():
    keys = [f"k{i % 60}" for i in range(300)]
    classes = [str(i % 7 % 2) for i in range(300)]
    for split in ({}, {"folds": 5}):
        parts = drawn(keys, classes, **split)
        assert all(len({p for p, k in zip(parts, keys, strict=True) if k == key}) == 1 for key in set(keys))


def test_folds_cover_every_row_once_and_keep_the_classes():
    classes = [str(i % 3 == 0) for i in range(1000)]
    tested = []
    for fold in range(10):
        parts = drawn(KEYS, classes, folds=10, fold=fold)
        tested.append([i for i, part in enumerate(parts) if part == "test"])
        assert len(tested[-1]) == 100
        share = np.mean([classes[i] == "True" for i in tested[-1]])
        assert abs(share - 0.334) < 0.02
        assert abs(parts.count("validation") - 90) <= 1
    assert sorted(i for rows in tested for i in rows) == list(range(1000))


def test_given_parts_stay_and_validation_is_drawn_from_train():
    fixed = ["train"] * 700 + ["test"] * 300
    parts = drawn(KEYS, fixed=fixed, fraction={"validation": 0.2})
    assert parts[700:] == ["test"] * 300
    assert 100 < parts[:700].count("validation") < 180
    fixed = ["train"] * 600 + ["validation"] * 100 + ["test"] * 300
    assert drawn(KEYS, fixed=fixed) == fixed


def test_by_value():
    in_test = [i % 5 == 0 for i in range(1000)]
    parts = drawn(KEYS, in_test=in_test, test={"column": "c", "values": ["x"]})
    assert [part == "test" for part in parts] == in_test
    assert parts.count("validation") > 40
    with pytest.raises(ProjectError, match="no row is in the test part"):
        drawn(KEYS, in_test=[False] * 1000, test={"column": "c", "values": ["x"]})


def test_by_time_the_last_are_tested_and_one_time_is_never_parted():
    times = [i // 10 for i in range(1000)]
    rng = np.random.default_rng(0)
    order = [times[i] for i in rng.permutation(1000)]
    parts = drawn(KEYS, order=order, fraction={"test": 0.155, "validation": 0.1})
    latest = {
        part: max(t for t, p in zip(order, parts, strict=True) if p == part) for part in ("train", "validation", "test")
    }
    earliest = {part: min(t for t, p in zip(order, parts, strict=True) if p == part) for part in latest}
    assert latest["train"] < earliest["validation"] <= latest["validation"] < earliest["test"]
    assert parts.count("test") == 160


def test_tiny_data_leave_no_part_empty_or_say_so():
    for n in (3, 4, 7):
        for classes in (None, ["a"] * n):
            assert set(drawn(KEYS[:n], classes)) == {"train", "validation", "test"}
    with pytest.raises(ProjectError, match="2 different rows cannot be split"):
        drawn(KEYS[:2])
    with pytest.raises(ProjectError, match="cannot make 5 folds"):
        drawn(KEYS[:4], folds=5)


def test_times_are_read_in_the_form_that_fits_all():
    assert sort_keys(["3", "20", "100"], None).tolist() == [3.0, 20.0, 100.0]
    iso = sort_keys(["2024-02-01", "2024-01-31T23:00:00", "2024-01-31T23:30:00+01:00"], None)
    assert np.argsort(iso).tolist() == [2, 1, 0]
    days = sort_keys(["31.12.2023", "01.02.2024"], None)
    assert days[0] < days[1]
    january = sort_keys(["2024-01-13"], None)[0]
    assert sort_keys(["13/01/2024", "02/02/2024"], None)[0] == january
    with pytest.raises(ProjectError, match="the times may be"):
        sort_keys(["03/04/2024", "05/06/2024"], None)
    assert sort_keys(["03/04/2024"], "%m/%d/%Y")[0] == sort_keys(["2024-03-04"], None)[0]
    with pytest.raises(ProjectError, match="cannot be read, such as 'soon'"):
        sort_keys(["soon"], None)
    with pytest.raises(ProjectError, match="'soon' is not written as"):
        sort_keys(["2024", "soon"], "%Y")
