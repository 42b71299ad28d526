"""torch's optimizers with the fused kernels where they exist, and weight decay only where it belongs."""

from __future__ import annotations

import torch
from torch import nn

from deepdojo.recipes import TrainSection

__all__ = ["build_optimizer"]


def build_optimizer(model: nn.Module, train: TrainSection, device: torch.device) -> torch.optim.Optimizer:
    """AdamW, SGD with Nesterov momentum, or Adadelta over two groups: matrices decay; vectors and embeddings do not."""
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
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
    fused = device.type in ("cpu", "cuda", "mps")
    if train.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=train.lr, betas=train.betas, fused=fused)
    if train.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=train.lr, momentum=train.momentum, nesterov=train.momentum > 0, fused=fused)
    return torch.optim.Adadelta(groups, lr=train.lr, rho=0.95, eps=1e-6, foreach=True)
