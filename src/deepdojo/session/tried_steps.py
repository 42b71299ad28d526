"""A step tried before the training, which leaves everything as it was: what it costs, whether compiled code runs."""

from __future__ import annotations

import torch
from torch import nn

from deepdojo.models.flops import count_flops
from deepdojo.tasks.base import Task
from deepdojo.training.store import Store
from deepdojo.training.stream import Stream

__all__ = ["measure_flops", "trial"]


def trial(task: Task, model: nn.Module, forward: nn.Module, store: Store | Stream) -> None:
    """One step of `forward`, the compiled `model`; weights, buffers and random state stay as they were."""
    device = next(model.parameters()).device
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        losses, _ = task.loss(forward, store.cut(store.batches(2)[0], device))
        losses.sum().backward()
    model.zero_grad(set_to_none=True)
    model.load_state_dict(kept)


def measure_flops(
    task: Task, model: nn.Module, store: Store | Stream, size: int, device: torch.device
) -> tuple[int | None, int | None]:
    """(FLOPs of one training step, of one forward pass for one example); None where an operation has no formula.

    Ragged tasks are measured on the middle batch of one pass sorted by length; where tokens are counted all batches
    are alike, and any is taken. Weights, buffers and random state stay as they were.
    """
    counted = isinstance(store, Store) and store.tokens is not None
    batches = store.batches(size, generator=torch.Generator() if counted else None)
    index = batches[len(batches) // 2]
    batch, single = store.cut(index, device), store.cut(index[len(index) // 2 :][:1], device)
    kept = {name: value.clone() for name, value in model.state_dict().items()}

    def step() -> None:
        losses, _ = task.loss(model, batch)
        losses.sum().backward()

    def forward() -> None:
        with torch.no_grad():
            task.loss(model, single)

    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        model.train()
        whole = count_flops(step)
        model.eval()
        once = count_flops(forward)
        model.train()
    model.zero_grad(set_to_none=True)
    model.load_state_dict(kept)
    return whole, once
