"""Prediction and validation: no rows at all, one forward pass a batch, and devices that know no float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode

from deepdojo.explain import explain_rows
from deepdojo.training.predictor import Validator, _Remembering, predict_rows
from tests.explain.made import cells_of, inputs_of, learned, made_rows, made_task

MODELS = {
    "image-classification": "cnn",
    "text-classification": "text_cnn",
    "tabular-classification": "mlp",
    "tabular-regression": "mlp",
}


@pytest.mark.parametrize("name", MODELS)
def test_no_row_gives_no_prediction(name):
    rows = made_rows(name, 40)
    task = made_task(name, rows)
    assert predict_rows(task, learned(task, rows, MODELS[name], steps=1), []) == []


def test_a_batch_at_a_freed_address_is_another_batch():
    """The id of a freed tensor is given again, so the tensors themselves are kept and compared."""
    once = _Remembering(torch.nn.ReLU())
    for value in range(50):
        assert float(once(torch.full((1,), float(value)))) == value
    x, calls = torch.ones(1), []
    once.model.register_forward_hook(lambda *_: calls.append(1))
    assert once(x) is once(x)
    assert len(calls) == 1


class NoFloat64(TorchFunctionMode):
    """A device without float64, as Apple's: only what `.cpu()` has just returned may become double."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.double and not hasattr(args[0], "moved"):
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64")
        found = func(*args, **(kwargs or {}))
        if func is torch.Tensor.cpu:
            found = found.view_as(found)
            found.moved = True
        return found


@pytest.mark.parametrize("name", MODELS)
def test_everything_runs_on_a_device_without_float64(name):
    rows = made_rows(name, 40)
    task = made_task(name, rows)
    model = learned(task, rows, MODELS[name], steps=1)
    cells = cells_of(task, model, rows)
    with NoFloat64():
        assert [row["id"] for row in predict_rows(task, model, inputs_of(task, rows))] == list(cells)
        score, loss, _ = Validator(task, rows, torch.device("cpu"), lambda found: float(len(found)))(model)
        found = explain_rows(task, model, inputs_of(task, rows), cells, device="cpu", n=2)
    assert score == 40
    assert loss > 0
    assert [s["method"] for s in found["summary"]] == ["occlusion", "integrated_gradients"]
