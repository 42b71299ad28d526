"""The running mean of the weights against a plain loop, and what the run keeps of it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from deepdojo.recipes import TrainSection
from deepdojo.training.averages import Average
from tests.training.fitting import fitted, set_up
from tests.training.made_rows import table_rows


def test_the_mean_equals_a_plain_loop_and_early_weights_are_forgotten() -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 2).double()
    average = Average(model, 0.9)
    expected = model.weight.detach().clone()
    for step in range(1, 40):
        with torch.no_grad():
            model.weight.add_(torch.randn(2, 3, dtype=torch.float64))
        average.update(step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * model.weight.detach()
    torch.testing.assert_close(average.values["weight"], expected, rtol=0, atol=1e-12)


def test_applied_for_a_while_and_taken_back_to_the_bit() -> None:
    model = nn.BatchNorm1d(3)
    average = Average(model, 0.5)
    with torch.no_grad():
        model.weight.fill_(3.0)
        model.running_mean.fill_(7.0)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with average.applied():
        assert (model.weight == 1.0).all()
        assert (model.running_mean == 0.0).all()  # statistics belong to the weights that made them
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert (average.values["weight"] == 1.0).all()


def test_tied_weights_are_exchanged_once() -> None:
    first, second = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
    second.weight = first.weight
    model = nn.Sequential(first, second)
    start = first.weight.detach().clone()
    average = Average(model, 0.5)
    with torch.no_grad():
        first.weight.add_(1.0)
    after = first.weight.detach().clone()
    with average.applied():
        assert torch.equal(second.weight, start)
    assert torch.equal(second.weight, after)
    average.adopt()
    assert torch.equal(second.weight, start)


@pytest.mark.parametrize("keep", ["best", "last"])
def test_the_run_keeps_the_mean(tmp_path, keep: str) -> None:
    """By another way: the last weights of a run without it differ; with a decay of nearly zero they are the same."""
    rows = table_rows(200)
    asked = {"epochs": 2, "batch_size": 16, "lr": 0.01, "keep": keep}
    kept = {}
    for name, ema in (("none", None), ("short", 1e-9), ("long", 0.95)):
        parts = set_up("tabular-classification", "mlp", rows)
        fitted(tmp_path / name, parts, train=TrainSection(**asked, ema=ema))
        kept[name] = parts[1].head.weight
    torch.testing.assert_close(kept["none"], kept["short"])
    assert (kept["none"] - kept["long"]).abs().max() > 1e-4  # rounding alone is below 1e-6
