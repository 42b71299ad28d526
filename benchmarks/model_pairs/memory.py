"""The largest tensor that attention makes, forward and backward, at growing lengths: linear in them, or T times T."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from deepdojo.layers import causal_attention, grouped_query_attention, scaled_dot_product_attention
from deepdojo.layers import sliding_window_attention as windowed
from deepdojo.layers.attention_dot_product import scaled_dot_product_attention_reference

__all__ = ["largest_tensor", "memory_rows"]


class _Sizes(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.largest = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for t in out if isinstance(out, tuple | list) else [out]:
            if isinstance(t, Tensor):
                self.largest = max(self.largest, t.numel())
        return out


def largest_tensor(attend: Callable[..., Tensor], T: int) -> int:
    """Numbers in the largest tensor that `attend` makes for T steps, one head of width 8, backward included."""
    q, k, v = (torch.randn(1, 1, T, 8, requires_grad=True) for _ in range(3))
    with _Sizes() as sizes:
        attend(q, k, v).sum().backward()
    return sizes.largest


def memory_rows() -> Iterator[dict[str, Any]]:
    """For each kind of attention the largest tensor at 4,096 steps, and how it grows from 2,048."""
    kinds = {
        "attention": scaled_dot_product_attention,
        "attention, padded": lambda q, k, v: scaled_dot_product_attention(q, k, v, _half(k)),
        "causal attention": causal_attention,
        "grouped-query attention": grouped_query_attention,
        "sliding window of 64": lambda q, k, v: windowed(q, k, v, 64),
        "the plain form, for comparison": scaled_dot_product_attention_reference,
    }
    for name, attend in kinds.items():
        small, large = largest_tensor(attend, 2048), largest_tensor(attend, 4096)
        yield {"name": f"memory: {name}", "largest": large, "said": f"x {large / small:.1f} for twice the length"}


def _half(k: Tensor) -> Tensor:
    return (torch.arange(k.shape[2]) < k.shape[2] // 2)[None, None, None]
