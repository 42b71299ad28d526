"""Floors of captioning: the best constant against trying all, neighbours, odd captions."""

from __future__ import annotations

import numpy as np
import pytest

from deepdojo.baselines import run_floors
from deepdojo.scoring.metrics import METRICS

WORDS = ["a", "a", "man", "dog", "in", "the", "red", "water", "runs"]


def made(n, seed=0):
    """Bright pictures are of snow, dark ones of water."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(n):
        bright = bool(rng.integers(2))
        cell = rng.integers(0, 60, (20, 24, 3)).astype(np.uint8) + (190 if bright else 0)
        place = "in the snow ." if bright else "in the dark water ."
        texts = [f"{' '.join(rng.choice(WORDS, 3))} {place}", f"a man {rng.choice(WORDS)} {place}"]
        rows.append({"id": f"{seed}-{k}", "image": cell, "captions": texts})
    return rows


def said(name, train, test, validation=()):
    asked = [{"id": row["id"], "image": row["image"]} for row in test]
    found = next(
        run_floors("captioning", train, asked, validation_rows=validation, floors=[name], metric="caption_bleu")
    )
    return [row["caption"] for row in found.predictions], found.about


def test_the_constant_is_the_training_caption_with_the_highest_bleu_of_all():
    train = made(25)
    answers, about = said("constant_caption", train, made(3, 1))
    assert len(set(answers)) == 1
    truth = [row["captions"] for row in train]
    values = {
        text: METRICS["caption_bleu"](truth, [text] * len(truth)).value() for row in train for text in row["captions"]
    }
    assert values[answers[0]] == pytest.approx(max(values.values()), rel=1e-12)
    assert answers[0] in about


def test_neighbours_tell_snow_from_water():
    test = made(12, 3)
    answers, about = said("neighbours_caption", made(40), test, made(25, 2))
    assert all(("snow" in text) == ("snow" in row["captions"][0]) for text, row in zip(answers, test, strict=True))
    assert "chosen on validation rows" in about


def test_captions_without_words_and_one_row_alone():
    one = made(1)
    assert said("neighbours_caption", one, made(2, 1))[0][0] in one[0]["captions"]
    assert said("constant_caption", one, made(2, 1))[0][0] in one[0]["captions"]
    for name in ("constant_caption", "neighbours_caption"):
        silent = [{**row, "captions": [". ."]} for row in made(3)]
        asked = [{"id": "x", "image": silent[0]["image"]}]
        assert not list(run_floors("captioning", silent, asked, floors=[name], metric="caption_bleu"))
