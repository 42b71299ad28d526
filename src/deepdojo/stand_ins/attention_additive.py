"""`additive_attention(q, k, v, w_q, w_k, w, keep)` of the lesson inside our layer.

B batch, T queries, S keys, K key width, A common width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from deepdojo.layers.attention_additive_bahdanau import AdditiveAttention

__all__ = ["additive_attention"]


def additive_attention(own: Mapping[str, Callable[..., Any]]) -> dict[str, type[AdditiveAttention]]:
    """Ours gives the weights too: the values get the identity beside them, whose mean under the weights they are."""
    attend = own["additive_attention"]

    class OwnAdditiveAttention(AdditiveAttention):
        def forward(
            self, queries: Tensor, memory: Tensor, keep: Tensor | None = None, keys: Tensor | None = None
        ) -> tuple[Tensor, Tensor]:
            S, K = memory.shape[1:]
            marks = torch.eye(S, dtype=memory.dtype, device=memory.device).expand(len(memory), S, S)
            both = torch.cat([memory, marks], -1)  # (B, S, K + S)
            w_k: Tensor = self.key.weight
            if keys is not None:  # projected before, once for all steps of a decoder
                memory, w_k = keys, torch.eye(self.width, dtype=keys.dtype, device=keys.device)
            found = attend(queries, memory, both, self.query.weight, w_k, self.score.weight[0], keep)
            return found[..., :K], found[..., K:]

    return {"AdditiveAttention": OwnAdditiveAttention}
