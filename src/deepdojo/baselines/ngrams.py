"""Which n-grams occur in which text: a sparse matrix counted by numpy on hashed keys, without vocabulary or tokenizer.

Words are runs of letters and digits (apostrophes inside stay) and single other signs. Characters are taken inside
blank-separated words, each with a blank before and after, so a text in Chinese, which has no blanks, works as it
stands.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from deepdojo.data.codecs.ngrams import windows

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["BUCKETS", "character_ngrams", "word_ngrams"]

BUCKETS = 1 << 22
"""Columns before rare ones are dropped. 10,000 sentences have half a million n-grams, so few of them share a column."""

WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")


def word_ngrams(texts: Sequence[str], low: int, high: int) -> csr_matrix:
    """Presence of word n-grams, low <= n <= high.

    Returns: (rows, BUCKETS) csr_matrix float32 of 0 and 1. Columns are hashes: the same n-gram has the same column in
    every call.
    Source: Wang and Manning 2012, Baselines and Bigrams, section 4 (binarized n-grams).
    """
    code: dict[str, int] = {}
    codes: list[int] = []
    lengths = []
    for text in texts:
        words = WORD.findall(text.lower())
        lengths.append(len(words))
        for word in words:
            if word not in code:
                code[word] = zlib.crc32(word.encode("utf-8", "surrogatepass")) + 1
            codes.append(code[word])
    return _presence(np.array(codes, dtype=np.uint64), np.array(lengths, dtype=np.int64), low, high, None)


def character_ngrams(texts: Sequence[str], low: int, high: int) -> csr_matrix:
    """Presence of character n-grams that do not run over a blank; a blank counts at either end of a word.

    Returns: (rows, BUCKETS) csr_matrix float32 of 0 and 1, columns as in `word_ngrams` (of another hash).
    """
    padded = [f" {' '.join(words)} " if (words := text.lower().split()) else "" for text in texts]
    lengths = np.array([len(text) for text in padded], dtype=np.int64)
    # "utf-32-le" gives one code point per character; a lone surrogate, which bad decoding leaves, passes through.
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    return _presence(codes, lengths, low, high, codes == ord(" "))


def _presence(codes: np.ndarray, lengths: np.ndarray, low: int, high: int, blank: np.ndarray | None) -> csr_matrix:
    """1 in the column of each window of `low` to `high` codes inside one row (and, with `blank`, inside one word)."""
    from scipy.sparse import csr_matrix

    row = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
    keys = [np.empty(0, dtype=np.int64)]
    for _, starts, hashes in windows(codes, row, low, high, blank):
        keys.append(row[starts] * BUCKETS + (hashes & np.uint64(BUCKETS - 1)).astype(np.int64))
    ordered = np.sort(np.concatenate(keys))  # not np.unique, which hashes: four times slower here
    unique = ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered
    rows, columns = unique // BUCKETS, unique % BUCKETS
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(lengths)))])
    shape = (len(lengths), BUCKETS)
    return csr_matrix((np.ones(len(columns), dtype=np.float32), columns.astype(np.int32), offsets), shape=shape)
