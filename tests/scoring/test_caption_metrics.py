"""BLEU of captions and CIDEr-D against the formulas of coco-caption, written here by themselves."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from deepdojo.contracts import CONTRACTS
from deepdojo.scoring.caption_words import caption_words
from deepdojo.scoring.metrics import METRICS, metrics_for

WORDS = ["a", "a", "a", "the", "man", "dog", "in", "on", "red", "runs", "jumps", "t-shirt", "child's", "water", "."]


def grams(words, n):
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def coco_bleu(truth, said, order):
    """bleu_scorer.py of coco-caption: closest length, 1e-15 added to matches, 1e-9 to totals."""
    c = r = 0
    right, of = [0] * order, [0] * order
    for references, answer in zip(truth, said, strict=True):
        words = caption_words(answer)
        sizes = [len(caption_words(one)) for one in references]
        c, r = c + len(words), r + min((abs(size - len(words)), size) for size in sizes)[1]
        for n in range(1, order + 1):
            most: dict = defaultdict(int)
            for one in references:
                for gram, count in grams(caption_words(one), n).items():
                    most[gram] = max(most[gram], count)
            right[n - 1] += sum(min(count, most[gram]) for gram, count in grams(words, n).items())
            of[n - 1] += max(0, len(words) - n + 1)
    value = math.prod((m + 1e-15) / (t + 1e-9) for m, t in zip(right, of, strict=True)) ** (1 / order)
    ratio = (c + 1e-15) / (r + 1e-9)
    return 100 * value * (math.exp(1 - 1 / ratio) if ratio < 1 else 1), min(right) > 0


def coco_cider(truth, said):
    """cider_scorer.py of coco-caption (CIDEr-D, sigma 6), the frequencies those of this table."""
    frequency: Counter = Counter()
    for references in truth:
        frequency.update({gram for one in references for n in range(1, 5) for gram in grams(caption_words(one), n)})
    whole = math.log(len(truth))

    def vectors(text):
        words = caption_words(text)
        found = [
            {g: count * (whole - math.log(max(1.0, frequency[g]))) for g, count in grams(words, n).items()}
            for n in range(1, 5)
        ]
        return found, [math.sqrt(sum(v * v for v in one.values())) for one in found], max(0, len(words) - 1)

    scores = []
    for references, answer in zip(truth, said, strict=True):
        ours, norms, size = vectors(answer)
        total = np.zeros(4)
        for one in references:
            theirs, other_norms, other = vectors(one)
            for n in range(4):
                value = sum(min(v, theirs[n].get(g, 0.0)) * theirs[n].get(g, 0.0) for g, v in ours[n].items())
                if norms[n] != 0 and other_norms[n] != 0:
                    value /= norms[n] * other_norms[n]
                total[n] += value * math.exp(-((size - other) ** 2) / (2 * 6.0**2))
        scores.append(total.mean() / len(references) * 10.0)
    return 100 * float(np.mean(scores))


def tables(seed, n=60):
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, rng.integers(1, 12))) for _ in range(200)]
    truth = [[texts[i] for i in rng.integers(0, 200, rng.integers(1, 6))] for _ in range(n)]
    return truth, [one[0] if rng.random() < 0.3 else texts[rng.integers(200)] for one in truth]


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_coco_caption_on_random_tables(seed):
    truth, said = tables(seed)
    for name, order in (("caption_bleu", 4), ("caption_bleu_1", 1)):
        wanted, some = coco_bleu(truth, said, order)
        assert some
        assert METRICS[name](truth, said).value() == pytest.approx(wanted, rel=1e-9)
    assert METRICS["cider_d"](truth, said).value() == pytest.approx(coco_cider(truth, said), rel=1e-12)


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        ([["a man runs"], ["a dog"]], ["", ""]),
        ([["a man runs"], ["a dog"]], ["...", "a dog"]),
        ([["A MAN runs!"]], ["a man runs"]),  # one row: no word tells it from others
        ([["."], ["a red dog in the water"]], ["a dog", "a red dog in the water"]),
        ([["x y z u", "x y z u"]] * 3, ["x y z u"] * 3),
    ],
)
def test_degenerate_tables(truth, said):
    for name, order in (("caption_bleu", 4), ("caption_bleu_1", 1)):
        wanted, some = coco_bleu(truth, said, order)
        assert METRICS[name](truth, said).value() == pytest.approx(wanted if some else 0.0, rel=1e-9)
    assert METRICS["cider_d"](truth, said).value() == pytest.approx(coco_cider(truth, said), abs=1e-12)


def test_words_of_captions():
    assert caption_words("A man's T-shirt, doesn't fit (it's red) .") == [
        "a", "man", "'s", "t-shirt", "does", "n't", "fit", "it", "'s", "red",
    ]  # fmt: skip
    assert caption_words(" . !? -- ") == []
    assert caption_words("1,000 people , 3.5 dogs and 人") == ["1,000", "people", "3.5", "dogs", "and", "人"]


def test_whole_weights_are_repeated_rows_also_in_how_rare_a_word_is():
    truth, said = tables(9, 12)
    times = np.array([1, 3, 0, 2, 1, 1, 0, 4, 1, 2, 1, 1])
    again = np.repeat(np.arange(12), times)
    measured = METRICS["cider_d"](truth, said)
    repeated = METRICS["cider_d"]([truth[i] for i in again], [said[i] for i in again]).value()
    assert measured.value_at(times[None].astype(float))[0] == pytest.approx(repeated, rel=1e-12)


def test_captions_are_judged_by_them_and_answers_to_questions_are_not():
    assert {"caption_bleu", "caption_bleu_1", "cider_d", "bleu_lower"} <= set(metrics_for(CONTRACTS["captioning"]))
    assert not {"caption_bleu", "cider_d"} & set(metrics_for(CONTRACTS["question-answering"]))


def test_the_worst_caption_is_the_one_that_shares_nothing():
    truth = [["a red dog runs"], ["two men sit"], ["a child in the water"]]
    losses = METRICS["caption_bleu"](truth, ["a red dog runs", "two men stand", "green"]).losses
    assert losses[0] == pytest.approx(0, abs=1e-12)
    assert losses[0] < losses[1] < losses[2] == 1
