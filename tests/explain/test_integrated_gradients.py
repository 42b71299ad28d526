"""Integrated gradients: completeness, captum's numbers, and how look-ups are found."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from deepdojo.explain.integrated_gradients import find_look_ups, integrated_gradients

from .made import deleted_all, doubled, learned, made_rows, made_task, probe_of

SMOOTH = {
    "image-classification": ("linear", 4, {}),
    "text-classification": ("rnn", 12, {"pooling": "mean", "hidden_size": 8, "embedding_width": 7}),
    "tabular-classification": ("mlp", 4, {"activation": "tanh", "hidden": [11, 13]}),
    "tabular-regression": ("mlp", 20, {"activation": "gelu", "hidden": [11, 13]}),
}


def _setup(name, model_name, row=0, *, steps=12, **config):
    rows = made_rows(name, 60)
    task = made_task(name, rows)
    return probe_of(task, learned(task, rows, model_name, steps=steps, **config), rows[row])


def _carried(probe):
    """Evidence that all pieces carry together."""
    whole, nothing = probe.after(np.concatenate([~deleted_all(probe), deleted_all(probe)]))
    return whole - nothing


@pytest.mark.parametrize("name", SMOOTH)
def test_scores_sum_to_the_evidence_that_all_pieces_carry(name):
    model_name, steps, config = SMOOTH[name]
    rows = made_rows(name, 40)
    task = made_task(name, rows)
    model = learned(task, rows, model_name, steps=steps, **config)
    probes = [doubled(probe_of(task, model.float(), row)) for row in rows[:12]]
    model.double()
    strongest = sorted(probes, key=lambda probe: -abs(_carried(probe)))[:4]
    for probe in strongest:
        scores, passes = integrated_gradients(probe)
        assert abs(_carried(probe)) > 1e-2
        assert scores.sum() == pytest.approx(_carried(probe), rel=1e-3)
        assert passes in (64, 66)


@pytest.mark.parametrize(
    ("name", "model_name", "config"),
    [
        ("text-classification", "transformer", {"positions": "learned", "width": 8, "pooling": "cls"}),
        ("text-classification", "text_cnn", {"filters": 5}),
        ("text-classification", "rnn", {"num_layers": 2, "hidden_size": 5}),
        ("image-classification", "cnn", {}),
        ("tabular-classification", "linear", {}),
    ],
)
def test_models_with_kinks_are_complete_too_with_more_steps(name, model_name, config):
    probe = doubled(_setup(name, model_name, 5, **config))
    scores, _ = integrated_gradients(probe, steps=512)
    assert scores.sum() == pytest.approx(_carried(probe), rel=1e-2)


@pytest.mark.filterwarnings("ignore")
def test_pixels_equal_captum():
    attr = pytest.importorskip("captum.attr", reason="captum is in the dev extra")
    probe = doubled(_setup("image-classification", "cnn"))
    found = attr.IntegratedGradients(lambda x: probe.evidence_of({**probe.repeated(len(x)), "image": x})).attribute(
        probe.batch["image"], baselines=0.0, n_steps=32, method="riemann_middle"
    )
    expected = [float(found[0, :, y0:y1, x0:x1].sum()) for y0, x0, y1, x1 in probe.labels]
    np.testing.assert_allclose(integrated_gradients(probe)[0], expected, rtol=0, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model_name", ["text_cnn", "rnn", "transformer"])
def test_words_equal_captum(model_name):
    attr = pytest.importorskip("captum.attr", reason="captum is in the dev extra")
    probe = doubled(_setup("text-classification", model_name, 7))
    tokens = probe.batch["tokens"]

    def forward(ids: torch.Tensor) -> torch.Tensor:
        return probe.evidence_of({**probe.repeated(len(ids)), "tokens": ids})

    found = attr.LayerIntegratedGradients(forward, probe.model.embedding).attribute(
        tokens, baselines=torch.ones_like(tokens), n_steps=32, method="riemann_middle"
    )
    np.testing.assert_allclose(integrated_gradients(probe)[0], found[0].sum(-1).detach(), rtol=0, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_numbers_and_categories_on_one_path_equal_captum():
    attr = pytest.importorskip("captum.attr", reason="captum is in the dev extra")
    probe = doubled(_setup("tabular-classification", "mlp", hidden=[11]))
    model = probe.model
    colours = model.embeddings[0](probe.batch["categories"][:, 0]).detach()
    nothing = model.embeddings[0](torch.zeros(1, dtype=torch.int64)).detach()

    def forward(numbers: torch.Tensor, colour: torch.Tensor) -> torch.Tensor:
        scores = model.head(model.hidden[0](torch.cat([numbers, colour], 1)))
        return torch.log_softmax(scores.float(), 1)[:, int(probe.batch["label"])]

    numbers = probe.batch["numbers"]
    by_number, by_colour = attr.IntegratedGradients(forward).attribute(
        (numbers, colours), baselines=(torch.zeros_like(numbers), nothing), n_steps=32, method="riemann_middle"
    )
    expected = [*by_number[0].tolist(), float(by_colour.sum())]
    np.testing.assert_allclose(integrated_gradients(probe)[0], expected, rtol=0, atol=1e-5)


class _Text(nn.Module):
    """A text model around some way to look words up."""

    def __init__(self, look_up: nn.Module) -> None:
        super().__init__()
        self.look_up, self.place, self.head = look_up, nn.Embedding(50, 3), nn.Linear(3, 2)

    def forward(self, tokens, keep):
        return self.head((torch.tanh(self.look_up(tokens)) + self.place(torch.arange(tokens.shape[1]))).mean(1))


class _Sandwich(nn.Module):
    """A wrapper, as a learner may write one."""

    def __init__(self, inner: nn.Module, *, turn: bool = False, copy: bool = False) -> None:
        super().__init__()
        self.inner, self.turn, self.copy = inner, turn, copy

    def forward(self, ids):
        if self.copy:
            ids = ids.clone()
        if self.turn:
            return self.inner(ids.T).transpose(0, 1)
        return self.inner(ids)


class _OneHot(nn.Module):
    """No module of it gives a vector a word."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(50, 2))

    def forward(self, tokens, keep):
        return self.weight[tokens].mean(1)


