"""explain_rows: what it returns, what it may read, what it leaves untouched."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
import torch
from torch import nn

from deepdojo.errors import UnknownNameError
from deepdojo.explain import explain_rows
from deepdojo.models import create_model

from .made import cells_of, inputs_of, learned, made_rows, made_task

MODELS = {
    "image-classification": "cnn",
    "text-classification": "text_cnn",
    "tabular-classification": "mlp",
    "tabular-regression": "mlp",
}


def _case(name, n=200, **config):
    rows = made_rows(name, n)
    task = made_task(name, rows[: n // 2])
    model = learned(task, rows[: n // 2], MODELS[name], **config)
    held_out = rows[n // 2 :]
    return task, model, held_out, cells_of(task, model, held_out)


def _timeless(found):
    return {**found, "summary": [{k: v for k, v in s.items() if k != "seconds"} for s in found["summary"]]}


@pytest.mark.parametrize("name", MODELS)
def test_a_trained_model_is_explained_better_than_by_chance(name):
    task, model, rows, cells = _case(name)
    found = explain_rows(task, model, inputs_of(task, rows), cells, device="cpu")
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["rows_n"] == 20
    assert [s["method"] for s in found["summary"]] == ["occlusion", "integrated_gradients"]
    for s in found["summary"]:
        assert s["n"] == 20
        assert s["low"] <= s["gap"] <= s["high"]
        assert s["low"] > 0
        assert s["gap"] > s["random_high"]
        assert abs(s["random_gap"]) < 0.5 * s["gap"]
        assert s["bounded_low"] > 0
    kind = next(iter(task.contract.inputs.values()))
    for item in found["items"]:
        assert item["kind"] == kind
        assert len(item["pieces"]) == len(item["scores"])
        assert ("size" in item) == (kind == "image")
        assert item["id"] in cells


def test_what_a_model_cannot_see_scores_zero_and_what_it_sees_does_not():
    """A model planted to look at one pixel of each image."""

    class OnePixel(nn.Module):
        def forward(self, image):
            return torch.stack([image[:, 0, 3, 4], torch.zeros(len(image))], 1)

    rows = made_rows("image-classification", 60)
    task, model = made_task("image-classification", rows), OnePixel()
    found = explain_rows(task, model, inputs_of(task, rows), cells_of(task, model, rows), device="cpu")
    for item in found["items"]:
        seen = item["pieces"].index([2, 4, 4, 6])
        others = np.delete(item["scores"], seen)
        assert not others.any()
        assert abs(item["scores"][seen]) > 1e-3


def test_words_that_tell_the_class_lead():
    task, model, rows, cells = _case("text-classification")
    telling = {"fine", "great", "warm", "bright", "poor", "cold", "grim", "dull"}
    found = explain_rows(task, model, inputs_of(task, rows), cells, device="cpu")
    led = [item["pieces"][int(np.argmax(item["scores"]))] in telling for item in found["items"]]
    assert np.mean(led) > 0.9


def test_the_same_seed_gives_the_same_and_another_seed_other_rows():
    task, model, rows, cells = _case("tabular-classification")
    inputs = inputs_of(task, rows)
    first, again, other = (
        _timeless(explain_rows(task, model, inputs, cells, device="cpu", seed=seed)) for seed in (3, 3, 4)
    )
    assert first == again
    assert [i["id"] for i in first["items"]] != [i["id"] for i in other["items"]]


def test_model_and_random_state_are_left_as_they_were():
    task, model, rows, cells = _case("text-classification", embedding_dropout=0.5)
    model.train()
    model.embedding.eval()
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    state, modes = torch.get_rng_state(), [module.training for module in model.modules()]
    with torch.inference_mode():  # as a caller may have it
        explain_rows(task, model, inputs_of(task, rows), cells, device="cpu", n=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    assert all(bool((parameter.grad == 1).all()) for parameter in model.parameters())


def test_truth_chooses_what_is_shown_and_moves_no_figure():
    task, model, rows, cells = _case("text-classification")
    truth = {row["id"]: {"label": row["label"]} for row in rows}
    for row in rows[:30]:  # thirty decisions of a hundred are wrong by decree
        truth[row["id"]] = {"label": "bad" if cells[row["id"]]["label"] == "good" else "good"}
    inputs = inputs_of(task, rows)
    without = explain_rows(task, model, inputs, cells, device="cpu", n=8)
    found = explain_rows(task, model, inputs, cells, device="cpu", n=8, truth=truth)
    drop = ("seconds", "passes", "completeness_error")
    for a, b in zip(without["summary"], found["summary"], strict=True):
        assert {k: v for k, v in a.items() if k not in drop} == {k: v for k, v in b.items() if k not in drop}
    wrong = {row["id"] for row in rows if cells[row["id"]]["label"] != truth[row["id"]]["label"]}
    shown = {item["id"] for item in found["items"]}
    assert found["selection"]["wrong"] == len(shown & wrong) >= 2
    assert found["selection"]["right"] == len(shown - wrong) >= 2
    assert {i["id"] for i in found["items"] if i["counted"]} == {i["id"] for i in without["items"]}
    assert found["selection"]["extra"] == len(shown) - 8


def test_rare_mistakes_are_all_shown():
    task, model, rows, cells = _case("text-classification")
    truth = {row["id"]: {"label": cells[row["id"]]["label"]} for row in rows}
    for row in rows[40:42]:
        truth[row["id"]] = {"label": "neither"}
    found = explain_rows(task, model, inputs_of(task, rows), cells, device="cpu", n=8, truth=truth)
    assert {rows[40]["id"], rows[41]["id"]} <= {item["id"] for item in found["items"]}
    assert found["selection"]["wrong"] == 2


def test_rows_that_cannot_be_explained_are_counted():
    rows = made_rows("text-classification", 60)
    task = made_task("text-classification", rows)
    model = create_model("text_cnn", task.dims())
    inputs = inputs_of(task, rows)[:10]
    inputs[0]["text"] = "one film"
    inputs[1]["text"] = ""
    cells = cells_of(task, model, inputs)
    del cells[inputs[2]["id"]]
    short = sum(len(row["text"].split()) < 3 for row in inputs if row["id"] in cells)
    found = explain_rows(task, model, inputs, cells, device="cpu")
    assert found["skipped"] == {"no prediction": 1, "fewer than 3 pieces": short}
    assert found["rows_n"] == 9 - short


def test_a_model_that_answers_nan_has_no_figures():
    class Broken(nn.Module):
        def forward(self, image):
            return image.flatten(1)[:, :2] * float("nan")

    rows = made_rows("image-classification", 20)
    task = made_task("image-classification", rows)
    cells = {row["id"]: {"label": "lies"} for row in rows}
    found = explain_rows(task, Broken(), inputs_of(task, rows), cells, device="cpu")
    assert found["summary"] == []
    assert found["items"] == []
    assert found["skipped"] == {"the evidence is not finite": 20}


def test_no_row_is_begun_after_the_time():
    task, model, rows, cells = _case("text-classification")
    none = explain_rows(task, model, inputs_of(task, rows), cells, device="cpu", time_s=0.0)
    assert none["rows_n"] == 0
    assert none["summary"] == []
    assert "ended after 0 rows" in none["notes"][0]

    def slow(done, total):
        time.sleep(0.2)

    some = explain_rows(task, model, inputs_of(task, rows), cells, device="cpu", time_s=0.5, progress=slow)
    assert 0 < some["rows_n"] < 20
    assert f"ended after {some['rows_n']} rows" in some["notes"][0]


def test_one_row_has_no_interval():
    task, model, rows, cells = _case("tabular-classification")
    found = explain_rows(task, model, inputs_of(task, rows)[:1], cells, device="cpu")
    assert found["rows_n"] == 1
    assert found["summary"] == []
    assert len(found["items"]) == 2
    assert any("too few" in note for note in found["notes"])


def test_a_method_without_meaning_is_left_out_and_said():
    class OneHot(nn.Module):
        def __init__(self, words: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(words, 2))

        def forward(self, tokens, keep):
            return self.weight[tokens].mean(1)

    rows = made_rows("text-classification", 60)
    task = made_task("text-classification", rows)
    model = OneHot(task.dims()["vocab_size"])
    found = explain_rows(task, model, inputs_of(task, rows), cells_of(task, model, rows), device="cpu", n=4)
    assert [s["method"] for s in found["summary"]] == ["occlusion"]
    assert {item["method"] for item in found["items"]} == {"occlusion"}
    assert "integrated gradients is left out" in found["notes"][0]


def test_progress_ends_at_the_whole():
    task, model, rows, cells = _case("tabular-classification")
    seen = []
    explain_rows(task, model, inputs_of(task, rows), cells, device="cpu", n=5, progress=lambda *at: seen.append(at))
    assert seen == [(i, 5) for i in range(1, 6)]


def test_of_large_rows_fewer_are_tested_and_that_is_said(monkeypatch):
    task, model, rows, cells = _case("tabular-classification")
    for limit, n, said in ((2, 10, True), (10**6, 12, False)):
        monkeypatch.setitem(explain_rows.__globals__, "LARGE_ENTRIES", limit)
        found = explain_rows(task, model, inputs_of(task, rows), cells, device="cpu", n=12)
        assert found["rows_n"] == n
        assert any("10 are tested" in note for note in found["notes"]) == said


def test_an_unknown_method_names_the_nearest():
    task, model, rows, cells = _case("tabular-classification", n=20)
    with pytest.raises(UnknownNameError, match="occlusion"):
        explain_rows(task, model, inputs_of(task, rows), cells, device="cpu", methods=["oclusion"])


def test_windows_and_spans_are_said():
    rows = [
        {"id": str(i), "text": " ".join(["fine" if i % 2 else "dull", "plot", str(i)] * 40), "label": "ab"[i % 2]}
        for i in range(8)
    ]
    task = made_task("text-classification", rows, max_tokens=100)
    model = create_model("text_cnn", task.dims())
    found = explain_rows(task, model, inputs_of(task, rows), cells_of(task, model, rows), device="cpu")
    assert found["rows_n"] == 8
    assert all(len(item["pieces"]) == 100 == len(item["scores"]) for item in found["items"])
    assert any("spans" in note for note in found["notes"])
    assert any("several parts" in note for note in found["notes"])


def test_time_that_ends_within_a_row_ends_the_explanations_there():
    """A picture is asked about in hundreds of passes: a clock looked at between rows alone overran a budget by 20 s."""
    passes = 0

    class Slow(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, image):
            nonlocal passes
            passes += 1
            time.sleep(0.05)
            return self.inner(image)

    task, model, rows, cells = _case("image-classification")
    began = time.perf_counter()
    found = explain_rows(task, Slow(model), inputs_of(task, rows), cells, device="cpu", time_s=0.12)
    assert time.perf_counter() - began < 0.12 + 2
    assert 1 <= passes <= 4
    assert found["rows_n"] == 0
    assert found["items"] == []
    assert found["summary"] == []
    assert "the time for explanations ended after 0 rows" in found["notes"]
