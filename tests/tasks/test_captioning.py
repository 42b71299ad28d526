"""Captioning: examples of a row, unknown words, writing, consensus, where it looks."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from deepdojo.errors import DataError, RecipeError
from deepdojo.generation.consensus import agreement, most_in_common
from deepdojo.models import create_model
from deepdojo.tasks import restore_task
from deepdojo.tasks.captioning import Captioning
from deepdojo.training.store import Store
from tests.baselines.floor_rows import made_rows

SMALL = {"widths": [4, 6], "embedding_width": 8, "hidden_size": 8, "attention_width": 6}


def rows(n=24):
    return made_rows("captioning", n)


def batch_of(task, some, learn=True):
    examples = [e for row in some for e in task.encode(row, learn=learn)]
    store = Store.of(task, examples, range(len(examples)))
    return task.prepare(store.cut(torch.arange(len(store))))


def test_a_row_has_as_many_examples_as_captions_and_one_without_them():
    task = Captioning.fit(rows())
    row = {**rows(1)[0], "captions": ["The line is above", " ", "a bright line is above ."]}
    found = list(task.encode(row, learn=True))
    assert [len(e["caption"]) for e in found] == [6, 8]
    assert all(e["caption"][0] == task.begin and e["caption"][-1] == task.end for e in found)
    assert [set(e) for e in task.encode({"image": row["image"]}, learn=False)] == [{"image"}]
    assert restore_task(json.loads(json.dumps(task.state()))) == task


def test_unknown_words_are_read_and_never_asked_for():
    task = Captioning.fit(rows())
    torch.manual_seed(0)
    model = create_model("show_and_tell", task.dims(), **SMALL).eval()
    one, other = (
        batch_of(task, [{**rows(1)[0], "captions": [text]}]) for text in ("the line is above", "the zebra is above")
    )
    _, weight = task.loss(model, one)
    _, fewer = task.loss(model, other)
    assert (float(weight), float(fewer)) == (5, 4)
    long = "above " * 70
    assert not list(task.encode({**rows(1)[0], "captions": [long]}, learn=True))


def test_what_is_written_reads_as_a_sentence():
    task = Captioning.fit(
        [{"image": rows(1)[0]["image"], "captions": ["a man , in ( red ) t-shirt runs ."]}], min_count=1
    )
    ids = task.tokenizer.encode("A man, in (red) t-shirt runs.")
    assert task.decode({}, [ids]) == {"caption": "a man, in (red) t-shirt runs."}
    assert task.decode({}, [[task.begin, 0, 1, task.end]]) == {"caption": ""}


@pytest.mark.parametrize("option", ["beams", "max_tokens", "max_length"])
def test_options_without_meaning_are_refused(option):
    with pytest.raises(RecipeError, match=f"{option} is 0"):
        Captioning.fit(rows(), **{option: 0})
    with pytest.raises(DataError, match="no word occurs 100 times"):
        Captioning.fit(rows(), min_count=100)


def test_consensus_takes_the_caption_that_the_probable_ones_agree_with():
    texts = [[1, 2, 3, 4], [1, 2, 3, 5], [1, 2, 3, 6], [7, 8, 9]]
    assert most_in_common(texts, [0.2, 0.2, 0.3, 0.31]) == 2
    assert most_in_common(texts, [0.0, 0.0, 0.1, 0.9]) == 3
    assert most_in_common(texts, [0.0] * 4) in (0, 1, 2)
    assert most_in_common([[], [1]], [0.5, 0.5]) == 1
    assert agreement([1, 2, 3], [1, 2, 3]) == pytest.approx(1)
    assert agreement([1, 2], [3]) == 0
    assert agreement([], [3]) == 0
    # one word of two right, (0 + 1) / (1 + 1) pairs, longer ones (0 + 1) / (0 + 1)
    assert agreement([1, 2], [1, 3]) == pytest.approx((0.5 * 0.5) ** 0.25)


def test_consensus_changes_what_is_chosen_and_not_what_is_found():
    task = Captioning.fit(rows(), beams=4)
    torch.manual_seed(1)
    model = create_model("show_and_tell", task.dims(), **SMALL).eval()
    with torch.no_grad():
        for value in model.parameters():
            value.normal_(0, 0.5)
    batch = batch_of(task, rows(6), learn=False)
    plain = task.predict(model, batch)
    agreed = dataclasses.replace(task, consensus=True).predict(model, batch)
    assert len(plain) == len(agreed) == 6
    assert dataclasses.replace(task, consensus=True, beams=1).predict(model, batch) == dataclasses.replace(
        task, beams=1
    ).predict(model, batch)


@pytest.mark.parametrize("descriptors", [0, 3])
def test_where_it_looks_is_a_distribution_over_the_map_for_each_word(descriptors):
    task = Captioning.fit(rows(), size=24)
    torch.manual_seed(0)
    model = create_model("show_and_tell", task.dims(), **SMALL, descriptors=descriptors).eval()
    row = {**rows(1)[0], "captions": ["the line is above"]}
    looks = task.looks(model, batch_of(task, [row]))
    assert [look.part for look in looks] == ["the", "line", "is", "above"]
    assert all(look.weights.shape == model.map_size(24, 24) == (6, 6) for look in looks)
    assert np.allclose([look.weights.sum() for look in looks], 1, atol=1e-5)
    blind = create_model("show_and_tell", task.dims(), **SMALL, attention="none").eval()
    assert task.looks(blind, batch_of(task, [row])) == []


def test_priming_learns_components_of_spread_one_that_tell_pictures_apart():
    task = Captioning.fit(rows(60), size=32)
    torch.manual_seed(0)
    model = create_model("show_and_tell", task.dims(), **SMALL, descriptors=4).eval()
    batch = batch_of(task, rows(60), learn=False)
    assert not model.descriptors(batch["image"]).any()
    task.prime(model, [{k: v[:20] for k, v in batch.items()}, {k: v[20:] for k, v in batch.items()}])
    found = (model.descriptors.raw(batch["image"]) - model.descriptors.middle) @ model.descriptors.components
    assert torch.allclose(found.mean(0), torch.zeros(4), atol=1e-3)
    assert torch.allclose(found.T @ found / 60, torch.eye(4), atol=1e-2)
    raw = model.descriptors.raw(batch["image"])
    vectors = np.linalg.svd((raw - raw.mean(0)).numpy(), full_matrices=False)[2][:4]
    own = model.descriptors.components / model.descriptors.components.norm(dim=0)
    assert np.allclose(np.abs(vectors @ own.numpy()), np.eye(4), atol=1e-2)
    saved = model.state_dict()
    other = create_model("show_and_tell", task.dims(), **SMALL, descriptors=4).eval()
    other.load_state_dict(saved)
    assert torch.equal(other.encode(batch["image"]), model.encode(batch["image"]))


@pytest.mark.parametrize("attention", ["soft", "none"])
@pytest.mark.parametrize("descriptors", [0, 3])
def test_word_by_word_with_a_cache_scores_as_all_at_once_also_after_rows_are_dropped(attention, descriptors):
    task = Captioning.fit(rows(), size=24)
    torch.manual_seed(0)
    model = create_model("show_and_tell", task.dims(), **SMALL, attention=attention, descriptors=descriptors).eval()
    batch = batch_of(task, rows(5), learn=False)
    task.prime(model, [batch])
    memory = model.encode(batch["image"])
    target = torch.randint(0, task.end, (5, 6))
    whole = model.decode(target, memory)
    cache, kept = model.new_cache(), torch.tensor([4, 0, 0])
    first = model.decode(target[:, :2], memory, None, cache)
    cache.reorder(kept)
    later = [model.decode(target[kept, i : i + 1], memory[kept], None, cache) for i in range(2, 6)]
    assert torch.allclose(first, whole[:, :2], atol=1e-5)
    assert torch.allclose(torch.cat(later, 1), whole[kept, 2:], atol=1e-5)
