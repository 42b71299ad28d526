"""Batches of so many tokens: every example once, none over the limit, the same number in each pass, little padding."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import deepdojo as dd
from deepdojo.errors import RecipeError
from deepdojo.recipes import Recipe
from deepdojo.session.defaults import resolve
from deepdojo.tasks.translation import Translation
from deepdojo.training.schedules import batch_size
from deepdojo.training.store import Store


def made(n: int = 700, seed: int = 0) -> tuple[Translation, Store]:
    """Sources of 1 to 30 words, targets about as long."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(n):
        size = int(rng.integers(1, 31))
        other = max(1, size + int(rng.integers(-4, 5)))
        rows.append({"id": str(k), "source": " ".join("abcde"[i % 5] for i in range(size)), "target": "x " * other})
    task = Translation.fit(rows, tokens="words", min_count=1)
    return task, Store.pack(task, rows, learn=True)


def passes(store: Store, count: int = 4) -> list[list[torch.Tensor]]:
    return [store.batches(7, generator=torch.Generator().manual_seed(seed)) for seed in range(count)]


@pytest.mark.parametrize("most", [1, 40, 400, 10**6])
def test_every_example_once_within_the_limit_and_as_many_batches_in_each_pass(most):
    _, store = made()
    store.tokens = most
    for batches in passes(store):
        assert len(batches) == store.steps(7)
        assert torch.equal(torch.sort(torch.cat(batches)).values, torch.arange(len(store)))
        for index in batches:
            cut = store.cut(index)
            padded = cut["source"].numel() + cut["target"].numel()
            assert padded <= most or len(index) == 1


def test_little_is_padded_and_passes_mix_anew():
    _, store = made(3000)
    store.tokens = 600
    first, second = passes(store, 2)
    keep = [store.cut(index) for index in first]
    filled = {
        name: sum(int(cut[f"{name}_keep"].sum()) for cut in keep) / sum(cut[name].numel() for cut in keep)
        for name in ("source", "target")
    }
    assert filled["target"] > 0.95
    assert filled["source"] > 0.8
    alike = {tuple(sorted(index.tolist())) for index in first} & {tuple(sorted(index.tolist())) for index in second}
    assert len(alike) < 0.2 * len(first)


def test_the_same_draw_gives_the_same_batches():
    _, store = made()
    store.tokens = 300
    a, b = (passes(store, 1)[0] for _ in range(2))
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_a_batch_size_is_then_not_chosen():
    recipe = Recipe.parse({"model": {"name": "seq2seq"}, "train": {"batch_tokens": 500}}, where="x")
    resolved, said = resolve(recipe, "translation", rows=1000)
    assert "batch_size" not in said
    assert batch_size(resolved.train) == 500


@pytest.mark.parametrize(
    ("train", "sentence"),
    [({"lengths": "equal"}, "of like length already"), ({"balance": 0.5}, "batches by length cannot be balanced")],
)
def test_what_does_not_go_together_is_one_sentence(tmp_path, train, sentence):
    lines = [f"word{i % 7} of row {i} and some more,{'ab'[i % 2]}" for i in range(40)]
    (tmp_path / "rows.csv").write_text("text,label\n" + "\n".join(lines) + "\n")
    dd.new(tmp_path / "p", tmp_path / "rows.csv")
    changes = {"train.batch_tokens": 100, "train.epochs": 1} | {f"train.{k}": v for k, v in train.items()}
    with pytest.raises(RecipeError, match=sentence):
        dd.train(tmp_path / "p", set=changes)


@pytest.mark.slow
def test_images_have_no_tokens(tmp_path):
    with pytest.raises(RecipeError, match="all examples of this task are of one size"):
        dd.train("digits", set={"train.batch_tokens": 100}, runs=tmp_path)
