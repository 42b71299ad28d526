"""`conv2d(x, weight, bias, stride, padding)` of the lesson in the place of ours, which also has dilation and groups.

B batch, C channels in, O channels out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["conv2d"]

PerAxis = int | tuple[int, int]


def conv2d(own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Tensor]]:
    """What the lesson leaves out is made of what it has: groups one after another, a dilated kernel with zeros between,
    other strides and paddings of the two axes by cutting and padding outside."""
    convolve = own["conv2d"]

    def whole(
        x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: PerAxis = 1, padding: PerAxis = 0,
        dilation: PerAxis = 1, groups: int = 1,
    ) -> Tensor:  # fmt: skip
        steps, rings, holes = (_both(value) for value in (stride, padding, dilation))
        bias = weight.new_zeros(len(weight)) if bias is None else bias
        weight = _dilated(weight, holes)
        if rings[0] != rings[1]:
            x, rings = F.pad(x, (rings[1], rings[1], rings[0], rings[0])), (0, 0)
        step = steps[0] if steps[0] == steps[1] else 1
        parts = zip(x.chunk(groups, 1), weight.chunk(groups), bias.chunk(groups), strict=True)
        found = [convolve(part, kernel, offset, step, rings[0]) for part, kernel, offset in parts]
        out = found[0] if groups == 1 else torch.cat(found, 1)
        return out if steps[0] == steps[1] else out[:, :, :: steps[0], :: steps[1]]

    return {"conv2d": whole}


def _both(value: PerAxis) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _dilated(weight: Tensor, holes: tuple[int, int]) -> Tensor:
    if holes == (1, 1):
        return weight
    h, w = weight.shape[2:]
    wide = weight.new_zeros(*weight.shape[:2], (h - 1) * holes[0] + 1, (w - 1) * holes[1] + 1)
    wide[:, :, :: holes[0], :: holes[1]] = weight
    return wide
