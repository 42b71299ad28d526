"""Additive attention: a small network scores each key against the query.

Dimensions: B batch, T queries, S keys, Q query width, K key width, A width of the network. `keep` is boolean, True =
    may be attended to.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import Layer, current
from deepdojo.layers.shapes import ShapeError, require_width
from deepdojo.layers.softmax_over_kept import softmax_over_kept

__all__ = ["AdditiveAttention", "additive_attention_reference", "require_keys", "require_memory"]


class AdditiveAttention(Layer):
    """score(q, k) = v·tanh(W q + U k); weights = softmax over the kept keys; context = their mean of the memory.

    Args:
        query_size: Q.
        key_size: K.
        width: A.

    A query that may see nothing gets zeros and passes no gradient.
    Cost: the sums W q + U k are a (B, T, S, A) tensor. U k does not depend on the query: `project_keys` once for a
    sequence, and a step of a decoder costs B·S·A, not B·S·A·K.
    Initialisation: W, U, v as Linear without bias.
    Source: Bahdanau, Cho & Bengio 2015, "Neural machine translation by jointly learning to align and translate",
    section 3.1 and appendix A.1.2.
    Raises: ShapeError for a wrong width or mask.
    """

    def __init__(self, query_size: int, key_size: int, width: int) -> None:
        super().__init__()
        self.query_size, self.key_size, self.width = query_size, key_size, width
        self.query = Linear(query_size, width, bias=False)  # W
        self.key = Linear(key_size, width, bias=False)  # U
        self.score = Linear(width, 1, bias=False)  # v
        self.softmax = current("softmax")

    def project_keys(self, memory: Float[Tensor, "B S K"]) -> Float[Tensor, "B S A"]:
        """U k, to be computed once for all queries."""
        require_width("AdditiveAttention", memory, self.key_size, rank=3)
        return self.key(memory)

    def forward(
        self,
        queries: Float[Tensor, "B T Q"],
        memory: Float[Tensor, "B S K"],
        keep: Bool[Tensor, "B S"] | None = None,
        keys: Float[Tensor, "B S A"] | None = None,
    ) -> tuple[Float[Tensor, "B T K"], Float[Tensor, "B T S"]]:
        """The context of each query, and its weights over the memory. `keys` is `project_keys(memory)`."""
        require_width("AdditiveAttention", queries, self.query_size, rank=3)
        require_width("AdditiveAttention", memory, self.key_size, rank=3)
        require_memory(queries, memory, keep)
        keys = self.project_keys(memory) if keys is None else require_keys(keys, memory, self.width)
        sums = torch.tanh(self.query(queries).unsqueeze(2) + keys.unsqueeze(1))  # (B, T, S, A)
        scores = self.score(sums).squeeze(-1)  # (B, T, S)
        weights = softmax_over_kept(scores, None if keep is None else keep.unsqueeze(1), self.softmax)
        return weights @ memory, weights

    def extra_repr(self) -> str:
        return f"{self.query_size}, {self.key_size}, {self.width}"


def require_memory(queries: Tensor, memory: Tensor, keep: Tensor | None) -> None:
    """Raises ShapeError unless queries and memory have one batch, and `keep` is boolean (B, S)."""
    if queries.shape[0] != memory.shape[0]:
        raise ShapeError(f"queries {tuple(queries.shape)} and memory {tuple(memory.shape)} are of different batches")
    if keep is not None and (keep.shape != memory.shape[:2] or keep.dtype != torch.bool):
        raise ShapeError(f"keep must be bool {tuple(memory.shape[:2])}, got {keep.dtype} {tuple(keep.shape)}")


def require_keys(keys: Tensor, memory: Tensor, width: int) -> Tensor:
    """The keys. Raises ShapeError unless they are (B, S, width), as projected from that memory."""
    wanted = (*memory.shape[:2], width)
    if tuple(keys.shape) != wanted:
        raise ShapeError(f"keys must be {wanted}, as project_keys makes them, got {tuple(keys.shape)}")
    return keys


def additive_attention_reference(
    attention: AdditiveAttention,
    queries: Float[Tensor, "B T Q"],
    memory: Float[Tensor, "B S K"],
    keep: Bool[Tensor, "B S"] | None = None,
) -> tuple[Float[Tensor, "B T K"], Float[Tensor, "B T S"]]:
    """What `attention(queries, memory, keep)` gives, in plain algebra: one row, one query after another."""
    W, U, v = attention.query.weight, attention.key.weight, attention.score.weight[0]
    keep = memory.new_ones(memory.shape[:2], dtype=torch.bool) if keep is None else keep
    weights = memory.new_zeros(queries.shape[0], queries.shape[1], memory.shape[1])
    for b, kept in enumerate(keep):
        for t, q in enumerate(queries[b]):
            scores = torch.exp(torch.tanh(W @ q + memory[b, kept] @ U.T) @ v)
            weights[b, t, kept] = scores / scores.sum()
    return torch.einsum("bts,bsk->btk", weights, memory), weights
