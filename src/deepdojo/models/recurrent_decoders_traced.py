"""The walk of an attentive decoder in plain algebra, as TorchScript reads it: a loop of as many steps as words.

A tracer writes down each step of a Python loop, and so the number of steps for good. Held equal to `AttentiveDecoder`
by the tests of exports.

Dimensions: B batch, T words, S memory steps, E width of word vectors, D width of the memory, H state width, A width of
    the attention.
"""

from __future__ import annotations

import inspect
import warnings
from functools import cache
from typing import Any

import torch
from torch import Tensor

__all__ = ["traced_walk"]


def _walk(
    words: Tensor,  # (B, T, E)
    h: Tensor,  # (B, H)
    c: Tensor,  # (B, H); of no use to a GRU
    lstm: bool,
    memory: Tensor,  # (B, S, D)
    keep: Tensor,  # (B, S)
    keys: Tensor,  # (B, S, A)
    query: Tensor,  # (A, H)
    score: Tensor,  # (A,)
    gate: Tensor,  # (1, H)
    gate_bias: Tensor,  # (1,); +inf, so that the gate is open, where there is none
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor,
    b_hh: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """States (B, T, H), contexts (B, T, D), weights (B, T, S), and h and c after the last word."""
    dead = ~keep.any(1, keepdim=True)
    seen = keep | dead
    states: list[Tensor] = []
    contexts: list[Tensor] = []
    looked: list[Tensor] = []
    for t in range(words.size(1)):
        sums = torch.tanh((h @ query.t()).unsqueeze(1) + keys)
        scores = (sums * score).sum(2).masked_fill(~seen, -float("inf"))
        weights = torch.softmax(scores, 1).masked_fill(dead, 0.0)
        context = (weights.unsqueeze(2) * memory).sum(1) * torch.sigmoid(h @ gate.t() + gate_bias)
        from_x = torch.cat([words[:, t], context], 1) @ w_ih.t() + b_ih
        from_h = h @ w_hh.t() + b_hh
        if lstm:
            i, f, g, o = (from_x + from_h).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        else:
            x_r, x_z, x_n = from_x.chunk(3, 1)
            h_r, h_z, h_n = from_h.chunk(3, 1)
            z = torch.sigmoid(x_z + h_z)
            h = (1 - z) * torch.tanh(x_n + torch.sigmoid(x_r + h_r) * h_n) + z * h
        states.append(h)
        contexts.append(context)
        looked.append(weights)
    return torch.stack(states, 1), torch.stack(contexts, 1), torch.stack(looked, 1), h, c


@cache
def _scripted() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch.export has no loop that an exporter can write
        return torch.jit.script(inspect.unwrap(_walk))  # without the shape checks of a test suite


def traced_walk(decoder: Any, words: Tensor, cache: Any) -> tuple[Tensor, Tensor, Tensor]:
    """What `AttentiveDecoder.forward` gives while torch traces it; the cache goes on as there."""
    h, c = cache.state[0][0], cache.state[-1][0]
    keep = torch.ones_like(cache.memory[..., 0], dtype=torch.bool) if cache.keep is None else cache.keep
    attention, gate = decoder.attention, decoder.gate
    gates = (torch.zeros_like(h[:1]), torch.full_like(h[0, :1], torch.inf))
    if gate is not None:
        gates = (gate.weight, gate.bias)
    states, contexts, weights, h, c = _scripted()(
        words, h, c, len(cache.state) == 2, cache.memory, keep, cache.keys, attention.query.weight,
        attention.score.weight[0], *gates, *decoder.cell.layer_weights(0),
    )  # fmt: skip
    cache.state = (h.unsqueeze(0), c.unsqueeze(0))[: len(cache.state)]
    return states, contexts, weights
