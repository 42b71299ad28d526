"""The same values and gradients from two functions, in float64 under a random cotangent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

DRAW = torch.Generator().manual_seed(3)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=DRAW, dtype=torch.float64).requires_grad_()


def mask(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=DRAW) < 0.6


def prefix(*lengths: int, steps: int) -> Tensor:
    return torch.arange(steps) < torch.tensor(lengths)[:, None]


def agree(ours: Callable[..., Any], theirs: Callable[..., Any], *args: Any, **kw: Any) -> None:
    """Same values, and same gradients of every float argument."""
    answers = []
    for function in (ours, theirs):
        out = function(*args, **kw)
        parts = [t for t in (out if isinstance(out, tuple) else (out,)) if isinstance(t, Tensor)]
        floats = [t for t in parts if t.requires_grad]
        leaves = [t for t in args if isinstance(t, Tensor) and t.requires_grad]
        draw = torch.Generator().manual_seed(5)
        cotangents = [torch.randn(t.shape, generator=draw, dtype=t.dtype) for t in floats]
        grads = torch.autograd.grad(floats, leaves, cotangents, allow_unused=True) if floats else ()
        answers.append((parts, [torch.zeros_like(t) if g is None else g for g, t in zip(grads, leaves, strict=False)]))
    for a, b in zip(answers[0][0] + answers[0][1], answers[1][0] + answers[1][1], strict=True):
        torch.testing.assert_close(b, a, rtol=1e-9, atol=1e-11)
