"""`max_pool2d(x, kernel_size, stride, padding)` of the lesson, whose windows are square, in the place of ours."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from deepdojo.errors import RecipeError

__all__ = ["max_pool2d"]

PerAxis = int | tuple[int, int]


def max_pool2d(own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Tensor]]:
    """Rows and columns are repeated until a window of other sides is square; the largest number stays what it was."""
    pool = own["max_pool2d"]

    def whole(x: Tensor, kernel_size: PerAxis, stride: PerAxis | None = None, padding: PerAxis = 0) -> Tensor:
        sides, rings = _both(kernel_size), _both(padding)
        steps = sides if stride is None else _both(stride)
        size = math.lcm(*sides)
        times = size // sides[0], size // sides[1]
        step, ring = ({n * t for n, t in zip(each, times, strict=True)} for each in (steps, rings))
        if len(step) > 1 or len(ring) > 1:
            said = f"windows {sides}, steps {steps}, padding {rings}"
            raise RecipeError(f"max_pool2d of the lesson cannot be given {said}", where="max_pool2d")
        for axis, count in zip((2, 3), times, strict=True):
            x = x if count == 1 else x.repeat_interleave(count, axis)
        return pool(x, size, step.pop(), ring.pop())

    return {"max_pool2d": whole}


def _both(value: PerAxis) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])
