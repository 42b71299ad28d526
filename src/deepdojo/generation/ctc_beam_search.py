"""The most probable text under CTC, alignments summed: prefix beam search, if wished with n-grams.

Dimensions: S frames, V symbols with the blank.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from deepdojo.data.codecs.symbol_ngrams import SymbolNgrams
from deepdojo.errors import UsageError

__all__ = ["ctc_beam_search"]

_NEVER = -math.inf
_LEAST = 1e-4
"""Symbols that are less probable than this in a frame begin nothing new there; the best one always may."""


def ctc_beam_search(
    logs: Float[np.ndarray, "S V"],
    *,
    beams: int = 8,
    blank: int = 0,
    ngrams: SymbolNgrams | None = None,
    weight: float = 0.5,
    bonus: float = 0.0,
    least: float = _LEAST,
) -> list[int]:
    """The text y with the largest ln p(y | frames) + weight · ln p(y, end) + bonus · |y| that was found.

    Of each beginning two sums are kept: over alignments that end in the blank, and in its last symbol; a symbol that is
    said twice needs a blank between. With enough beams and `least` = 0 no beginning is lost, and the search is exact.

    Args:
        logs: log-probabilities of each frame.
        beams: beginnings that are kept after each frame.
        ngrams: None: no such terms, `weight` and `bonus` mean nothing.
        least: see `_LEAST`.

    Cost: beams times the symbols above `least`, for each frame, in Python.
    Source: Hannun et al. 2014, "First-pass large vocabulary continuous speech recognition using bi-directional
        recurrent DNNs", algorithm 1; the sums as in Graves 2008, section 7.5.
    Raises: UsageError for fewer than one beam.
    """
    if beams < 1:
        raise UsageError(f"beams is {beams}; it must be at least 1", where="beams")
    floor = math.log(least) if least > 0 else _NEVER
    # beginning -> [ln p of alignments that end in the blank, ln p of those that end in its last symbol]
    kept: dict[tuple[int, ...], list[float]] = {(): [0.0, _NEVER]}
    prior: dict[tuple[int, ...], float] = {(): 0.0}
    for frame in logs:
        symbols = [int(v) for v in np.flatnonzero(frame >= min(floor, float(frame.max()))) if v != blank]
        p_blank = float(frame[blank])
        after: dict[tuple[int, ...], list[float]] = {}
        for text, (in_blank, in_last) in kept.items():
            both = _sum(in_blank, in_last)
            own = after.setdefault(text, [_NEVER, _NEVER])
            own[0] = _sum(own[0], both + p_blank)
            if text:
                own[1] = _sum(own[1], in_last + float(frame[text[-1]]))
            for symbol in symbols:
                before = in_blank if text and symbol == text[-1] else both
                if before == _NEVER:
                    continue
                longer = (*text, symbol)
                if ngrams is not None and longer not in prior:
                    prior[longer] = prior[text] + weight * ngrams.log_p(text, symbol) + bonus
                found = after.setdefault(longer, [_NEVER, _NEVER])
                found[1] = _sum(found[1], before + float(frame[symbol]))
        ranked = sorted(after.items(), key=lambda item: (-(_sum(*item[1]) + prior.get(item[0], 0.0)), item[0]))
        kept = dict(ranked[:beams])
        if ngrams is not None:
            prior = {text: prior[text] for text in kept}

    ends = {text: 0.0 if ngrams is None else prior[text] + weight * ngrams.log_p(text) for text in kept}
    best, _ = max(kept.items(), key=lambda item: _sum(*item[1]) + ends[item[0]])
    return list(best)


def _sum(a: float, b: float) -> float:
    """ln(e^a + e^b)."""
    if a < b:
        a, b = b, a
    return a if b == _NEVER else a + math.log1p(math.exp(b - a))
