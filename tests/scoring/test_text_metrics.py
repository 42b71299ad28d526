"""BLEU, chrF and word error rate: against sacreBLEU and jiwer on random and degenerate tables; influence as drawn."""

from __future__ import annotations

import jiwer
import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF

from deepdojo.contracts import CONTRACTS, Contract
from deepdojo.errors import ScoreError
from deepdojo.scoring.metrics import METRICS, metrics_for
from deepdojo.scoring.metrics.wer import edits
from deepdojo.scoring.score import score
from deepdojo.tables import Table

ORACLES = {"bleu": BLEU(), "bleu_lower": BLEU(lowercase=True), "chrf": CHRF()}
WORDS = [
    "a",
    "Man",
    "man",
    "über",
    "don't",
    "t-shirt",
    "3.5",
    "1,000",
    "2-3",
    ".",
    ",",
    "&amp;",
    "人口",
    "🐕",
    "İ",
    "U.S.",
]


def made(seed: int, n: int, references: int = 1):
    """(references, answers) of n rows: cut, exchanged and repeated words of many kinds, empty texts among them."""
    rng = np.random.default_rng(seed)
    truth, said = [], []
    for _ in range(n):
        texts = [" ".join(rng.choice(WORDS, int(rng.integers(0, 14)))) for _ in range(references)]
        own = texts[0].split()
        kept = [word for word in own if rng.random() < 0.8] + list(rng.choice(WORDS, int(rng.integers(0, 4))))
        truth.append(texts)
        said.append(" ".join(kept))
    return truth, said


def oracle(name: str, truth: list[list[str]], said: list[str]) -> float:
    streams = [[row[k] for row in truth] for k in range(len(truth[0]))]
    return ORACLES[name].corpus_score(said, streams).score


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("references", [1, 3])
def test_equal_to_sacrebleu_on_random_tables(name, references):
    for seed in range(12):
        truth, said = made(seed, [1, 2, 40][seed % 3], references)
        cells = [row[0] for row in truth] if references == 1 else truth
        assert METRICS[name](cells, said).value() == pytest.approx(oracle(name, truth, said), abs=1e-9)


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize(
    ("truth", "said"),
    [
        (["a b c d e"], [""]),
        ([""], ["a b c d"]),
        ([""], [""]),
        (["a"], ["a"]),
        (["one"], ["other"]),
        (["a b c d e f"], ["a b c d e f"]),
        (["a b c d e f", "x"], ["f e d c b a", "x"]),
        (["Der Hund läuft über die Straße ."], ["der hund läuft über die straße"]),
        (["狗在路上跑"], ["狗在街上跑"]),
        (["a &quot;b&quot; <skipped> c-\nd e\tf"], ['a "b" c d e f']),
        (["x" * 50 + " y"], ["x"]),
    ],
)
def test_equal_to_sacrebleu_where_little_is_there(name, truth, said):
    assert METRICS[name](truth, said).value() == pytest.approx(oracle(name, [[t] for t in truth], said), abs=1e-9)


def test_character_error_rate_is_jiwers():
    """Blanks at the ends, doubled blanks inside, empty answers."""
    for seed in range(20):
        truth, said = made(seed, 30)
        kept = [(row[0], text) for row, text in zip(truth, said, strict=True) if row[0].strip()]
        a, b = [list(side) for side in zip(*kept, strict=True)]
        assert METRICS["cer"](a, b).value() == pytest.approx(jiwer.cer(a, b), abs=1e-12)
    assert METRICS["cer"]([" ab ", "c  d"], ["ab", ""]).value() == pytest.approx(jiwer.cer(["ab", "c  d"], ["ab", ""]))
    with pytest.raises(ScoreError, match="no sign"):
        METRICS["cer"](["", " "], ["a", ""])


def test_word_error_rate_is_jiwers():
    for seed in range(12):
        truth, said = made(seed, 30)
        kept = [(row[0], text) for row, text in zip(truth, said, strict=True) if row[0].strip()]
        a, b = [list(side) for side in zip(*kept, strict=True)]
        assert METRICS["wer"](a, b).value() == pytest.approx(jiwer.wer(a, b), abs=1e-12)
    assert METRICS["wer"](["a"], ["b c d"]).value() == 3.0
    assert METRICS["wer"](["a b"], [""]).value() == 1.0
    with pytest.raises(ScoreError, match="hold no word"):
        METRICS["wer"](["", " "], ["a", ""])


def test_edits_are_those_of_the_plain_recurrence():
    rng = np.random.default_rng(0)
    for _ in range(200):
        a, b = (rng.choice(list("abc"), int(rng.integers(0, 9))).tolist() for _ in range(2))
        table = np.zeros((len(a) + 1, len(b) + 1), dtype=int)
        table[:, 0], table[0] = np.arange(len(a) + 1), np.arange(len(b) + 1)
        for i in range(len(a)):
            for j in range(len(b)):
                exchanged = table[i, j] + (a[i] != b[j])
                table[i + 1, j + 1] = min(exchanged, table[i, j + 1] + 1, table[i + 1, j] + 1)
        assert edits(a, b) == table[-1, -1]


@pytest.mark.parametrize("name", ["bleu", "chrf", "wer"])
def test_the_spread_by_influence_is_that_of_resampled_rows(name):
    """sd of 2,000 draws has a relative error of 1.6 %; the rest is what is not linear in the weights."""
    truth, said = made(5, 400)
    measured = METRICS[name]([row[0] for row in truth], said)
    drawn = measured.draw(2000, seed=1)
    assert measured.influence().std() / 20 == pytest.approx(drawn.std(), rel=0.08)


def test_weights_repeat_rows():
    truth, said = made(7, 20)
    cells, counts = [row[0] for row in truth], np.random.default_rng(0).integers(0, 4, 20)
    for name in (*ORACLES, "wer"):
        whole = METRICS[name](cells, said).value_at(counts[None].astype(float))[0]
        again = METRICS[name](np.repeat(cells, counts).tolist(), np.repeat(said, counts).tolist()).value()
        assert whole == pytest.approx(again, rel=1e-12)


def test_a_metric_of_several_references_also_judges_one_and_says_its_signature():
    assert list(metrics_for(CONTRACTS["translation"])) == ["bleu", "bleu_lower", "cer", "chrf", "wer"]
    several = Contract({"image": "image"}, {"captions": "texts"}, {"caption": "text"}, "bleu")
    assert "bleu" in metrics_for(several)
    assert "wer" not in metrics_for(several)
    rows = [{"id": "1", "captions": ["a dog runs over the grass", "a brown dog runs"]}]
    found = score(several, "bleu", rows, Table({"id": ["1"], "caption": ["a dog runs over the grass"]}))
    assert found.value == pytest.approx(100.0)
    for name, metric in ORACLES.items():
        ours = METRICS[name].signature.replace(", ", "|").replace(": ", "|").split("|")
        assert set(str(metric.get_signature()).split("|")) - {"version:2.6.0", "nrefs:1"} <= set(ours)


def test_a_million_characters_are_judged():
    long = "word " * 200_000
    for name in (*ORACLES, "wer"):
        assert np.isfinite(METRICS[name](["a short reference text"], [long]).value())
