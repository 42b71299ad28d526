"""`attention(q, k, v, keep)` and `causal_keep(T, S, window)` of the lessons, in the places of our attentions.

B batch, H heads, G heads of keys and values, T queries, S keys, K head width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from deepdojo.layers.attention_causal import looking_back
from deepdojo.layers.attention_dot_product import scaled_dot_product_attention as _builtin

__all__ = ["causal_keep", "scaled_dot_product_attention"]


def scaled_dot_product_attention(own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Tensor]]:
    """The learner's attention with no mask, with one that looks back alone, and with shared keys."""
    attend = own["attention"]

    def plain(q: Tensor, k: Tensor, v: Tensor, keep: Tensor | None = None) -> Tensor:
        return attend(q, k, v, keep)

    def causal(q: Tensor, k: Tensor, v: Tensor, keep: Tensor | None = None) -> Tensor:
        return attend(q, k, v, looking_back(q.shape[2], k.shape[2], q.device, keep))

    def grouped(q: Tensor, k: Tensor, v: Tensor, keep: Tensor | None = None) -> Tensor:
        times = q.shape[1] // k.shape[1]
        return causal(q, k.repeat_interleave(times, 1), v.repeat_interleave(times, 1), keep)

    return {"scaled_dot_product_attention": plain, "causal_attention": causal, "grouped_query_attention": grouped}


def causal_keep(own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Tensor]]:
    """Our attention under the learner's mask."""
    make = own["causal_keep"]

    def masked(T: int, S: int, window: int | None, keep: Tensor | None, device: torch.device) -> Tensor:
        seen = make(T, S, window).to(device)[None, None]  # (1, 1, T, S)
        return seen if keep is None else seen & keep[:, None, None]

    def causal(q: Tensor, k: Tensor, v: Tensor, keep: Tensor | None = None) -> Tensor:
        return _builtin(q, k, v, masked(q.shape[2], k.shape[2], None, keep, q.device))

    def sliding(q: Tensor, k: Tensor, v: Tensor, window: int, keep: Tensor | None = None) -> Tensor:
        seen = masked(q.shape[2], k.shape[2], window, keep, q.device)
        if keep is not None:  # padding asks for nothing
            seen = seen & keep[:, None, -q.shape[2] :, None]
        return _builtin(q, k, v, seen)

    return {"causal_attention": causal, "sliding_window_attention": sliding}
