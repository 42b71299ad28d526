"""Chunk metrics: equal to seqeval in its default mode on random and degenerate tables; influence as the bootstrap."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import seqeval.metrics as reference

from deepdojo.contracts import CONTRACTS
from deepdojo.errors import ScoreError
from deepdojo.scoring.metrics import METRICS, metrics_for

OF = {
    "chunk_f1": reference.f1_score, "chunk_precision": reference.precision_score,
    "chunk_recall": reference.recall_score, "token_accuracy": reference.accuracy_score,
}  # fmt: skip
LETTERS = {"IOB": "BI", "IOBES": "BIES"}


def table(rng, n, letters, kinds=3, right=0.7):
    tags = ["O", *(f"{letter}-{kind}" for letter in letters for kind in range(kinds))]
    truth = [[str(tag) for tag in rng.choice(tags, rng.integers(1, 15))] for _ in range(n)]
    return truth, [[tag if rng.random() < right else str(rng.choice(tags)) for tag in row] for row in truth]


def theirs(name, truth, said):
    with warnings.catch_warnings():  # seqeval warns where nothing is predicted, and says 0
        warnings.simplefilter("ignore")
        return float(OF[name](truth, said))


@pytest.mark.parametrize("name", OF)
@pytest.mark.parametrize("letters", LETTERS)
@pytest.mark.parametrize("seed", range(10))
def test_equal_to_seqeval_on_random_tags(name, letters, seed):
    truth, said = table(np.random.default_rng(seed), 40, LETTERS[letters], right=seed / 10)
    assert METRICS[name](truth, said).value() == pytest.approx(theirs(name, truth, said), abs=1e-12)


@pytest.mark.parametrize("name", OF)
@pytest.mark.parametrize(
    ("truth", "said"),
    [
        ([["O", "O"]], [["O", "O"]]),
        ([["O"]], [["B-a"]]),
        ([["B-a"]], [["O"]]),
        ([["I-a", "I-a", "B-a"]], [["B-a", "I-a", "B-a"]]),
        ([["B-a", "I-b"]], [["B-a", "I-a"]]),
        ([["E-a", "S-a", "I-a"]], [["S-a", "S-a", "S-a"]]),
        ([["B-a"], ["I-a"]], [["B-a"], ["I-a"]]),
    ],
)
def test_equal_to_seqeval_on_degenerate_tables(name, truth, said):
    assert METRICS[name](truth, said).value() == pytest.approx(theirs(name, truth, said), abs=1e-12)


@pytest.mark.parametrize("name", OF)
def test_weights_are_repeated_sentences_to_seqeval(name):
    rng = np.random.default_rng(5)
    truth, said = table(rng, 30, "BI")
    counts = rng.integers(0, 3, 30)
    picks = np.repeat(np.arange(30), counts)
    value = METRICS[name](truth, said).value_at(counts[None].astype(float))[0]
    assert value == pytest.approx(theirs(name, [truth[i] for i in picks], [said[i] for i in picks]), abs=1e-12)


@pytest.mark.parametrize("name", OF)
def test_the_spread_that_influence_gives_is_the_bootstraps(name):
    """Standard deviations of 4,000 draws: their own error is 1.1 %; 8 % apart is a false alarm below 1e-11."""
    truth, said = table(np.random.default_rng(2), 400, "BI")
    measured = METRICS[name](truth, said)
    assert measured.influence().std() / 20 == pytest.approx(measured.draw(4000).std(), rel=0.08)


@pytest.mark.parametrize("name", OF)
def test_a_tag_sequence_of_another_length_is_one_sentence_with_its_row(name):
    with pytest.raises(ScoreError, match="row 2: the sentence has 2 words, and 1 tags are predicted"):
        METRICS[name]([["O"], ["O", "O"]], [["O"], ["O"]])


def test_every_scheme_of_the_same_chunks_has_the_same_score():
    from deepdojo.chunks import SCHEMES, chunks_of, tags_of

    truth, said = table(np.random.default_rng(3), 20, "BIES")
    values = [
        METRICS["chunk_f1"](*([tags_of(chunks_of(t), len(t), scheme) for t in rows] for rows in (truth, said))).value()
        for scheme in SCHEMES
    ]
    assert values == [values[0]] * len(values)


def test_tagging_is_judged_by_chunks_first():
    assert next(iter(metrics_for(CONTRACTS["tagging"]))) == "chunk_f1"
    assert set(OF) <= set(metrics_for(CONTRACTS["tagging"]))
