"""How texts go on, symbol by symbol: n-grams of training texts with Witten-Bell smoothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

__all__ = ["SymbolNgrams"]

END = -1
BEGIN = -2


@dataclass(frozen=True)
class SymbolNgrams:
    """p(s | h) = (c(h s) + t(h) p(s | h')) / (c(h) + t(h)), c counts, t(h) how many different symbols follow h, h' the
    history without its oldest symbol; below all 1 / (symbols + 1), so that nothing is impossible. The end of a text is
    a symbol too.

    Source: Witten & Bell 1991, "The zero-frequency problem", method C; interpolated as in Chen & Goodman 1999.

    Attributes:
        order: symbols of an n-gram, the last included.
        size: different symbols.
        grams: (history ..., symbol, count) of each n-gram that occurred, of all orders.
    """

    order: int
    size: int
    grams: tuple[tuple[int, ...], ...]

    @classmethod
    def fit(cls, texts: Sequence[Sequence[int]], *, order: int, size: int) -> SymbolNgrams:
        counts: dict[tuple[int, ...], int] = {}
        for text in texts:
            line = [*[BEGIN] * (order - 1), *text, END]
            for at in range(order - 1, len(line)):
                for n in range(order):
                    gram = tuple(line[at - n : at + 1])
                    counts[gram] = counts.get(gram, 0) + 1
        return cls(order, size, tuple((*gram, count) for gram, count in sorted(counts.items())))

    @cached_property
    def _followers(self) -> dict[tuple[int, ...], dict[int, int]]:
        found: dict[tuple[int, ...], dict[int, int]] = {}
        for *history, symbol, count in self.grams:
            found.setdefault(tuple(history), {})[symbol] = count
        return found

    @cached_property
    def _totals(self) -> dict[tuple[int, ...], tuple[int, int]]:
        return {history: (sum(of.values()), len(of)) for history, of in self._followers.items()}

    @cached_property
    def _known(self) -> dict[tuple[tuple[int, ...], int], float]:
        return {}

    def log_p(self, text: Sequence[int], symbol: int = END) -> float:
        """ln p of a symbol (or of the end) after a text."""
        history = tuple([*[BEGIN] * (self.order - 1), *text][len(text) :]) if self.order > 1 else ()
        found = self._known.get((history, symbol))
        if found is None:
            found = self._known[history, symbol] = math.log(self._p(history, symbol))
        return found

    def _p(self, history: tuple[int, ...], symbol: int) -> float:
        lower = self._p(history[1:], symbol) if history else 1.0 / (self.size + 1)
        totals = self._totals.get(history)
        if totals is None:
            return lower
        count, kinds = totals
        return (self._followers[history].get(symbol, 0) + kinds * lower) / (count + kinds)
