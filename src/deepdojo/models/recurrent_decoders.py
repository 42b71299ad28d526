"""Recurrent decoders: how a network that writes word by word looks at what it was given.

Dimensions: B batch, T words, S memory steps, E width of word vectors, D width of the memory, H state width, A width of
    the attention, V vocabulary. `keep` is boolean, True = a real step of the memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from deepdojo.layers.attention_additive_bahdanau import AdditiveAttention
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.gru import GRU
from deepdojo.layers.hook import current
from deepdojo.layers.lstm import LSTM
from deepdojo.layers.shapes import ShapeError
from deepdojo.models.recurrent_decoders_traced import traced_walk

__all__ = [
    "AttentiveDecoder",
    "Cell",
    "ContextDecoder",
    "DecoderCache",
    "DeepOutput",
    "LayeredDecoder",
    "require_target",
    "run_cell",
]

Cell = Literal["gru", "lstm"]
Seen = tuple[Tensor, Tensor, Tensor | None]  # states (B, T, H), contexts (B, T, D), weights (B, T, S) if there are any


@dataclass
class DecoderCache:
    """What a decoder carries from step to step. Empty at first; the first call of `decode` fills it.

    Attributes:
        state: of each cell h, and c of an LSTM, each (1, B, H).
        memory: (B, S, D).
        keep: (B, S), or None.
        keys: the memory as attention matches it, projected once, (B, S, A).
        summary: the memory as one vector, (B, D).
        gist: what is added to each word's vector, (B, E), or None.
        length: steps so far.
    """

    state: tuple[Tensor, ...] = ()
    memory: Tensor | None = None
    keep: Tensor | None = None
    keys: Tensor | None = None
    summary: Tensor | None = None
    gist: Tensor | None = None
    length: int = 0

    def reorder(self, rows: Int[Tensor, " B"]) -> None:
        """Row i goes on from what row `rows[i]` was: a beam's survivors, or a batch without its finished rows."""
        self.state = tuple(part.index_select(1, rows) for part in self.state)
        for name in ("memory", "keep", "keys", "summary", "gist"):
            value = getattr(self, name)
            setattr(self, name, None if value is None else value.index_select(0, rows))


def require_target(target: Tensor, memory: Tensor, cache: DecoderCache) -> None:
    """Raises ShapeError unless the target is (B, T) for the rows of the memory, or of what the cache holds."""
    rows = (memory if cache.memory is None else cache.memory).shape[0]
    if target.dim() != 2 or target.shape[0] != rows:
        raise ShapeError(f"decode takes target ids (B, T) for {rows} rows, got {tuple(target.shape)}")


def make_cell(cell: Cell, input_size: int, hidden_size: int) -> GRU | LSTM:
    return GRU(input_size, hidden_size) if cell == "gru" else LSTM(input_size, hidden_size)


