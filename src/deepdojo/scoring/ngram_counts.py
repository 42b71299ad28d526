"""Texts as counts of n-grams, and how two of them overlap: what BLEU and chrF are sums of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["as_references", "ngrams", "overlap", "words_13a"]

T = TypeVar("T", str, tuple[str, ...])

_CUTS = [
    (re.compile(r"([\{-~\[-` -&\(-\+:-@/])"), r" \1 "),  # signs of ASCII but for . , - and '
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
]
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))


def words_13a(text: str) -> list[str]:
    """The words of a text as WMT has counted them since 2009: signs by themselves, full stops and commas too unless
    digits stand on both sides, a hyphen after a digit.

    Source: mteval-v13a.pl (NIST); Post 2018, "A call for clarity in reporting BLEU scores".
    """
    text = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, sign in _ENTITIES:
        text = text.replace(entity, sign)
    text = f" {text} "
    for pattern, parted in _CUTS:
        text = pattern.sub(parted, text)
    return text.split()


def ngrams(units: Sequence[str], order: int) -> list[Counter[tuple[str, ...]]]:
    """How often each n-gram occurs, for n = 1 ... order. Of a text: n-grams of its characters."""
    return [Counter(zip(*(units[i:] for i in range(n)), strict=False)) for n in range(1, order + 1)]


def overlap(found: Counter[tuple[str, ...]], wanted: Counter[tuple[str, ...]]) -> int:
    """n-grams of `found` that `wanted` has, each as often as in both."""
    if len(wanted) < len(found):
        found, wanted = wanted, found
    return sum(min(count, wanted[ngram]) for ngram, count in found.items() if ngram in wanted)


def as_references(cells: Sequence[str | Sequence[str]], change: Callable[[str], str]) -> list[list[str]]:
    """The right answers of each row, one or several."""
    return [[change(text) for text in ([cell] if isinstance(cell, str) else cell)] for cell in cells]
