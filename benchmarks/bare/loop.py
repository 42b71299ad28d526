"""The loop that the workloads of this folder share, as one writes it by hand: no log, no progress, no checkpoint."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

Batch = tuple[Tensor, ...]


@dataclass(frozen=True)
class Settings:
    """How a workload trains; the same numbers as in the recipe of ours."""

    batch_size: int
    lr: float
    weight_decay: float
    schedule: str  # linear or cosine
    warmup: float
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float = 1.0


def groups(net: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices decay; biases, normalisations and embeddings do not."""
    tables = {id(m.weight) for m in net.modules() if isinstance(m, nn.Embedding)}
    decayed = [p for p in net.parameters() if p.ndim >= 2 and id(p) not in tables]
    free = [p for p in net.parameters() if p.ndim < 2 or id(p) in tables]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]


def build_optimizer(net: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups(net, settings.weight_decay), lr=settings.lr, betas=settings.betas, fused=True)


def factor(settings: Settings, step: int, steps: int) -> float:
    """Learning rate as a share of its peak: up over the warm-up, then down to 0."""
    rise = math.ceil(settings.warmup * steps)
    if step < rise:
        return (step + 1) / rise
    done = (step - rise) / max(steps - rise, 1)
    return 1.0 - done if settings.schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))


def train(
    net: nn.Module, loss: Callable[..., Tensor], batches: Iterator[Batch], settings: Settings, steps: int
) -> None:
    """`steps` optimizer steps; `loss(net, *batch)` is the mean loss of a batch."""
    optimizer = build_optimizer(net, settings)
    parameters = list(net.parameters())
    net.train()
    for step in range(steps):
        batch = next(batches)
        for group in optimizer.param_groups:
            group["lr"] = settings.lr * factor(settings, step, steps)
        loss(net, *batch).backward()
        torch.nn.utils.clip_grad_norm_(parameters, settings.clip, foreach=True)
        optimizer.step()
        optimizer.zero_grad()
