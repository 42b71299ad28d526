"""`BatchNorm2d` of the lesson in the place of our batch normalisation: a module made anew around our weights.

B batch, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["batch_norm"]


def batch_norm(own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Tensor]]:
    """Ours is a function of weights and running statistics, which it changes; the lesson's class holds them."""
    make = own["BatchNorm2d"]

    def normalise(
        x: Tensor, weight: Tensor, bias: Tensor, running_mean: Tensor, running_var: Tensor, training: bool,
        momentum: float = 0.1, eps: float = 1e-5,
    ) -> Tensor:  # fmt: skip
        layer: nn.Module = make(len(weight), momentum=momentum, eps=eps)
        _put(layer, weight=weight, bias=bias, running_mean=running_mean, running_var=running_var)
        layer.training = training
        four = x if x.dim() == 4 else x.reshape(*x.shape[:2], -1, 1)
        out = layer(four).reshape(x.shape)
        with torch.no_grad():
            for ours, name in ((running_mean, "running_mean"), (running_var, "running_var")):
                ours.copy_(getattr(layer, name).detach())
        return out

    return {"batch_norm": normalise}


def _put(layer: nn.Module, **values: Tensor) -> None:
    """The tensors themselves, so that gradients reach them; statistics as copies, which the layer may change."""
    for name, value in values.items():
        held = value.clone() if name.startswith("running") else value
        for store in (layer._parameters, layer._buffers):
            store.pop(name, None)
        layer.__dict__[name] = held
