"""The fast reader gives what the strict one gives, or nothing at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepdojo.columns import Numbers
from deepdojo.competition.worker.plain_csv import PlainReader
from deepdojo.errors import ScoreError
from deepdojo.tables import align, check_cells
from deepdojo.tables_io import read_bytes

IDS = ["r0", "r1", "a longer one", "ü3", "12345678", "r5" * 12]
LABELS = frozenset({"amber", "coral", "ä b", "1"})


def strict(data: bytes, kind: str, labels: frozenset[str] | None) -> list[object] | None:
    """What the strict way gives; None where it refuses."""
    try:
        table = read_bytes("mine.csv", data, {"value": kind}, {"value"})  # type: ignore[dict-item]
        check_cells(table, {"value": kind}, labels=labels)  # type: ignore[dict-item]
        return list(align(IDS, table).columns["value"])
    except ScoreError:
        return None


def check(data: bytes, kind: str, labels: frozenset[str] | None) -> bool:
    fast = PlainReader(IDS, "value", kind, labels).read(data)
    if fast is None:
        return False
    said = strict(data, kind, labels)
    if isinstance(fast, Numbers):
        assert said is not None
        assert np.array(said, dtype=np.float64).tobytes() == fast.values.tobytes()
    else:
        assert said == list(fast)
    return True


cells = st.sampled_from(
    ["amber", "coral", "ä b", "1", "1.5", "-0",
     "1e400", "nan", "1_0", " 2", "2 ", "١", "0x1", "", " ", '"amber"', "1,5",
     "a\tb", "amber\x0b", "\u2028", "\ufeff1", "1;2", "inf", "\x00", "\x85", "amber\r"]
)  # fmt: skip
ids = st.sampled_from([*IDS, "r9", "", " r1", '"r1"'])
ends = st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\r\r\n", ",\n", ""])
heads = st.sampled_from(["id,value", "id,value ", "id;value", "value,id", "ID,value", '"id","value"', "id,value,more"])


@settings(max_examples=600, deadline=None)
@given(
    st.one_of(st.just(IDS), st.permutations(IDS)),
    st.lists(cells, min_size=6, max_size=6), st.sampled_from(["\n", "\r\n"]),
    st.booleans(), st.sampled_from(["label", "number"]), st.sampled_from([LABELS, None]),
)  # fmt: skip
def test_whole_tables_read_as_the_strict_reader_reads_them(order, said, end, last, kind, labels):
    lines = ["id,value", *(f"{a},{b}" for a, b in zip(order, said, strict=True))]
    check((end.join(lines) + (end if last else "")).encode(), kind, labels)


@settings(max_examples=600, deadline=None)
@given(
    heads, st.lists(st.tuples(ids, cells, ends), max_size=8), st.sampled_from(["utf-8", "utf-16", "latin-1"]),
    st.sampled_from([b"", b"\xef\xbb\xbf", b"\n"]), st.sampled_from(["label", "number"]),
)  # fmt: skip
def test_odd_tables_are_never_read_differently(head, rows, encoding, mark, kind):
    text = head + "\n" + "".join(f"{a},{b}{end}" for a, b, end in rows)
    check(mark + text.encode(encoding, "replace"), kind, LABELS)


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 70))
def test_damaged_tables_are_never_read_differently(noise, at):
    good = ("id,value\n" + "".join(f"{name},1\n" for name in IDS)).encode()
    check(good[:at] + noise + good[at:], "number", None)
    check(good[:at] + noise + good[at:], "label", LABELS)


@pytest.mark.parametrize("kind", ["label", "number"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_common_file_takes_the_fast_way(kind: str, end: str):
    shuffled = [IDS[k] for k in (3, 0, 5, 1, 4, 2)]
    assert check(("id,value" + end + "".join(f"{name},1{end}" for name in shuffled)).encode(), kind, None)
    assert check(("id,value" + end + end.join(f"{name},1" for name in IDS)).encode(), kind, None)


def test_another_kind_of_cell_takes_the_strict_way():
    assert PlainReader(IDS, "value", "vector", None).read(b"id,value\nr0,[1]\n") is None
