"""`multi_head_attention(x_q, x_kv, w_q, w_k, w_v, w_o, num_heads, keep)` of the lesson inside our layer.

B batch, T queries, S keys, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from deepdojo.layers.attention_causal import looking_back
from deepdojo.layers.attention_multi_head import MultiHeadAttention
from deepdojo.layers.key_value_cache import KeyValues

__all__ = ["multi_head_attention"]


def multi_head_attention(own: Mapping[str, Callable[..., Any]]) -> dict[str, type[MultiHeadAttention]]:
    """The lesson has no biases: each stands as one more column of its matrix, for an input that is 1 there. Where ours
    keeps keys and values from step to step, the inputs that they are made of are kept."""
    attend = own["multi_head_attention"]

    class OwnMultiHeadAttention(MultiHeadAttention):
        def forward(
            self, x: Tensor, memory: Tensor | None = None, keep: Tensor | None = None, cache: KeyValues | None = None
        ) -> Tensor:
            source = x if memory is None else memory
            if cache is not None:
                both = cache.held() if memory is not None and cache.length else cache.extended(*[source[:, None]] * 2)
                source = both[0][:, 0]
            w_q, w_k, w_v = torch.cat([self.in_proj_weight, self.in_proj_bias[:, None]], 1).chunk(3)
            seen = self._seen(x, source, keep)
            found = attend(_with_one(x), _with_one(source), w_q, w_k, w_v, self.out_proj.weight, self.num_heads, seen)
            bias = self.out_proj.bias
            return found if bias is None else found + bias

        def _seen(self, x: Tensor, source: Tensor, keep: Tensor | None) -> Tensor | None:
            if self.causal:
                return looking_back(x.shape[1], source.shape[1], x.device, keep)
            if keep is None:
                return None
            return keep[:, None, None] if keep.dim() == 2 else keep[:, None]

    return {"MultiHeadAttention": OwnMultiHeadAttention}


def _with_one(x: Tensor) -> Tensor:
    return torch.cat([x, torch.ones_like(x[..., :1])], -1)
