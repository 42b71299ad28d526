"""The prefix beam search under CTC, against all texts written down."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from deepdojo.data.codecs.symbol_ngrams import END, SymbolNgrams
from deepdojo.errors import UsageError
from deepdojo.generation.ctc_beam_search import ctc_beam_search
from deepdojo.layers.loss_ctc import ctc_greedy, ctc_loss_reference

V = 3  # blank, a, b


def _logs(frames: int, seed: int, sharp: float = 1.5) -> np.ndarray:
    scores = torch.randn(frames, V, generator=torch.Generator().manual_seed(seed)) * sharp
    return torch.log_softmax(scores.double(), -1).numpy()


def _best(logs: np.ndarray, ngrams: SymbolNgrams | None, weight: float, bonus: float) -> list[int]:
    """The best of all texts, each judged by the plain recursion of the loss."""
    scores = torch.from_numpy(logs)[None]
    found: list[tuple[float, tuple[int, ...]]] = []
    for length in range(len(logs) + 1):
        for text in itertools.product(range(1, V), repeat=length):
            value = -float(ctc_loss_reference(scores, torch.tensor([text], dtype=torch.int64).view(1, length)))
            if ngrams is not None:
                symbols = [(text[:at], s) for at, s in enumerate(text)] + [(text, END)]
                value += weight * sum(ngrams.log_p(history, s) for history, s in symbols) + bonus * length
            found.append((value, text))
    return list(max(found)[1])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("with_ngrams", [False, True])
def test_a_wide_search_finds_the_best_of_all_texts(seed: int, with_ngrams: bool) -> None:
    logs = _logs(4, seed)
    ngrams = SymbolNgrams.fit([[1, 2], [1, 2, 1], [2]], order=2, size=V) if with_ngrams else None
    found = ctc_beam_search(logs, beams=1000, ngrams=ngrams, weight=0.7, bonus=0.3, least=0.0)
    assert found == _best(logs, ngrams, 0.7, 0.3)


def test_the_sum_over_alignments_can_beat_the_best_alignment() -> None:
    logs = np.log(np.array([[0.6, 0.4, 1e-9], [0.6, 0.4, 1e-9]]))  # "a" has three ways, 0.64 in all; nothing has 0.36
    assert ctc_greedy(torch.from_numpy(logs)[None]) == [[]]
    assert ctc_beam_search(logs, beams=4) == [1]


def test_a_doubled_symbol_needs_a_blank_between() -> None:
    sharp = np.full((3, V), -20.0)
    sharp[[0, 1, 2], [1, 0, 1]] = 0.0
    assert ctc_beam_search(sharp, beams=4) == [1, 1]
    assert ctc_beam_search(sharp[[0, 2]], beams=4) == [1]


def test_without_frames_nothing_is_said_and_no_beam_is_refused() -> None:
    assert ctc_beam_search(np.zeros((0, V)), beams=4) == []
    with pytest.raises(UsageError, match="at least 1"):
        ctc_beam_search(_logs(2, 0), beams=0)


def test_one_beam_over_sharp_frames_is_the_greedy_text() -> None:
    logs = _logs(40, 3, sharp=30.0)
    assert ctc_beam_search(logs, beams=1) == ctc_greedy(torch.from_numpy(logs)[None])[0]


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("text", [[], [1], [2, 2], [1, 2, 1]])
def test_what_may_follow_a_text_has_probabilities_that_sum_to_one(order: int, text: list[int]) -> None:
    ngrams = SymbolNgrams.fit([[1, 2], [1, 2, 1], [2]], order=order, size=V)
    assert math.fsum(math.exp(ngrams.log_p(text, s)) for s in (*range(V), END)) == pytest.approx(1.0, abs=1e-12)


def test_the_formula_of_witten_and_bell() -> None:
    """Texts "ab", "ab": after a there was b twice, one kind; b is one of six symbols with the two ends."""
    ngrams = SymbolNgrams.fit([[1, 2], [1, 2]], order=2, size=V)
    alone = (2 + 3 * (1 / 4)) / (6 + 3)  # a, b and the end twice each: three kinds
    assert math.exp(ngrams.log_p([1], 2)) == pytest.approx((2 + 1 * alone) / (2 + 1), abs=1e-12)
