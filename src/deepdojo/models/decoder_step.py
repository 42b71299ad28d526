"""One step of a decoder without its modules: what each new token of a generated text costs.

A step of one token does so little arithmetic that calling modules is a large part of it. Here the weights are looked up
once, and a step is a list of kernel calls. The arithmetic is `Decoder`'s, and a test holds the two equal; a model with
a learner's layer inside, or a part that is not known here, has no such step.
Dimensions: B rows, S steps so far, D width, H heads, G key/value heads, K head width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepdojo.layers import activations as _activations
from deepdojo.layers.activations import ACTIVATIONS
from deepdojo.layers.attention_causal import CausalSelfAttention, causal_attention
from deepdojo.layers.attention_grouped_query import GroupedQueryAttention, grouped_query_attention
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.embeddings import Embedding, embedding
from deepdojo.layers.feed_forward import FeedForward
from deepdojo.layers.feed_forward_gated import GatedFeedForward, swiglu
from deepdojo.layers.fully_connected import Linear, linear
from deepdojo.layers.key_value_cache import KeyValues
from deepdojo.layers.layer_normalisation import LayerNorm, layer_norm
from deepdojo.layers.positions_learned import LearnedPositions
from deepdojo.layers.positions_rotary import RotaryPositions, Turn, rotary
from deepdojo.layers.rms_normalisation import RMSNorm, rms_norm
from deepdojo.layers.transformer_decoder_block import DecoderBlock
from deepdojo.models.decoder import Decoder

__all__ = ["DecoderStep", "decoder_step"]

_BENDS = {getattr(_activations, name) for name in ACTIVATIONS}
_FUNCTIONS = {
    linear,
    embedding,
    layer_norm,
    rms_norm,
    causal_attention,
    grouped_query_attention,
    swiglu,
    rotary,
} | _BENDS
_LAYERS = {
    CausalSelfAttention, Decoder, DecoderBlock, Dropout, Embedding, FeedForward, GatedFeedForward,
    GroupedQueryAttention, LayerNorm, LearnedPositions, Linear, RMSNorm, RotaryPositions, nn.ModuleList,
}  # fmt: skip

# Where the layers keep the functions that a learner's may stand in for.
_TAKEN = ("apply_linear", "look_up", "normalise", "attend", "gate", "bend", "rotate")


def decoder_step(model: nn.Module, cache: Any) -> DecoderStep | None:
    """The lean step of a model in evaluation mode, or None where it has parts that are not known here."""
    if not isinstance(model, Decoder) or model.training or not model.config.norm_first or not isinstance(cache, list):
        return None
    for module in model.modules():
        if type(module) not in _LAYERS or module._forward_hooks or module._forward_pre_hooks:
            return None
        if any(getattr(module, name, linear) not in _FUNCTIONS for name in _TAKEN):
            return None
        if isinstance(module, GroupedQueryAttention) and module.window:
            return None
    return DecoderStep(model, cache)


class DecoderStep:
    """Takes one token a row, puts its keys and values into the cache, and gives the scores of the next.

    Args:
        model: a decoder of built-in layers.
        cache: of `model.new_cache`, with what came before.
    """

    def __init__(self, model: Decoder, cache: list[KeyValues]) -> None:
        self.positions, self.rotary, self.cache = model.positions, model.rotary, cache
        self.table = None if model.positions is None else model.positions.weight
        self.blocks = [_Block(block) for block in model.blocks]
        self.norm = _norm(model.norm)
        head = model.embedding if model.head is None else model.head
        self.embedding, self.head = model.embedding.weight, head.weight

    def __call__(self, token: Int[Tensor, B], keep: Bool[Tensor, "B S"] | None = None) -> Float[Tensor, "B V"]:
        """`keep`: which of all steps, this one included, are real; this one is."""
        start = self.cache[0].length
        h = F.embedding(token, self.embedding)  # (B, D)
        places = None if keep is None else keep.sum(1) - 1
        if self.table is not None and self.positions is not None:
            if start >= self.table.shape[0]:
                self.positions(h[:, None], start)  # says that the text is longer than the table
            h = h + (self.table[start] if places is None else self.table[places])
        turn = None
        if self.rotary is not None:
            turn = self.rotary.at(h, start, 1, None if places is None else places[:, None])
        seen = None if keep is None else keep[:, None, None]
        for block, cache in zip(self.blocks, self.cache, strict=True):
            h = block(h, turn, cache, seen)
        return F.linear(self.norm(h), self.head)


class _Block:
    """The weights of one block, and its arithmetic for one step."""

    def __init__(self, block: Any) -> None:
        attention, thinking = block.attention, block.feed_forward
        self.norm1, self.norm2 = _norm(block.norm1), _norm(block.norm2)
        self.heads = attention.num_heads
        self.groups = getattr(attention, "num_kv_heads", self.heads)
        self.width = attention.out_proj.weight.shape[1] // self.heads
        normed = getattr(attention, "q_norm", None) is not None
        self.qk_norm = (_norm(attention.q_norm), _norm(attention.k_norm)) if normed else None
        self.into, self.out = _product(attention.in_proj), _added(attention.out_proj)
        self.up, self.down = _product(thinking.linear1), _added(thinking.linear2)
        self.bend = thinking.bend if isinstance(thinking, FeedForward) else None

    def __call__(self, h: Tensor, turn: Turn | None, cache: KeyValues, seen: Tensor | None) -> Tensor:
        B, H, G = h.shape[0], self.heads, self.groups
        heads = self.into(self.norm1(h)).view(B, H + 2 * G, 1, self.width)  # (B, H + 2G, 1, K)
        if turn is None and self.qk_norm is None:
            q, k, v = heads.split((H, G, G), 1)
        else:
            qk, v = heads.split((H + G, G), 1)
            if self.qk_norm is not None:
                q, k = qk.split((H, G), 1)
                qk = torch.cat([self.qk_norm[0](q), self.qk_norm[1](k)], 1)
            q, k = (qk if turn is None else turn(qk)).split((H, G), 1)
        keys, values = cache.extended(k, v)
        if G < H:
            q = q.reshape(B, G, H // G, self.width)  # the heads of a group are queries of one head
        mixed = _mixed(q, keys, values, seen)
        h = self.out(h, mixed.reshape(B, H * self.width))
        up = self.up(self.norm2(h))
        if self.bend is not None:
            return self.down(h, self.bend(up))
        gate, value = up.chunk(2, -1)
        return self.down(h, F.silu(gate).mul_(value))


def _mixed(q: Tensor, keys: Tensor, values: Tensor, seen: Tensor | None) -> Tensor:
    """Attention of one step. For many rows on the CPU products of whole batches are faster than the fused kernel,
    which takes head by head; for few the kernel is."""
    if not q.is_cpu or q.shape[0] * q.shape[1] < 48:
        return F.scaled_dot_product_attention(q, keys, values, attn_mask=seen)
    scores = (q @ keys.transpose(2, 3)).mul_(q.shape[-1] ** -0.5)
    return torch.softmax(scores if seen is None else scores.masked_fill_(~seen, -torch.inf), -1) @ values


def _product(layer: Any) -> Callable[[Tensor], Tensor]:
    """W x + b, with W turned once instead of at every step."""
    turned, bias = layer.weight.t(), layer.bias
    if bias is None:
        return lambda x: torch.mm(x, turned)
    return lambda x: torch.addmm(bias, x, turned)


def _added(layer: Any) -> Callable[[Tensor, Tensor], Tensor]:
    """h + W x + b, into h."""
    turned, bias = layer.weight.t(), layer.bias
    if bias is None:
        return lambda h, x: h.addmm_(x, turned)
    return lambda h, x: h.addmm_(x, turned).add_(bias)


def _norm(norm: Any) -> Callable[[Tensor], Tensor]:
    weight, eps = norm.weight, norm.eps
    if isinstance(norm, LayerNorm):
        shape, bias = weight.shape, norm.bias
        return lambda x: torch.layer_norm(x, shape, weight, bias, eps)
    # Without gradients torch 2.13 makes its own of many small operations. x / √(mean x² + eps) is
    # √D x / √(|x|² + D eps), and the root of a sum of two squares is one operation.
    D = len(weight)
    scaled, offset = weight * D**0.5, weight.new_tensor((D * eps) ** 0.5)
    return lambda x: torch.hypot(torch.linalg.vector_norm(x, dim=-1, keepdim=True), offset).reciprocal_() * x * scaled
