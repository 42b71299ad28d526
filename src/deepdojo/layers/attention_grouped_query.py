"""Grouped-query and multi-query attention: several query heads share one key and value head.

Dimensions: B batch, T queries, S keys, D model width, H query heads, G key/value heads, K head width.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.layers.attention_causal import causal_attention_reference, looking_back
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import Layer, current
from deepdojo.layers.key_value_cache import KeyValues
from deepdojo.layers.positions_rotary import Turn
from deepdojo.layers.rms_normalisation import RMSNorm
from deepdojo.layers.shapes import ShapeError, require_heads, require_mask, require_queries, require_width

__all__ = ["GroupedQueryAttention", "grouped_query_attention", "grouped_query_attention_reference"]


def grouped_query_attention(
    q: Float[Tensor, "B H T K"],
    k: Float[Tensor, "B G S K"],
    v: Float[Tensor, "B G S K"],
    keep: Bool[Tensor, "B S"] | None = None,
) -> Float[Tensor, "B H T K"]:
    """Causal attention in which query heads h·H/G … (h + 1)·H/G - 1 look at key/value head h; the queries are the last
    T of S steps. G = H is multi-head attention, G = 1 multi-query attention.

    Args:
        keep: True = a real step. A query that may see nothing gets zeros and passes no gradient.

    Cost: operations as with H key heads; a cache of keys and values H/G times smaller, which is what a step of
    generation spends its time reading.
    Source: Ainslie et al. 2023 (GQA); Shazeer 2019 (one head: "Fast transformer decoding").
    Raises: ShapeError where G does not divide H, for more queries than keys, or for a mask of another shape.
    """
    require_queries("grouped-query attention", q, k, v, grouped=True)
    H, T, G, S = q.shape[1], q.shape[2], k.shape[1], k.shape[2]
    if G == 0 or H % G:
        raise ShapeError(f"{G} key/value heads do not divide {H} query heads")
    if T > S:
        raise ShapeError(f"causal attention needs a key for every query, got {T} queries and {S} keys")
    if keep is not None:
        require_mask("grouped-query attention", keep, (q.shape[0], S))
    if T == 1:  # the heads of a group are queries of one head: no key is read twice
        grouped = q.reshape(q.shape[0], G, H // G, q.shape[3])
        seen = None if keep is None else keep[:, None, None]
        return _seeing(grouped, k, v, seen).reshape(q.shape)
    if keep is None and T == S:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=G < H)
    return _seeing(q, k, v, looking_back(T, S, q.device, keep))


def _seeing(q: Tensor, k: Tensor, v: Tensor, seen: Tensor | None) -> Tensor:
    grouped = q.shape[1] > k.shape[1]
    if seen is None:
        return F.scaled_dot_product_attention(q, k, v, enable_gqa=grouped)
    blind = ~seen.any(-1, keepdim=True)
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=seen | blind, enable_gqa=grouped)
    return out.masked_fill(blind, 0.0)


def grouped_query_attention_reference(
    q: Float[Tensor, "B H T K"],
    k: Float[Tensor, "B G S K"],
    v: Float[Tensor, "B G S K"],
    keep: Bool[Tensor, "B S"] | None = None,
) -> Float[Tensor, "B H T K"]:
    """`grouped_query_attention` in plain algebra: each key and value head is repeated for its group."""
    times = q.shape[1] // k.shape[1]
    return causal_attention_reference(q, k.repeat_interleave(times, 1), v.repeat_interleave(times, 1), keep)


class GroupedQueryAttention(Layer):
    """Causal self-attention with H query heads on G key/value heads, as in Llama, Mistral and Qwen.

    Args:
        embed_dim: D.
        num_heads: H.
        num_kv_heads: G, must divide H.
        head_width: K; 0 takes D / H.
        bias: which projections have one: none, qkv (Qwen2), all.
        qk_norm: eps of an RMS normalisation of every query and key head before they are turned (Qwen3); 0 has none.
        window: steps that a step sees, itself included; 0 sees all before it.
        biased: whether a bias is added to the scores at each call; not beside a window.

    Initialisation: that of Linear; models draw their own.
    Source: Ainslie et al. 2023; normalised queries and keys: Henry et al. 2020.
    Raises: RecipeError when heads do not divide.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        num_kv_heads: int,
        head_width: int = 0,
        bias: Literal["none", "qkv", "all"] = "none",
        qk_norm: float = 0.0,
        window: int = 0,
        biased: bool = False,
    ) -> None:
        super().__init__()
        if not head_width:
            require_heads("GroupedQueryAttention", embed_dim, num_heads)
        if num_kv_heads < 1 or num_heads % num_kv_heads:
            fits = [n for n in range(1, num_heads + 1) if num_heads % n == 0]
            raise RecipeError(
                f"num_kv_heads = {num_kv_heads} does not divide num_heads = {num_heads}",
                where="GroupedQueryAttention",
                todo=f"take one of {', '.join(map(str, fits))}",
            )
        self.embed_dim, self.num_heads, self.num_kv_heads, self.window = embed_dim, num_heads, num_kv_heads, window
        self.head_width = head_width or embed_dim // num_heads
        if biased and window:
            raise RecipeError("a window and a bias do not go together", where="GroupedQueryAttention")
        rows = (num_heads + 2 * num_kv_heads) * self.head_width
        self.in_proj = Linear(embed_dim, rows, bias=bias != "none")
        self.out_proj = Linear(num_heads * self.head_width, embed_dim, bias=bias == "all")
        self.q_norm = RMSNorm(self.head_width, qk_norm) if qk_norm else None
        self.k_norm = RMSNorm(self.head_width, qk_norm) if qk_norm else None
        # One of three: what is taken here is counted as built, so only what is called is taken.
        kind = "biased" if biased else "sliding_window" if window else "grouped_query"
        self.biased, self.attend = biased, current(f"{kind}_attention")

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        turn: Turn | None = None,
        cache: KeyValues | None = None,
        keep: Bool[Tensor, "B S"] | None = None,
        bias: Float[Tensor, "#B H T S"] | None = None,
    ) -> Float[Tensor, "B T D"]:
        """As CausalSelfAttention; `bias` is added to the scores (`positions_alibi.py`, `positions_relative.py`)."""
        require_width("GroupedQueryAttention", x, self.embed_dim, rank=3)
        H, G = self.num_heads, self.num_kv_heads
        heads = self.in_proj(x).unflatten(-1, (H + 2 * G, self.head_width)).transpose(1, 2)  # (B, H + 2G, T, K)
        qk, v = heads[:, : H + G], heads[:, H + G :]
        if self.q_norm is not None and self.k_norm is not None:
            qk = torch.cat([self.q_norm(qk[:, :H]), self.k_norm(qk[:, H:])], 1)
        if turn is not None:
            qk = turn(qk)
        q, k = qk[:, :H], qk[:, H:]
        if cache is not None:
            k, v = cache.extended(k, v)
        return self.out_proj(self._attended(q, k, v, keep, bias).transpose(1, 2).flatten(2))

    def _attended(self, q: Tensor, k: Tensor, v: Tensor, keep: Tensor | None, bias: Tensor | None) -> Tensor:
        if (bias is not None) != self.biased:
            wanted = "a bias" if self.biased else "no bias, since it was built without `biased`"
            raise ShapeError(f"GroupedQueryAttention expects {wanted}")
        if bias is None and not self.window:
            return self.attend(q, k, v, keep)
        times = self.num_heads // self.num_kv_heads
        if times > 1:
            k, v = k.repeat_interleave(times, 1), v.repeat_interleave(times, 1)
        if bias is None:
            return self.attend(q, k, v, self.window, keep)
        return self.attend(q, k, v, bias, looking_back(q.shape[2], k.shape[2], q.device, keep))

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, heads={self.num_heads}, kv_heads={self.num_kv_heads}, window={self.window}"
