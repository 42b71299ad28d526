"""Bits per byte, nats per character, word perplexity: against plain sums, with weights, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deepdojo.contracts import contract_of
from deepdojo.errors import ScoreError
from deepdojo.scoring.metrics import METRICS, columns_of, metrics_for
from deepdojo.scoring.score import score
from deepdojo.tables import Table

TEXTS = ["naïve café \n", "To be\nor not\n", "漢字 と かな\n", "x", "a  b\tc"]
NATS = [11.0, 7.5, 30.25, 2.0, 9.0]
SIZES = {
    "bits_per_byte": [14, 13, 18, 1, 6],
    "nats_per_character": [12, 13, 8, 1, 6],
    "word_perplexity": [3, 6, 4, 1, 3],
}


def plain(name, weights):
    rate = sum(w * x for w, x in zip(weights, NATS, strict=True)) / sum(
        w * n for w, n in zip(weights, SIZES[name], strict=True)
    )
    return {"bits_per_byte": rate / math.log(2), "nats_per_character": rate, "word_perplexity": math.exp(rate)}[name]


@pytest.mark.parametrize("name", SIZES)
def test_value_weights_influence_and_losses(name):
    measured = METRICS[name](TEXTS, NATS)
    assert measured.value() == pytest.approx(plain(name, [1] * 5), rel=1e-12)
    weights = [3, 0, 1, 2, 1]
    assert measured.value_at(np.array([weights], dtype=float))[0] == pytest.approx(plain(name, weights), rel=1e-12)
    influence = measured.influence()
    assert influence.mean() == pytest.approx(0, abs=1e-9)
    for i in range(5):
        up, down = ([1 + (k == i) * step for k in range(5)] for step in (1e-5, -1e-5))
        assert influence[i] == pytest.approx(5 * (plain(name, up) - plain(name, down)) / 2e-5, rel=1e-5)
    assert np.argmax(measured.losses) == np.argmax(np.array(NATS) / SIZES[name])
    low, high = measured.interval()
    assert low < measured.value() < high


def test_the_task_has_these_metrics_and_a_score():
    contract = contract_of("language-modelling")
    assert list(metrics_for(contract)) == ["bits_per_byte", "nats_per_character", "word_perplexity"]
    assert columns_of(contract, "bits_per_byte") == ("text", "nll_nats")
    truth = [{"id": str(i), "text": text} for i, text in enumerate(TEXTS)]
    table = Table({"id": [str(i) for i in range(5)][::-1], "nll_nats": NATS[::-1]})
    assert score(contract, "bits_per_byte", truth, table).value == pytest.approx(plain("bits_per_byte", [1] * 5))


def test_what_is_refused():
    with pytest.raises(ScoreError, match="below 0"):
        METRICS["bits_per_byte"](["a", "b"], [1.0, -0.5])
    with pytest.raises(ScoreError, match="nothing that could be counted"):
        METRICS["word_perplexity"](["  ", "\t"], [1.0, 0.5])
    with pytest.raises(ScoreError, match="not a finite number"):
        METRICS["nats_per_character"](["a"], [math.inf])
