"""Compares two implementations: values, and gradients of every input and parameter under a random cotangent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}


def draw(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed + sum(shape)))


def twin(ours: nn.Module, theirs: nn.Module, dtype: torch.dtype = torch.float64) -> tuple[nn.Module, nn.Module]:
    """Both in `dtype` and with the weights of `theirs`, loaded by its own state dict."""
    theirs = theirs.to(dtype)
    ours = ours.to(dtype)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def assert_equal(
    ours: Callable[..., Any],
    theirs: Callable[..., Any],
    inputs: Sequence[Tensor],
    *,
    tolerance: float | None = None,
) -> None:
    """Outputs and gradients agree within the dtype's tolerance, relative to the largest number (at least 1)."""
    floats = next(t.dtype for t in inputs if t.is_floating_point()) if _has_floats(inputs) else torch.float64
    limit = TOLERANCE[floats] if tolerance is None else tolerance
    got, wanted = _value_and_gradients(ours, inputs), _value_and_gradients(theirs, inputs)
    assert len(got) == len(wanted)
    for place, (a, b) in enumerate(zip(got, wanted, strict=True)):
        assert (a is None) == (b is None), place
        if a is None:
            continue
        assert a.shape == b.shape, place
        assert a.dtype == b.dtype, place
        error = (a - b).abs().max().item() / max(1.0, b.abs().max().item()) if b.numel() else 0.0
        assert error <= limit, f"place {place}: {error:.1e} > {limit:.0e}"


def _has_floats(inputs: Sequence[Tensor]) -> bool:
    return any(t.is_floating_point() for t in inputs)


def _value_and_gradients(call: Callable[..., Any], inputs: Sequence[Tensor]) -> list[Tensor | None]:
    leaves = [t.detach().clone().requires_grad_(t.is_floating_point()) for t in inputs]
    outputs = flatten(call(*leaves))
    cotangents = [torch.randn(o.shape, dtype=o.dtype, generator=torch.Generator().manual_seed(7)) for o in outputs]
    parameters = [p for _, p in sorted(call.named_parameters())] if isinstance(call, nn.Module) else []
    wanted = [t for t in leaves if t.requires_grad] + parameters
    gradients = torch.autograd.grad(outputs, wanted, cotangents, allow_unused=True) if wanted else ()
    return [o.detach() for o in outputs] + list(gradients)


def flatten(outputs: Any) -> list[Tensor]:
    return [outputs] if isinstance(outputs, Tensor) else [t for part in outputs for t in flatten(part)]


def lengths_mask(lengths: Sequence[int], T: int) -> Tensor:
    return torch.arange(T) < torch.tensor(lengths)[:, None]
