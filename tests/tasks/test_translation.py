"""Translation: vocabularies, limits, beams, smoothing, odd texts."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from deepdojo.errors import DataError, RecipeError
from deepdojo.layers import current
from deepdojo.models import create_model
from deepdojo.recipes import TrainSection
from deepdojo.tasks import restore_task
from deepdojo.tasks.language_modelling import LanguageModelling
from deepdojo.tasks.translation import Translation
from deepdojo.training.augment import build_augment
from deepdojo.training.predictor import predict_rows
from deepdojo.training.store import Store

DIGITS = ["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben"]
ENGLISH = ["zero", "one", "two", "three", "four", "five", "six", "seven"]


def made(n: int, seed: int = 0, longest: int = 6) -> list[dict]:
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(n):
        drawn = rng.integers(0, 8, int(rng.integers(1, longest)))
        rows.append({
            "id": str(k), "source": " ".join(DIGITS[i] for i in drawn), "target": " ".join(ENGLISH[i] for i in drawn)
        })  # fmt: skip
    return rows


@pytest.mark.parametrize("tokens", ["bpe", "words", "characters", "wordpiece"])
@pytest.mark.parametrize("joint", [True, False])
def test_each_vocabulary_gives_the_text_back_and_goes_through_json(tokens, joint):
    rows = made(60)
    task = Translation.fit(rows, tokens=tokens, joint=joint, vocab_size=400)
    assert restore_task(json.loads(json.dumps(task.state()))) == task
    sizes = task.dims()
    assert (sizes["source_vocab_size"] == sizes["target_vocab_size"]) or not joint
    for row in rows[:20]:
        example = next(task.encode(row, learn=True))
        ids = example["target"].tolist()
        assert (ids[0], ids[-1]) == (task.begin, task.end)
        assert task.decode(row, [ids[1:-1]]) == {"target": row["target"]}
        assert max(example["source"]) < sizes["source_vocab_size"]
        assert max(ids) < sizes["target_vocab_size"]
        assert len(task.pieces(row, example)) == len(example["source"])


def test_the_first_word_has_the_ids_that_it_has_elsewhere():
    task = Translation.fit(made(60), vocab_size=400)
    one, two = (next(task.encode({"source": text}, learn=False))["source"].tolist() for text in ("zwei", "drei zwei"))
    assert two[-len(one) :] == one


def test_capitals_go_where_the_recipe_says_so():
    rows = [{**row, "source": row["source"].title(), "target": row["target"].upper()} for row in made(40)]
    lowered, kept = (Translation.fit(rows, lower=lower, vocab_size=400) for lower in (True, False))
    ids = [next(task.encode(rows[0], learn=True))["target"][1:-1].tolist() for task in (lowered, kept)]
    assert lowered.decode(rows[0], [ids[0]]) == {"target": rows[0]["target"].lower()}
    assert kept.decode(rows[0], [ids[1]]) == {"target": rows[0]["target"]}


def test_a_pair_that_is_too_long_is_left_out_and_a_long_source_is_read_up_to_there():
    task = Translation.fit(made(40), vocab_size=400, max_tokens=20)
    long = {"id": "x", "source": "eins " * 200_000, "target": "one"}  # 10^6 characters
    with pytest.raises(DataError, match=r"the source has [0-9,]* tokens, more than max_tokens = 20"):
        next(task.encode(long, learn=True))
    with pytest.raises(DataError, match="the target has"):
        next(task.encode({**long, "source": "eins", "target": "one " * 100}, learn=True))
    assert len(next(task.encode(long, learn=False))["source"]) == 20
    left_out = []
    store = Store.pack(task, [*made(5), long], learn=True, reject=lambda row, reason: left_out.append(row["id"]))
    assert (len(store), left_out) == (5, ["x"])


@pytest.mark.parametrize("name", ["seq2seq", "encoder_decoder"])
@pytest.mark.parametrize("text", ["", " ", "🐕🐕 人口 עברית मानक \u202e abc", "\0\x7f", "\ud800", "zzz " * 3000])
def test_odd_texts_get_an_answer(name, text):
    task = Translation.fit(made(40), vocab_size=400, max_length=5)
    torch.manual_seed(0)
    model = create_model(name, task.dims(), **({"width": 16} if name == "encoder_decoder" else {}))
    found = predict_rows(task, model, [{"id": "1", "source": text}])
    assert isinstance(found[0]["target"], str)


def test_the_loss_counts_each_token_and_the_end_and_smoothing_spreads_them():
    task = Translation.fit(made(40), vocab_size=400)
    torch.manual_seed(0)
    model = create_model("seq2seq", task.dims(), dropout=0.0).eval()
    store = Store.pack(task, made(4, seed=1), learn=True)
    batch = store.cut(torch.arange(4))
    total, weight = task.loss(model, batch)
    lengths = (store.offsets["target"][1:] - store.offsets["target"][:-1]).tolist()
    assert weight.tolist() == [n - 1 for n in lengths]
    augment = build_augment(TrainSection(label_smoothing=0.2), task)
    assert augment is not None
    smoothed, _ = task.loss(model, augment(batch, torch.Generator()))
    for i, n in enumerate(lengths):
        one = store.cut(torch.tensor([i]))
        scores = model(one["source"].long(), one["target"].long()[:, :-1], one["source_keep"])[0]
        wanted = one["target"].long()[0, 1:]
        assert total[i].item() == pytest.approx(current("cross_entropy")(scores, wanted).item() * (n - 1), rel=1e-4)
        spread = current("cross_entropy")(scores, wanted, label_smoothing=0.2).item() * (n - 1)
        assert smoothed[i].item() == pytest.approx(spread, rel=1e-4)


def test_smoothing_is_still_refused_where_nothing_is_chosen():
    with pytest.raises(RecipeError, match="no classes"):
        build_augment(TrainSection(label_smoothing=0.1), LanguageModelling)
    with pytest.raises(RecipeError, match="no images"):
        build_augment(TrainSection(cutmix=0.1), Translation)


@pytest.mark.parametrize(
    ("option", "value"), [("beams", 0), ("max_tokens", 0), ("max_length", 0), ("length_penalty", 11.0)]
)
def test_options_without_meaning_are_refused(option, value):
    with pytest.raises(RecipeError):
        Translation.fit(made(10), vocab_size=400, **{option: value})


def test_validation_in_training_takes_one_beam_and_answers_stay_below_the_longest():
    task = Translation.fit(made(40), vocab_size=400, beams=3, max_length=4)
    assert task.while_training == replace(task, beams=1)
    model = create_model("seq2seq", task.dims())
    batch = Store.pack(task, made(7, seed=2), learn=False).cut(torch.arange(7))
    with torch.inference_mode():
        assert max(map(len, task.predict(model.eval(), batch))) <= 4


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [{"name": "seq2seq", "cell": "lstm"}, {"name": "encoder_decoder", "width": 64}])
def test_numbers_are_translated_after_a_minute(arguments):
    """Words that were not seen in this order: 40 of 40 held-out sentences right but for a few."""
    rows, fresh = made(800), made(40, seed=9, longest=5)
    task = Translation.fit(rows, tokens="words")
    torch.manual_seed(0)
    model = create_model(arguments["name"], task.dims(), shared=True, **{k: arguments[k] for k in list(arguments)[1:]})
    store = Store.pack(task, rows, learn=True)
    store.tokens = 600
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for epoch in range(25):
        for index in store.batches(1, generator=torch.Generator().manual_seed(epoch)):
            total, weight = task.loss(model, store.cut(index))
            optimizer.zero_grad()
            (total.sum() / weight.sum()).backward()
            optimizer.step()
    found = predict_rows(task, model, [{"id": row["id"], "source": row["source"]} for row in fresh])
    assert sum(a["target"] == b["target"] for a, b in zip(found, fresh, strict=True)) >= 36
