"""The common submission, read fast: a CSV of two columns, `id` and one of labels or numbers, without quotes.

Whatever is not quite that gives None, and the strict reader (`tables.read_table`) looks at it: it alone finds faults
and words them. What this reader does give, the strict one gives as well (tests compare the two on random files).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from deepdojo.columns import Coded, Numbers

__all__ = ["PlainReader"]

_LARGEST_BYTES = 1 << 25
_COMMA, _LINE_END = 44, 10
_WORD = 8  # bytes that are compared at once
_MOST_WORDS = 8
_MASKS = np.array([(1 << 8 * k) - 1 for k in range(_WORD + 1)], dtype=np.uint64)


class PlainReader:
    """Reads files for one event.

    Args:
        ids: the rows' ids in the answers' order.
        column: the name of the second column, of `kind` "label" or "number"; of another kind nothing is read.
        labels: those that may be predicted; None: any.
    """

    def __init__(self, ids: Sequence[str], column: str, kind: str, labels: Collection[str] | None) -> None:
        self.ids, self.kind, self.labels = list(ids), kind, labels
        self.place = {row_id: i for i, row_id in enumerate(ids)}
        self.head = f"id,{column}".encode()
        self.names = sorted(labels or ())
        self._id_sizes, self._id_words = _words([row_id.encode("utf-8", "surrogatepass") for row_id in ids])
        self._order, self._keys = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint64)
        known = [name.encode("utf-8", "surrogatepass") for name in self.names]
        if known and all(0 < len(name) <= _WORD for name in known):
            keys = _words(known)[1][0]
            self._order = np.argsort(keys)
            self._keys = keys[self._order]

    def read(self, data: bytes) -> Sequence[str] | Coded | Numbers | None:
        """The cells in the order of the ids, or None where the strict reader must look."""
        head = self.head
        if self.kind not in ("label", "number") or len(data) > _LARGEST_BYTES or not data.startswith(head):
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
        signs = np.frombuffer(data, dtype=np.uint8)
        at = np.flatnonzero((signs == _COMMA) | (signs == _LINE_END))
        commas, ends = at[::2], at[1::2]
        if len(commas) != len(self.ids) + 1 or len(ends) != len(commas):
            return None
        if not ((signs[commas] == _COMMA).all() and (signs[ends] == _LINE_END).all()):
            return None
        if len(self._keys) and self.kind == "label":
            found = self._by_words(data, commas, ends)
            if found is not None:
                return found
        return self._by_texts(data)

    def _by_words(self, data: bytes, commas: np.ndarray, ends: np.ndarray) -> Coded | None:
        """Ids in the expected order and short known labels: bytes compared eight at a time, no text is made."""
        starts, cells = ends[:-1] + 1, commas[1:] + 1
        if not np.array_equal(commas[1:] - starts, self._id_sizes):
            return None
        words = _windows(data)
        for number, wanted in enumerate(self._id_words):
            left = np.clip(self._id_sizes - _WORD * number, 0, _WORD)
            if not np.array_equal(words[np.minimum(starts + _WORD * number, len(data))] & _MASKS[left], wanted):
                return None
        sizes = ends[1:] - cells
        if (sizes > _WORD).any():
            return None
        keys = words[cells] & _MASKS[sizes]
        near = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        if not np.array_equal(self._keys[near], keys):
            return None
        return Coded(self._order[near], self.names)

    def _by_texts(self, data: bytes) -> Sequence[str] | Numbers | None:
        """Ids in any order, any labels, numbers."""
        try:
            parts = data.decode().replace("\n", ",").split(",")
        except UnicodeDecodeError:
            return None
        found, said = parts[2:-1:2], parts[3:-1:2]
        if found != self.ids:
            try:
                order = np.fromiter(map(self.place.__getitem__, found), dtype=np.int64, count=len(found))
            except KeyError:
                return None
            back = np.full(len(self.ids), -1)
            back[order] = np.arange(len(self.ids))
            if (back < 0).any():  # an id twice, another not at all
                return None
            said = [said[i] for i in back.tolist()]
        if self.kind == "number":
            return _numbers(said)
        seen = set(said)
        known = self.labels is None or seen.issubset(self.labels)
        return said if known and "" not in seen else None


def _words(texts: Sequence[bytes]) -> tuple[np.ndarray, list[np.ndarray]]:
    """(n,) sizes, and of each text its first, second, ... eight bytes as (n,) uint64, zeros behind its end."""
    sizes = np.array([len(text) for text in texts], dtype=np.int64)
    count = max(1, -(-int(sizes.max(initial=1)) // _WORD))
    if count > _MOST_WORDS:
        return np.full(len(texts), -1), []  # no file has ids of such sizes: the other way is taken
    padded = b"".join(text.ljust(count * _WORD, b"\0") for text in texts)
    table = np.frombuffer(padded, dtype="<u8").reshape(len(texts), count)
    return sizes, [table[:, k].astype(np.uint64) for k in range(count)]


def _windows(data: bytes) -> np.ndarray:
    """(len + 1,) uint64: the eight bytes from each place on, zeros behind the end."""
    padded = data + bytes(2 * _WORD)
    return np.ndarray((len(data) + 1,), dtype="<u8", buffer=padded, strides=(1,))


def _numbers(said: list[str]) -> Numbers | None:
    together = "".join(said)
    if "_" in together or not together.isascii():  # Python's float takes both, the strict reader neither
        return None
    try:
        values = np.fromiter(map(float, said), dtype=np.float64, count=len(said))
    except ValueError:
        return None
    return Numbers(values) if np.isfinite(values).all() else None
