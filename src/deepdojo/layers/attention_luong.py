"""Multiplicative attention: the score of a key is its product with the query, plain or through a matrix.

Dimensions: B batch, T queries, S keys, Q query width, K key width. `keep` is boolean, True = may be attended to.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.layers.attention_additive_bahdanau import require_keys, require_memory
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import Layer, current
from deepdojo.layers.shapes import require_width
from deepdojo.layers.softmax_over_kept import softmax_over_kept

__all__ = ["LuongAttention", "luong_attention_reference"]


class LuongAttention(Layer):
    """score(q, k) = q·k ("dot") or q·(W k) ("general"); weights = softmax over the kept keys; context = their mean.

    Not divided by √K: `scaled_dot_product_attention` is.

    Args:
        query_size: Q.
        key_size: K; must equal Q for "dot".
        score: which of the two.

    A query that may see nothing gets zeros and passes no gradient.
    Cost: 2·B·T·S·(Q + K) operations, and 2·B·S·Q·K for W k ("general"), once for all queries (`project_keys`).
    Source: Luong, Pham & Manning 2015, section 3.1.
    Raises: RecipeError when the widths don't allow "dot"; ShapeError for a wrong width or mask.
    """

    def __init__(self, query_size: int, key_size: int, score: Literal["dot", "general"] = "general") -> None:
        super().__init__()
        if score == "dot" and query_size != key_size:
            raise RecipeError(
                f"dot needs queries and keys of one width, got {query_size} and {key_size}", where="score"
            )
        self.query_size, self.key_size = query_size, key_size
        self.key = Linear(key_size, query_size, bias=False) if score == "general" else None
        self.softmax = current("softmax")

    def project_keys(self, memory: Float[Tensor, "B S K"]) -> Float[Tensor, "B S Q"]:
        """W k, or k itself, to be computed once for all queries."""
        require_width("LuongAttention", memory, self.key_size, rank=3)
        return memory if self.key is None else self.key(memory)

    def forward(
        self,
        queries: Float[Tensor, "B T Q"],
        memory: Float[Tensor, "B S K"],
        keep: Bool[Tensor, "B S"] | None = None,
        keys: Float[Tensor, "B S Q"] | None = None,
    ) -> tuple[Float[Tensor, "B T K"], Float[Tensor, "B T S"]]:
        """The context of each query, and its weights over the memory. `keys` is `project_keys(memory)`."""
        require_width("LuongAttention", queries, self.query_size, rank=3)
        require_width("LuongAttention", memory, self.key_size, rank=3)
        require_memory(queries, memory, keep)
        keys = self.project_keys(memory) if keys is None else require_keys(keys, memory, self.query_size)
        scores = queries @ keys.transpose(1, 2)  # (B, T, S)
        weights = softmax_over_kept(scores, None if keep is None else keep.unsqueeze(1), self.softmax)
        return weights @ memory, weights


def luong_attention_reference(
    attention: LuongAttention,
    queries: Float[Tensor, "B T Q"],
    memory: Float[Tensor, "B S K"],
    keep: Bool[Tensor, "B S"] | None = None,
) -> tuple[Float[Tensor, "B T K"], Float[Tensor, "B T S"]]:
    """What `attention(queries, memory, keep)` gives, in plain algebra: one row, one query after another."""
    keep = memory.new_ones(memory.shape[:2], dtype=torch.bool) if keep is None else keep
    weights = memory.new_zeros(queries.shape[0], queries.shape[1], memory.shape[1])
    for b, kept in enumerate(keep):
        keys = memory[b, kept] if attention.key is None else memory[b, kept] @ attention.key.weight.T
        for t, q in enumerate(queries[b]):
            scores = torch.exp(keys @ q)
            weights[b, t, kept] = scores / scores.sum()
    return torch.einsum("bts,bsk->btk", weights, memory), weights
