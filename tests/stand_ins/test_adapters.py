"""A right solution of a lesson, in the lesson's own signature, gives in our layers what the built-in gives: values,
gradients, masks, caches, empty rows; in float64 under a random cotangent."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.layers import replaced
from deepdojo.layers.attention_additive_bahdanau import AdditiveAttention
from deepdojo.layers.attention_causal import causal_attention
from deepdojo.layers.attention_dot_product import scaled_dot_product_attention
from deepdojo.layers.attention_grouped_query import grouped_query_attention
from deepdojo.layers.attention_multi_head import MultiHeadAttention
from deepdojo.layers.attention_sliding_window import sliding_window_attention
from deepdojo.layers.crf_log_partition import log_partition
from deepdojo.layers.crf_viterbi import viterbi
from deepdojo.layers.elman import RNN, elman_cell
from deepdojo.layers.key_value_cache import KeyValues
from deepdojo.layers.positions_rotary import RotaryPositions
from deepdojo.layers.transformer_decoder_layer import DecoderLayer
from deepdojo.layers.transformer_encoder_layer import EncoderLayer
from deepdojo.stand_ins import (
    STAND_INS,
    attention,
    attention_additive,
    attention_multi_head,
    crf,
    recurrence,
    rope,
    transformer,
)
from tests.stand_ins.agreeing import DRAW, agree, mask, normal, prefix


def own_attention(q: Tensor, k: Tensor, v: Tensor, keep: Tensor | None = None) -> Tensor:
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    if keep is None:
        return scores.softmax(-1) @ v
    dead = ~keep.any(-1, keepdim=True)
    return scores.masked_fill(~(keep | dead), -math.inf).softmax(-1).masked_fill(dead, 0) @ v


def own_causal_keep(T: int, S: int, window: int | None = None) -> Tensor:
    back = torch.arange(T)[:, None] + S - T - torch.arange(S)
    return (back >= 0) & (back < (window or S + 1))


def own_additive(
    q: Tensor, k: Tensor, v: Tensor, w_q: Tensor, w_k: Tensor, w: Tensor, keep: Tensor | None = None
) -> Tensor:
    scores = torch.tanh((q @ w_q.T)[:, :, None] + (k @ w_k.T)[:, None]) @ w
    dead = torch.zeros_like(scores[:, :1, :1], dtype=torch.bool) if keep is None else ~keep.any(-1)[:, None, None]
    if keep is not None:
        scores = scores.masked_fill(~(keep[:, None] | dead), -math.inf)
    return scores.softmax(-1).masked_fill(dead, 0) @ v


def own_multi_head(
    x_q: Tensor,
    x_kv: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    w_o: Tensor,
    num_heads: int,
    keep: Tensor | None = None,
) -> Tensor:
    q, k, v = (
        (x @ w.T).unflatten(-1, (num_heads, -1)).transpose(1, 2) for x, w in ((x_q, w_q), (x_kv, w_k), (x_kv, w_v))
    )
    return own_attention(q, k, v, keep).transpose(1, 2).flatten(2) @ w_o.T


def own_rnn(
    x: Tensor, h0: Tensor, w_xh: Tensor, w_hh: Tensor, b: Tensor, keep: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    h, ys = h0, []
    for t in range(x.shape[1]):
        new = torch.tanh(x[:, t] @ w_xh.T + h @ w_hh.T + b)
        h = new if keep is None else torch.where(keep[:, t, None], new, h)
        ys.append(h)
    return torch.stack(ys, 1), h


def own_rope(x: Tensor, positions: Tensor, base: float, interleaved: bool) -> Tensor:
    K = x.shape[-1]
    angles = positions[:, None].to(x) * base ** (-torch.arange(0, K, 2).to(x) / K)
    c, s = angles.cos(), angles.sin()
    a, b = (x[..., ::2], x[..., 1::2]) if interleaved else x.chunk(2, -1)
    turned = (a * c - b * s, a * s + b * c)
    return torch.stack(turned, -1).flatten(-2) if interleaved else torch.cat(turned, -1)


def own_log_partition(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, keep: Tensor) -> Tensor:
    alpha = start + emissions[:, 0]
    for t in range(1, emissions.shape[1]):
        new = (alpha[:, :, None] + transitions).logsumexp(1) + emissions[:, t]
        alpha = torch.where(keep[:, t, None], new, alpha)
    return (alpha + end).logsumexp(1)


def own_viterbi(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, keep: Tensor) -> list[list[int]]:
    found = []
    for row, real in zip(emissions, keep.sum(1).tolist(), strict=True):
        best, back = start + row[0], []
        for t in range(1, real):
            scores = best[:, None] + transitions
            back.append(scores.argmax(0))
            best = scores.amax(0) + row[t]
        path = [int((best + end).argmax())]
        for pointers in reversed(back):
            path.append(int(pointers[path[-1]]))
        found.append(path[::-1])
    return found


def test_attention_with_every_mask_and_shared_keys() -> None:
    parts = attention.scaled_dot_product_attention({"attention": own_attention})
    q, k, v = normal(2, 6, 3, 5), normal(2, 6, 7, 5), normal(2, 6, 7, 5)
    for keep in (None, mask(2, 6, 3, 7), mask(2, 1, 1, 7), torch.zeros(2, 1, 1, 7, dtype=torch.bool)):
        agree(scaled_dot_product_attention, parts["scaled_dot_product_attention"], q, k, v, keep)
    for keep in (None, prefix(7, 4, steps=7), torch.zeros(2, 7, dtype=torch.bool)):
        agree(causal_attention, parts["causal_attention"], q, k, v, keep)
        shared = normal(2, 2, 7, 5), normal(2, 2, 7, 5)
        agree(grouped_query_attention, parts["grouped_query_attention"], q, *shared, keep)


def test_a_causal_mask_with_and_without_a_window() -> None:
    parts = attention.causal_keep({"causal_keep": own_causal_keep})
    q, k, v = normal(2, 3, 5, 4), normal(2, 3, 7, 4), normal(2, 3, 7, 4)
    for keep in (None, prefix(7, 4, steps=7)):
        agree(causal_attention, parts["causal_attention"], q, k, v, keep)
        agree(sliding_window_attention, parts["sliding_window_attention"], q, k, v, 3, keep)


def test_additive_attention_gives_its_weights_and_takes_projected_keys() -> None:
    ours = AdditiveAttention(3, 5, 7).double()
    with replaced(attention_additive.additive_attention({"additive_attention": own_additive})) as counts:
        theirs = AdditiveAttention(3, 5, 7).double()
    assert counts == {"AdditiveAttention": 1}
    theirs.load_state_dict(ours.state_dict())
    q, m = normal(2, 4, 3), normal(2, 6, 5)
    for keep in (None, prefix(6, 2, steps=6), prefix(6, 0, steps=6)):
        agree(ours, theirs, q, m, keep)
        agree(ours, theirs, q, m, keep, ours.project_keys(m).detach().requires_grad_())


@pytest.mark.parametrize("causal", [False, True])
def test_multi_head_attention_with_biases_masks_and_a_cache(causal: bool) -> None:
    ours = MultiHeadAttention(6, 2, causal=causal).double()
    nn.init.normal_(ours.in_proj_bias)
    with replaced(attention_multi_head.multi_head_attention({"multi_head_attention": own_multi_head})):
        theirs = MultiHeadAttention(6, 2, causal=causal).double()
    theirs.load_state_dict(ours.state_dict())
    x, m = normal(3, 5, 6), normal(3, 7, 6)
    for keep in (None, prefix(5, 2, 3, steps=5)):
        agree(ours, theirs, x, None, keep)
    if not causal:
        for keep in (mask(3, 5, 5), mask(3, 5, 7), prefix(7, 0, 3, steps=7)):
            agree(ours, theirs, x, x if keep.shape[-1] == 5 else m, keep)
    with torch.no_grad():
        stepped = []
        for layer in (ours, theirs):
            cache, own = KeyValues(), KeyValues()
            steps = [layer(x[:, t : t + 1], cache=cache) for t in range(5)]
            if not causal:
                steps += [layer(x[:, t : t + 1], m, cache=own) for t in range(5)]
            stepped.append(torch.cat(steps, 1))
        torch.testing.assert_close(stepped[1], stepped[0], rtol=1e-9, atol=1e-11)


def heads_of(x: Tensor, source: Tensor, p: dict[str, Tensor], H: int, keep: Tensor | None) -> Tensor:
    sides = ((x, "q"), (source, "k"), (source, "v"))
    q, k, v = ((s @ p[f"w_{n}"].T + p[f"b_{n}"]).unflatten(-1, (H, -1)).transpose(1, 2) for s, n in sides)
    return own_attention(q, k, v, keep).transpose(1, 2).flatten(2) @ p["w_o"].T + p["b_o"]


def thought(x: Tensor, p: Any) -> Tensor:
    return torch.relu(x @ p["w_1"].T + p["b_1"]) @ p["w_2"].T + p["b_2"]


def normed(x: Tensor, p: Any, n: int) -> Tensor:
    return nn.functional.layer_norm(x, x.shape[-1:], p[f"gain_{n}"], p[f"shift_{n}"])


def own_encoder_layer(x: Tensor, p: Any, num_heads: int, keep: Tensor | None = None, norm_first: bool = True) -> Tensor:
    seen = None if keep is None else keep[:, None, None]
    if norm_first:
        z = normed(x, p, 1)
        x = x + heads_of(z, z, p["self"], num_heads, seen)
        return x + thought(normed(x, p, 2), p)
    x = normed(x + heads_of(x, x, p["self"], num_heads, seen), p, 1)
    return normed(x + thought(x, p), p, 2)


def own_decoder_layer(y: Tensor, memory: Tensor, p: Any, num_heads: int, memory_keep: Tensor | None = None) -> Tensor:
    z, back = normed(y, p, 1), torch.ones(y.shape[1], y.shape[1], dtype=torch.bool).tril()
    y = y + heads_of(z, z, p["self"], num_heads, back)
    real = None if memory_keep is None else memory_keep[:, None, None]
    y = y + heads_of(normed(y, p, 2), memory, p["cross"], num_heads, real)
    return y + thought(normed(y, p, 3), p)


def test_encoder_and_decoder_layers_whole_and_step_by_step() -> None:
    x, m, keep = normal(3, 5, 6), normal(3, 4, 6), prefix(5, 2, 3, steps=5)
    for norm_first in (True, False):
        ours = EncoderLayer(6, 2, 8, 0.0, norm_first=norm_first).double()
        with replaced(transformer.encoder_layer({"encoder_layer": own_encoder_layer})):
            theirs = EncoderLayer(6, 2, 8, 0.0, norm_first=norm_first).double()
        theirs.load_state_dict(ours.state_dict())
        agree(ours, theirs, x)
        agree(ours, theirs, x, keep)
    deep = DecoderLayer(6, 2, 8, 0.0).double()
    with replaced(transformer.decoder_layer({"decoder_layer": own_decoder_layer})):
        own = DecoderLayer(6, 2, 8, 0.0).double()
    with (
        pytest.raises(RecipeError, match=r"has no dropout; add --set model.dropout=0"),
        replaced(transformer.decoder_layer({"decoder_layer": own_decoder_layer})),
    ):
        DecoderLayer(6, 2, 8, 0.1)
    own.load_state_dict(deep.state_dict())
    agree(deep, own, x, m, prefix(4, 1, 2, steps=4))
    with torch.no_grad():
        caches = KeyValues(), KeyValues()
        steps = [own(x[:, t : t + 1], m, None, None, caches) for t in range(5)]
        torch.testing.assert_close(torch.cat(steps, 1), deep(x, m), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("both", [False, True])
def test_a_recurrent_network_of_two_layers_with_padding_anywhere(both: bool) -> None:
    ours = RNN(3, 4, 2, bidirectional=both).double()
    with replaced(recurrence.masked_rnn({"masked_rnn": own_rnn})):
        theirs = RNN(3, 4, 2, bidirectional=both).double()
    theirs.load_state_dict(ours.state_dict())
    x, state = normal(4, 6, 3), normal(4 if both else 2, 4, 4)
    for keep in (None, prefix(6, 2, 0, 5, steps=6), mask(4, 6)):
        agree(ours, theirs, x, keep, state)
        draw = torch.randn(4, 6, 8 if both else 4, generator=DRAW, dtype=torch.float64)
        grads = [torch.autograd.grad((m(x, keep, state)[0] * draw).sum(), list(m.parameters())) for m in (ours, theirs)]
        torch.testing.assert_close(grads[1], grads[0], rtol=1e-9, atol=1e-11)
    cell = recurrence.rnn({"rnn": own_rnn})["elman_cell"]
    agree(elman_cell, cell, normal(4, 3), normal(4, 5), normal(5, 3), normal(5, 5), normal(5), normal(5))


@pytest.mark.parametrize("pairing", ["halves", "neighbours"])
def test_rotary_positions_from_a_step_on_and_at_places(pairing: Any) -> None:
    ours = RotaryPositions(16, 6, base=100.0, pairing=pairing)
    with replaced(rope.rope({"rope": own_rope})):
        theirs = RotaryPositions(16, 6, base=100.0, pairing=pairing)
    x = normal(2, 3, 5, 6)
    agree(ours, theirs, x)
    agree(ours, theirs, x, 4)
    agree(ours, theirs, x, 0, torch.tensor([[0, 1, 2, 3, 4], [0, 0, 1, 2, 3]]))


def test_a_crf_with_rows_of_different_length() -> None:
    parts = crf.crf({"log_partition": own_log_partition, "viterbi": own_viterbi})
    chain = normal(4, 4), normal(4), normal(4)
    for keep in (None, prefix(6, 1, 3, steps=6)):
        scores = normal(3, 6, 4)
        agree(log_partition, parts["log_partition"], scores, *chain, keep)
        assert torch.equal(viterbi(scores, *chain, keep), parts["viterbi"](scores, *chain, keep))


def test_every_idea_names_an_adapter_that_is_there() -> None:
    from importlib import import_module

    for each in STAND_INS:
        assert bool(each.absent) == (not each.parts)
        if each.file:
            assert callable(getattr(import_module(f"deepdojo.stand_ins.{each.file}"), each.idea))
