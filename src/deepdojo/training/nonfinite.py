"""Which part of a model first gave a number that is not finite."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from deepdojo.tasks.base import Batch, Task

__all__ = ["first_nonfinite_part"]


def first_nonfinite_part(task: Task, model: nn.Module, batch: Batch) -> str:
    """Words for the first of: an input entry, a parameter, a module's output (in the order of a forward pass), the
    gradient."""
    for name, values in task.prepare(batch).items():
        if values.is_floating_point() and not bool(torch.isfinite(values).all()):
            return f"the batch entry {name!r}"
    for name, parameter in model.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            return f"the parameter {name!r}"
    found: list[str] = []
    handles = [
        module.register_forward_hook(_watch(name or type(module).__name__, found))
        for name, module in model.named_modules()
    ]
    try:
        with torch.no_grad():
            losses, _ = task.loss(model, batch)
    finally:
        for handle in handles:
            handle.remove()
    if found:
        return f"the output of {found[0]!r}"
    return "the loss itself" if not bool(torch.isfinite(losses).all()) else "the gradient"


def _watch(name: str, found: list[str]) -> Any:
    def hook(module: nn.Module, inputs: Any, output: Any) -> None:
        tensors = output if isinstance(output, tuple) else (output,)
        if any(isinstance(t, Tensor) and t.is_floating_point() and not bool(torch.isfinite(t).all()) for t in tensors):
            found.append(name)

    return hook