@pytest.mark.parametrize("way", [{}, {"turn": True}, {"copy": True}])
def test_a_look_up_is_found_through_wrappers_views_and_copies(way):
    rows = made_rows("text-classification", 40)
    task = made_task("text-classification", rows)
    torch.manual_seed(0)
    model = _Text(_Sandwich(nn.Embedding(50, 3), **way))
    probe = doubled(probe_of(task, model, rows[3]))
    (found,) = find_look_ups(probe)
    assert found.module is model.look_up.inner
    assert found.axis == (1 if way.get("turn") else 0)
    scores, _ = integrated_gradients(probe)
    assert scores.sum() == pytest.approx(_carried(probe), rel=1e-3)


def test_a_model_without_a_look_up_module_has_no_integrated_gradients():
    rows = made_rows("text-classification", 40)
    task = made_task("text-classification", rows)
    assert integrated_gradients(probe_of(task, _OneHot(), rows[0])) is None


class _Shared(nn.Module):
    """One table of vectors for two columns: the second call of the same module."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(5, 3), nn.Linear(6, 2)

    def forward(self, numbers, categories):
        return self.head(torch.cat([self.table(categories[:, i]) for i in (0, 1)], 1))


def test_a_table_that_two_columns_share_is_followed_call_by_call():
    rows = [
        {"id": str(i), "features": {"x": "ab"[i % 2], "y": "pqr"[i % 3]}, "label": "no" if i % 4 else "yes"}
        for i in range(24)
    ]
    task = made_task("tabular-classification", rows)
    torch.manual_seed(0)
    probe = doubled(probe_of(task, _Shared(), rows[5]))
    assert [look_up.call for look_up in find_look_ups(probe)] == [0, 1]
    scores, _ = integrated_gradients(probe)
    assert scores.sum() == pytest.approx(_carried(probe), rel=1e-3)
    assert np.abs(scores).min() > 1e-3


def test_parameters_keep_their_gradients_and_no_hook_stays():
    probe = _setup("text-classification", "text_cnn")
    kept = {name: torch.randn_like(p) for name, p in probe.model.named_parameters()}
    for name, parameter in probe.model.named_parameters():
        parameter.grad = kept[name].clone()
    before = probe.after(~deleted_all(probe))
    integrated_gradients(probe)
    assert all(torch.equal(p.grad, kept[name]) for name, p in probe.model.named_parameters())
    assert not any(module._forward_hooks for module in probe.model.modules())
    np.testing.assert_array_equal(probe.after(~deleted_all(probe)), before)


def test_a_model_that_ignores_its_input_scores_zero():
    class Deaf(nn.Module):
        def forward(self, image):
            return torch.zeros(len(image), 2)

    rows = made_rows("image-classification", 20)
    probe = probe_of(made_task("image-classification", rows), Deaf(), rows[0])
    assert not integrated_gradients(probe)[0].any()
