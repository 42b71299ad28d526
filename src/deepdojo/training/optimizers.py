"""torch's optimizers with the fused kernels where they exist, and weight decay only where it belongs."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import nn

from deepdojo.errors import RecipeError
from deepdojo.layers import current
from deepdojo.recipes import TrainSection
from deepdojo.training.frozen import rate_shares
from deepdojo.training.muon import Muon

__all__ = ["build_optimizer"]


def build_optimizer(model: nn.Module, train: TrainSection, device: torch.device) -> torch.optim.Optimizer:
    """AdamW, SGD with Nesterov momentum, or Adadelta over two groups: matrices decay; vectors and embeddings do not.

    muon: Muon for the matrices inside the network, AdamW for embeddings, vectors and the last linear layer. Each group
    has `share`: its learning rate as a share of the recipe's `lr`, which the schedule moves; with `layer_decay` there
    is a group for each depth. What is frozen is in no group, so it has no state.
    """
    # Tables of words or positions, torch's, ours or a learner's: all name the number of their rows.
    tables = [m for m in model.modules() if hasattr(m, "num_embeddings") or hasattr(m, "max_length")]
    embeddings = {id(m.weight) for m in tables if hasattr(m, "weight")}
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for parameter in model.parameters():
        if parameter.requires_grad:
            (free if parameter.ndim < 2 or id(parameter) in embeddings else decayed).append(parameter)
    groups = [
        {"params": group, "weight_decay": decay}
        for group, decay in ((decayed, train.weight_decay), (free, 0.0))
        if group
    ]
    if train.optimizer == "muon":
        return _muon(model, train, decayed, free)
    groups = _by_depth(model, train, groups)
    fused = device.type in ("cpu", "cuda", "mps")
    if train.optimizer == "adamw":
        return current("adam", _AdamW)(groups, lr=train.lr, betas=train.betas, fused=fused)
    if train.optimizer == "sgd":
        return current("sgd", _SGD)(
            groups, lr=train.lr, momentum=train.momentum, nesterov=train.momentum > 0, fused=fused
        )
    return _Adadelta(groups, lr=train.lr, rho=0.95, eps=1e-6, foreach=True)


def _uncompiled(kind: Any) -> Any:
    """The optimizer with a step that does not load torch's compiler, which torch does to mark a place where compiled
    steps break: one CPU second for nothing, where no step is compiled."""
    step = inspect.unwrap(kind.step)

    class Uncompiled(kind):
        @torch.no_grad()
        def step(self, closure: Any = None) -> Any:
            return step(self, closure)

    Uncompiled.__name__ = Uncompiled.__qualname__ = kind.__name__
    return Uncompiled


_AdamW, _SGD, _Adadelta = map(_uncompiled, (torch.optim.AdamW, torch.optim.SGD, torch.optim.Adadelta))


def _by_depth(model: nn.Module, train: TrainSection, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each group parted by the learning rate of its parameters' depth, the fastest first."""
    if train.layer_decay == 1.0:
        return groups
    shares = rate_shares(model, train.layer_decay)
    parted: list[dict[str, Any]] = []
    for group in groups:
        by_share: dict[float, list[nn.Parameter]] = {}
        for parameter in group["params"]:
            by_share.setdefault(shares[id(parameter)], []).append(parameter)
        own = group.get("share", 1.0)
        parted += [{**group, "params": by_share[s], "share": own * s} for s in sorted(by_share, reverse=True)]
    return parted


def _muon(
    model: nn.Module, train: TrainSection, decayed: list[nn.Parameter], free: list[nn.Parameter]
) -> torch.optim.Optimizer:
    if train.parallel == "fsdp" and any(hasattr(parameter, "full_tensor") for parameter in decayed):
        raise RecipeError("muon needs whole matrices, and fsdp keeps shares", where="train.parallel", todo="take ddp")
    last = _last_matrix(model, decayed)
    inner = [parameter for parameter in decayed if parameter is not last]
    outer = [parameter for parameter in decayed if parameter is last]
    adamw = {"kind": "adamw", "lr": train.adamw_lr, "betas": train.betas, "share": train.adamw_lr / train.lr}
    groups = [
        {"params": inner, "kind": "muon", "lr": train.lr, "momentum": train.momentum, "share": 1.0,
         "weight_decay": train.weight_decay},
        {"params": outer, "weight_decay": train.weight_decay, **adamw},
        {"params": free, "weight_decay": 0.0, **adamw},
    ]  # fmt: skip
    return Muon(_by_depth(model, train, [group for group in groups if group["params"]]))


def _last_matrix(model: nn.Module, matrices: list[nn.Parameter]) -> nn.Parameter | None:
    """Of the layer that gives the outputs: models name it `head`. Without one it is the last matrix that was made, or
    a table of tokens that gives the outputs too, which is not among the matrices."""
    named = next((p for name, p in model.named_parameters() if name == "head.weight"), None)
    tables = any(hasattr(module, "num_embeddings") for module in model.modules())
    return matrices[-1] if named is None and not tables and matrices else named
