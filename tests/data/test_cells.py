"""Columns parsed at once have the numbers that their cells have one by one."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deepdojo.data.cells import parse_number, parse_plain
from deepdojo.data.codecs.columns import Columns
from deepdojo.data.column_facts import describe

PLAIN = ["1", "2.5", " 3", "-4e3", "-0", "1e99", None, 5, 2.5, 7e-300]
ODD = ["1e101", "nan", "inf", "", "NA", "1_000", "1,000", float("nan"), True, "abc", "٣", "1e400", "0x10", 10**400, "?"]
CELLS = st.lists(st.sampled_from(PLAIN), max_size=5) | st.lists(st.sampled_from(PLAIN + ODD), max_size=5)


def number(cell):
    try:
        return parse_number(cell)
    except OverflowError:
        return None


@given(CELLS)
def test_the_same_numbers(cells):
    values = parse_plain(cells)
    if values is None:
        assert any(cell not in PLAIN or isinstance(cell, bool) for cell in cells)
        return
    wanted = [math.nan if cell is None else number(cell) for cell in cells]
    assert np.array_equal(values, np.array(wanted, dtype=np.float64), equal_nan=True)


@given(st.lists(st.sampled_from([cell for cell in PLAIN + ODD if cell != 10**400]), min_size=1, max_size=6))
def test_the_same_facts_and_inputs(cells):
    """A cell that is parsed alone decides nothing of another: columns in any order of rows are described alike."""
    assert describe(cells) == describe(iter(cells))
    records = [{"a": cell} for cell in cells]
    columns = Columns.fit(records)
    numbers, indices = columns.encode_all(records)
    for i, record in enumerate(records):
        one, word = columns.encode(record)
        assert np.array_equal(one, numbers[i])
        assert np.array_equal(word, indices[i])


def test_plain_columns_are_described_as_others_are():
    plain, odd = ["1", None, "2.0", "2.0"], ["1", None, "2.0", "2.0", "x"]
    facts, other = describe(plain), describe(odd)
    assert (facts.n, facts.missing, facts.distinct, facts.numbers, facts.words) == (4, 1, 2, 3, 0)
    assert (other.n, other.missing, other.distinct, other.numbers, other.words) == (5, 1, 3, 3, 1)
    assert facts.numeric
    assert facts.whole