def run_cell(cell: nn.Module, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """A GRU or LSTM over x (B, T, I): its states, and its (h,) or (h, c) at the end."""
    ys, after = cell(x, None, state if len(state) == 2 else state[0])
    return ys, after if isinstance(after, tuple) else (after,)


class _Start(nn.Module):
    """The first state of each of `cells` cells, tanh(W summary): h, and c of an LSTM."""

    def __init__(self, cell: Cell, memory_size: int, hidden_size: int, cells: int = 1) -> None:
        super().__init__()
        self.parts = cells * (1 if cell == "gru" else 2)
        self.project = Linear(memory_size, hidden_size * self.parts)
        self.tanh = current("tanh")

    def forward(self, summary: Float[Tensor, "B D"]) -> tuple[Tensor, ...]:
        parts = self.tanh(self.project(summary)).chunk(self.parts, 1)
        return tuple(part.unsqueeze(0).contiguous() for part in parts)


class ContextDecoder(nn.Module):
    """No attention: h_t = cell([y_t; c], h_{t-1}), the same context vector c = `summary` at every step.

    Source: Cho et al. 2014, section 2.2.
    """

    def __init__(self, cell: Cell, word_size: int, memory_size: int, hidden_size: int) -> None:
        super().__init__()
        self.start = _Start(cell, memory_size, hidden_size)
        self.cell = make_cell(cell, word_size + memory_size, hidden_size)

    def begin(self, cache: DecoderCache) -> None:
        assert cache.summary is not None
        cache.state = self.start(cache.summary)

    def forward(self, words: Float[Tensor, "B T E"], cache: DecoderCache) -> Seen:
        assert cache.summary is not None
        contexts = cache.summary.unsqueeze(1).expand(-1, words.shape[1], -1)
        states, cache.state = run_cell(self.cell, torch.cat([words, contexts], 2), cache.state)
        return states, contexts, None


class AttentiveDecoder(nn.Module):
    """h_t = cell([y_t; c_t], h_{t-1}), c_t = additive attention of h_{t-1} over the memory.

    Each step needs the state before it, so training walks through the text word by word.

    Args:
        gated: whether each context is multiplied by β_t = σ(w·h_{t-1} + b), how much the picture matters now (Xu et al.
            2015, section 4.2.1).

    Source: Bahdanau et al. 2015, appendix A.2.
    """

    def __init__(
        self, cell: Cell, word_size: int, memory_size: int, hidden_size: int, attention_width: int, gated: bool = False
    ) -> None:
        super().__init__()
        self.start = _Start(cell, memory_size, hidden_size)
        self.attention = AdditiveAttention(hidden_size, memory_size, attention_width)
        self.gate = Linear(hidden_size, 1) if gated else None
        self.cell = make_cell(cell, word_size + memory_size, hidden_size)

    def begin(self, cache: DecoderCache) -> None:
        assert cache.summary is not None
        assert cache.memory is not None
        cache.state = self.start(cache.summary)
        cache.keys = self.attention.project_keys(cache.memory)

    def forward(self, words: Float[Tensor, "B T E"], cache: DecoderCache) -> Seen:
        if torch.jit.is_tracing() and words.shape[1]:
            return traced_walk(self, words, cache)
        steps = [self._step(word, cache) for word in words.split(1, 1)] if words.shape[1] else []
        if not steps:
            B, S, D = cache.memory.shape  # type: ignore[union-attr]
            return words.new_zeros(B, 0, self.cell.hidden_size), words.new_zeros(B, 0, D), words.new_zeros(B, 0, S)
        states, contexts, weights = (torch.cat(parts, 1) for parts in zip(*steps, strict=True))
        return states, contexts, weights

    def _step(self, word: Tensor, cache: DecoderCache) -> tuple[Tensor, Tensor, Tensor]:
        query = cache.state[0].transpose(0, 1)  # (B, 1, H)
        context, weights = self.attention(query, cache.memory, cache.keep, cache.keys)
        if self.gate is not None:
            context = torch.sigmoid(self.gate(query)) * context
        state, cache.state = run_cell(self.cell, torch.cat([word, context], 2), cache.state)
        return state, context, weights


class LayeredDecoder(nn.Module):
    """Attention between two cells: g_t = cell(y_t, g_{t-1}), c_t = attention of g_t, h_t = cell'([g_t; c_t], h_{t-1}).

    The lower cell reads words alone, so no state waits for a context and a whole text is three calls. On a CPU that
    costs as much time as the one cell of `AttentiveDecoder`, word by word: what is gained is the second layer.

    Source: as in Wu et al. 2016 (GNMT), section 3, the bottom layer alone asks the attention, with the score of
    Bahdanau et al. 2015; here the context goes to the layer above of the same step and nowhere else.
    """

    def __init__(self, cell: Cell, word_size: int, memory_size: int, hidden_size: int, attention_width: int) -> None:
        super().__init__()
        self.start = _Start(cell, memory_size, hidden_size, cells=2)
        self.lower = make_cell(cell, word_size, hidden_size)
        self.attention = AdditiveAttention(hidden_size, memory_size, attention_width)
        self.upper = make_cell(cell, hidden_size + memory_size, hidden_size)

    def begin(self, cache: DecoderCache) -> None:
        assert cache.summary is not None
        assert cache.memory is not None
        cache.state = self.start(cache.summary)
        cache.keys = self.attention.project_keys(cache.memory)

    def forward(self, words: Float[Tensor, "B T E"], cache: DecoderCache) -> Seen:
        half = len(cache.state) // 2
        queries, lower = run_cell(self.lower, words, cache.state[:half])
        contexts, weights = self.attention(queries, cache.memory, cache.keep, cache.keys)
        states, upper = run_cell(self.upper, torch.cat([queries, contexts], 2), cache.state[half:])
        cache.state = (*lower, *upper)
        return states, contexts, weights


class DeepOutput(nn.Module):
    """Features of the next word from state, word before and context: maxout of a linear layer, (B, T, R).

    r_i = max(z_2i, z_2i+1), z = U h_t + V y_t + C c_t + b.
    Source: Bahdanau et al. 2015, appendix A.2.2; Goodfellow et al. 2013 (maxout).
    """

    def __init__(self, hidden_size: int, word_size: int, memory_size: int, width: int) -> None:
        super().__init__()
        self.project = Linear(hidden_size + word_size + memory_size, 2 * width)

    def forward(
        self, states: Float[Tensor, "B T H"], words: Float[Tensor, "B T E"], contexts: Float[Tensor, "B T D"]
    ) -> Float[Tensor, "B T R"]:
        return self.project(torch.cat([states, words, contexts], 2)).unflatten(2, (-1, 2)).amax(-1)
