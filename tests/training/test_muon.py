"""Muon against the singular value decomposition, torch's own Muon and AdamW; what goes to which."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from deepdojo.models import create_model
from deepdojo.recipes import TrainSection
from deepdojo.training.muon import Muon, orthogonal
from deepdojo.training.optimizers import build_optimizer

CPU = torch.device("cpu")


@pytest.mark.parametrize("shape", [(7, 13), (13, 7), (3, 5, 11)])
def test_singular_values_come_near_one_and_directions_stay(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x = torch.randn(shape, dtype=torch.float64)
    turned = orthogonal(x)
    u, s, vh = torch.linalg.svd(x, full_matrices=False)
    # The quintic acts on the singular values alone: the same rounds on them, put back between the same vectors.
    s = s / x.norm(dim=(-2, -1), keepdim=True).squeeze(-1)
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    torch.testing.assert_close(turned, u @ torch.diag_embed(s) @ vh, rtol=0, atol=1e-10)
    assert (s > 0.6).all()
    assert (s < 1.3).all()


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_steps_equal_torchs_muon(monkeypatch, shape: tuple[int, int]) -> None:
    """torch's turns in bfloat16, unless it is kept from it. Its momentum weighs gradients by 1 - momentum, and the turn
    takes that out again."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda self: self)
    torch.manual_seed(1)
    start, gradients = torch.randn(shape, dtype=torch.float64), torch.randn(4, *shape, dtype=torch.float64)
    ours, theirs = (nn.Parameter(start.clone()) for _ in range(2))
    mine = Muon([{"params": [ours], "kind": "muon", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.2}])
    other = torch.optim.Muon([theirs], lr=0.1, momentum=0.9, weight_decay=0.2, nesterov=True)
    for g in gradients:
        ours.grad, theirs.grad = g.clone(), g.clone()
        mine.step()
        other.step()
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


def test_a_kernel_is_a_matrix_of_its_output_channels_and_equal_shapes_do_not_mix() -> None:
    torch.manual_seed(2)
    kernels = [nn.Parameter(torch.randn(5, 2, 3, 3, dtype=torch.float64)) for _ in range(2)]
    flat = [nn.Parameter(k.detach().flatten(1).clone()) for k in kernels]
    group = {"kind": "muon", "lr": 0.1, "momentum": 0.0, "weight_decay": 0.0}
    for k, f in zip(kernels, flat, strict=True):
        k.grad = torch.randn_like(k)
        f.grad = k.grad.flatten(1).clone()
    Muon([{"params": kernels, **group}]).step()
    for f in flat:
        Muon([{"params": [f], **group}]).step()
    for k, f in zip(kernels, flat, strict=True):
        torch.testing.assert_close(k.flatten(1), f, rtol=0, atol=1e-12)


def test_the_rest_equals_torchs_adamw() -> None:
    torch.manual_seed(3)
    ours, theirs = (nn.Parameter(torch.arange(7.0, dtype=torch.float64)) for _ in range(2))
    group = {"kind": "adamw", "lr": 0.1, "betas": (0.8, 0.95), "weight_decay": 0.3}
    mine, other = Muon([{"params": [ours], **group}]), torch.optim.AdamW([theirs], 0.1, (0.8, 0.95), weight_decay=0.3)
    for _ in range(5):
        g = torch.randn(7, dtype=torch.float64)
        ours.grad, theirs.grad = g.clone(), g.clone()
        mine.step()
        other.step()
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_matrices_inside_go_to_muon_and_the_ends_to_adamw() -> None:
    dims = {"vocab_size": 11, "num_outputs": 3, "max_tokens": 20}
    model = create_model("transformer", dims, width=8, num_layers=1, num_heads=2)
    names = {id(p): name for name, p in model.named_parameters()}
    optimizer = build_optimizer(model, TrainSection(optimizer="muon", lr=0.02, adamw_lr=0.001), CPU)
    muon, *adamw = optimizer.param_groups
    inside = {names[id(p)] for p in muon["params"]}
    assert all(p.ndim == 2 for p in muon["params"])
    assert len(inside) == 4  # projections in and out of attention, both matrices of the feed-forward part
    assert not any("head" in name or "embedding" in name for name in inside)
    assert {group["share"] for group in adamw} == {0.05}
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(names)
