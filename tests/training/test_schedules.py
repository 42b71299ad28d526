"""Learning-rate schedules against torch's own, and their ends."""

from __future__ import annotations

import pytest
import torch

from deepdojo.training.schedules import lr_factor


def test_cosine_without_warmup_equals_torch():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=37)
    for step in range(37):
        ours = lr_factor("cosine", step, 37, warmup=0.0, final=0.0)
        assert ours == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
        optimizer.step()
        reference.step()


def test_onecycle_equals_torch_with_the_same_start_and_end():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    total = 1001  # torch counts the last step as the end of the fall, ours as one before it: compare on a fine grid
    reference = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1.0, total_steps=total, cycle_momentum=False, final_div_factor=1e9
    )
    for step in range(total):
        assert lr_factor("onecycle", step, total, warmup=0.0, final=0.0) == pytest.approx(
            optimizer.param_groups[0]["lr"], abs=5e-3
        )
        optimizer.step()
        reference.step()


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_warmup_rises_to_the_peak_and_then_never_rises(schedule):
    factors = [lr_factor(schedule, s, 100, warmup=0.1, final=0.05) for s in range(100)]
    assert factors[0] > 0
    assert factors[9] == pytest.approx(1.0)
    assert factors[:10] == sorted(factors[:10])
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert min(factors[10:]) >= 0.05
