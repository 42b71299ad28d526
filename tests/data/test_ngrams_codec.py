"""Bags of n-grams: which are known, which word they belong to, and that a task which holds them survives JSON."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
import torch

from deepdojo.data.codecs.ngrams import NOTHING, Ngrams
from deepdojo.models import create_model
from deepdojo.tasks import load_task, restore_task
from deepdojo.training.store import Store

TEXTS = ["Good film , good plot", "a bad film", "bad , bad", "a good end", "x", "  "]


def spelled(text: str) -> tuple[set[tuple[str, ...]], set[str]]:
    """Word n-grams and character n-grams of a text, by plain loops."""
    words = text.lower().split()
    pairs = {(w,) for w in words} | set(pairwise(words))
    padded = [f" {w} " for w in words]
    signs = {w[i : i + n] for w in padded for n in range(2, 7) for i in range(len(w) - n + 1)}
    return pairs, signs


@pytest.mark.parametrize("least", [1, 2])
def test_ngrams_are_counted_by_text_and_each_is_given_once(least: int) -> None:
    codec = Ngrams.fit(TEXTS, lower=True, min_count=least)
    each = [spelled(text) for text in TEXTS]
    known = [{g for g in set.union(*(e[k] for e in each)) if sum(g in e[k] for e in each) >= least} for k in (0, 1)]
    assert (len(codec.words), len(codec.characters)) == (len(known[0]), len(known[1]))
    for text, (pairs, signs) in zip(TEXTS, each, strict=True):
        ids, owners = codec.encode(text)
        expected = len(pairs & known[0]) + len(signs & known[1])
        assert len(ids) == max(1, expected)
        assert len(set(ids.tolist())) == len(ids)
        assert ids.max() < len(codec)
        assert len(owners) == len(ids)
        if not expected:
            assert ids.tolist() == [NOTHING]


def test_every_ngram_belongs_to_the_word_in_which_it_first_ends() -> None:
    codec = Ngrams.fit(TEXTS, lower=True, min_count=1)
    ids, owners = codec.encode("good film")
    alone, _ = codec.encode("good")
    assert set(ids[owners == 0].tolist()) == set(alone.tolist())  # nothing of "film"
    assert codec.pieces("Good film") == ["good", "film"]
    assert codec.encode("never seen before zzz")[0].min() >= NOTHING


def test_texts_without_blanks_are_cut_into_signs() -> None:
    codec = Ngrams.fit(["电影很好看", "电影很难看"], lower=True, min_count=2)
    assert codec.signs
    # 看 is known as a word, as a character and as a character before a blank; 好 with what follows it occurs once only
    assert len(codec.encode("电影很好看")[0]) == len(codec.encode("电影很好听")[0]) + 3


def test_a_task_with_ngrams_primes_its_model_and_survives_json() -> None:
    rows = [{"id": str(i), "text": t, "label": "ab"[i % 2]} for i, t in enumerate(TEXTS[:4])]
    task = load_task("text-classification").fit(rows, ngrams=True, min_count=1)
    again = restore_task(json.loads(json.dumps(task.state())))
    store = Store.pack(again, rows, learn=True)
    model = create_model("bag_of_ngrams", again.dims(), dropout=0.0)
    again.prime(model, (store.cut(index) for index in store.batches(3)))
    (example,) = task.encode(rows[1], learn=False)
    assert np.array_equal(example["tokens"], next(again.encode(rows[1], learn=False))["tokens"])
    # "bad" occurs in one text of either class, " a " in one of each; "good plot" in a text of class a alone
    ratio = model.embedding.ratio
    torch.testing.assert_close(ratio[:, 0], -ratio[:, 1])
    assert ratio[NOTHING].abs().sum() == 0
    pieces = task.pieces(rows[0], next(task.encode(rows[0], learn=False)))
    places = sorted(p for piece in pieces for p in piece.where["tokens"])
    assert places == list(range(len(task.ngrams.encode(rows[0]["text"])[0])))


def test_a_state_written_before_there_were_ngrams_is_read() -> None:
    rows = [{"id": str(i), "text": t, "label": "ab"[i % 2]} for i, t in enumerate(TEXTS[:4])]
    state = load_task("text-classification").fit(rows).state()
    del state["ngrams"]
    assert restore_task(state).dims()["vocab_size"] == load_task("text-classification").fit(rows).dims()["vocab_size"]
