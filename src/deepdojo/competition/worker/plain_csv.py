"""The common submission, read fast: a CSV of two columns, `id` and one of labels or numbers, without quotes.

Whatever is not quite that gives None, and the strict reader (`tables.read_table`) looks at it: it alone finds faults
and words them. What this reader does give, the strict one gives as well (tests compare the two on random files).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from deepdojo.columns import Numbers

__all__ = ["read_plain"]

_LARGEST_BYTES = 1 << 25
_COMMA, _LINE_END = 44, 10


def read_plain(
    data: bytes, column: str, kind: str, place: Mapping[str, int], ids: Sequence[str], labels: Collection[str] | None
) -> Sequence[str] | Numbers | None:
    """The cells of `column` in the order of `ids`, or None where the strict reader must look.

    Args:
        kind: "label" or "number"; other kinds give None.
        place: id -> its place in `ids`.
        labels: those that may be predicted; None: any.
    """
    head = f"id,{column}".encode()
    if kind not in ("label", "number") or len(data) > _LARGEST_BYTES or not data.startswith(head):
        return None
    if b'"' in data or b"\0" in data:
        return None
    if b"\r" in data:
        returns = data.count(b"\r")
        if returns != data.count(b"\r\n") or returns != data.count(b"\n"):
            return None
        data = data.replace(b"\r\n", b"\n")
    if not data.startswith(head + b"\n"):
        return None
    if not data.endswith(b"\n"):
        data += b"\n"
    if not _two_a_line(data):
        return None
    try:
        parts = data.decode().replace("\n", ",").split(",")
    except UnicodeDecodeError:
        return None
    return _cells(parts[2:-1:2], parts[3:-1:2], kind, place, ids, labels)


def _two_a_line(data: bytes) -> bool:
    """Whether commas and line ends take turns."""
    signs = np.frombuffer(data, dtype=np.uint8)
    signs = signs[(signs == _COMMA) | (signs == _LINE_END)]
    return bool(len(signs) % 2 == 0 and (signs[::2] == _COMMA).all() and (signs[1::2] == _LINE_END).all())


def _cells(
    found: list[str], said: list[str], kind: str, place: Mapping[str, int], ids: Sequence[str],
    labels: Collection[str] | None,
) -> Sequence[str] | Numbers | None:  # fmt: skip
    if len(found) != len(ids):
        return None
    if found != ids:
        try:
            order = np.fromiter(map(place.__getitem__, found), dtype=np.int64, count=len(found))
        except KeyError:
            return None
        back = np.full(len(ids), -1)
        back[order] = np.arange(len(ids))
        if (back < 0).any():  # an id twice, another not at all
            return None
        said = [said[i] for i in back.tolist()]
    if kind == "number":
        return _numbers(said)
    seen = set(said)
    known = "" not in seen if labels is None else seen.issubset(labels)
    return said if known and "" not in seen else None


def _numbers(said: list[str]) -> Numbers | None:
    if any("_" in cell for cell in said):
        return None
    try:
        values = np.fromiter(map(float, said), dtype=np.float64, count=len(said))
    except ValueError:
        return None
    return Numbers(values) if np.isfinite(values).all() else None
