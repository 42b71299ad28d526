"""Attention that looks back alone. Dimensions: B batch, T queries, S keys, D model width, H heads, K = D / H."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import Layer, current
from deepdojo.layers.positions_rotary import RotaryPositions
from deepdojo.layers.shapes import ShapeError, require_width

__all__ = ["CausalSelfAttention", "KeyValues", "causal_attention", "causal_attention_reference"]


def causal_attention(
    q: Float[Tensor, "B H T K"], k: Float[Tensor, "B H S K"], v: Float[Tensor, "B H S K"]
) -> Float[Tensor, "B H T K"]:
    """softmax(q kᵀ / √K) v over the keys up to each query's own step; the queries are the last T of the S steps.

    Numerics and cost: torch's fused kernel, which leaves out what lies ahead: about 2·B·H·T·S·K operations.
    Source: Vaswani et al. 2017, section 3.2.3 (the mask of the decoder).
    Raises: ShapeError when there are more queries than keys.
    """
    T, S = q.shape[2], k.shape[2]
    if T == S:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    if T == 1:
        return F.scaled_dot_product_attention(q, k, v)
    if T > S:
        raise ShapeError(f"causal attention needs a key for every query, got {T} queries and {S} keys")
    keep = torch.ones(T, S, dtype=torch.bool, device=q.device).tril(S - T)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=keep)


def causal_attention_reference(
    q: Float[Tensor, "B H T K"], k: Float[Tensor, "B H S K"], v: Float[Tensor, "B H S K"]
) -> Float[Tensor, "B H T K"]:
    """`causal_attention` in plain algebra."""
    T, S = q.shape[2], k.shape[2]
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (B, H, T, S)
    ahead = torch.arange(S)[None, :] > torch.arange(S - T, S)[:, None]
    return torch.softmax(scores.masked_fill(ahead.to(q.device), -torch.inf), -1) @ v


class KeyValues:
    """Keys and values of the steps that a layer has seen, so that a new step costs one step.

    Args:
        capacity: steps that fit.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity, self.length = capacity, 0
        self._keys: Tensor | None = None
        self._values: Tensor | None = None

    def extended(self, k: Float[Tensor, "B H T K"], v: Float[Tensor, "B H T K"]) -> tuple[Tensor, Tensor]:
        """All keys and values, with those of T new steps at the end. Raises ShapeError when they do not fit."""
        end = self.length + k.shape[2]
        if end > self.capacity:
            raise ShapeError(f"the cache holds {self.capacity} steps, and {end} are asked for")
        if self._keys is None or self._values is None:
            room = (*k.shape[:2], self.capacity, k.shape[3])
            self._keys, self._values = k.new_empty(room), v.new_empty(room)
        self._keys[:, :, self.length : end], self._values[:, :, self.length : end] = k, v
        self.length = end
        return self._keys[:, :, :end], self._values[:, :, :end]


class CausalSelfAttention(Layer):
    """H attentions side by side in which each step sees itself and what came before; results are joined.

    Args:
        embed_dim: D.
        num_heads: H, must divide D.
        bias: whether both projections have one.
        rotary: turn queries and keys by their steps, of up to so many; 0 leaves positions to the model.

    Initialisation: that of Linear; models draw their own.
    Source: Radford et al. 2018, 2019 (GPT); rotary positions: Su et al. 2021.
    Raises: RecipeError when H does not divide D.
    """

    def __init__(self, embed_dim: int, num_heads: int, bias: bool = True, rotary: int = 0) -> None:
        super().__init__()
        if num_heads < 1 or embed_dim % num_heads:
            raise RecipeError(
                f"num_heads = {num_heads} does not divide the width {embed_dim}", where="CausalSelfAttention"
            )
        self.embed_dim, self.num_heads = embed_dim, num_heads
        self.in_proj = Linear(embed_dim, 3 * embed_dim, bias=bias)
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias)
        self.positions = RotaryPositions(rotary, embed_dim // num_heads) if rotary else None
        self.attend = current("causal_attention")

    def forward(self, x: Float[Tensor, "B T D"], cache: KeyValues | None = None) -> Float[Tensor, "B T D"]:
        """With `cache`, `x` are the steps after those in it, and they are put into it."""
        require_width("CausalSelfAttention", x, self.embed_dim, rank=3)
        heads = self.in_proj(x).unflatten(-1, (3, self.num_heads, -1)).transpose(1, 3)  # (B, H, 3, T, K)
        q, k, v = heads.unbind(2)
        if self.positions is not None:
            start = 0 if cache is None else cache.length
            q, k = self.positions(q, start), self.positions(k, start)
        if cache is not None:
            k, v = cache.extended(k, v)
        return self.out_proj(self.attend(q, k, v).transpose(1, 2).flatten(2))

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, heads={self.num_heads}"
