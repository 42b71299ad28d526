"""Recurrent encoder-decoder: one network reads a text, another writes its translation, with attention or without.

Dimensions: B batch, S source tokens, T target tokens, V vocabulary of the target, D width of the memory.
Source: Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder"; Bahdanau, Cho & Bengio 2015,
    "Neural machine translation by jointly learning to align and translate"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.embeddings import Embedding
from deepdojo.layers.fully_connected import Linear, linear
from deepdojo.layers.gru import GRU
from deepdojo.layers.hook import current
from deepdojo.layers.lstm import LSTM
from deepdojo.models.checks import require, require_at_least, require_shares
from deepdojo.models.heads import shrink_head
from deepdojo.models.recurrent_decoders import (
    AttentiveDecoder,
    ContextDecoder,
    DecoderCache,
    DeepOutput,
    LayeredDecoder,
    require_target,
)
from deepdojo.models.tokens import embed_tokens

__all__ = ["Seq2Seq", "Seq2SeqConfig"]


@dataclass(frozen=True)
class Seq2SeqConfig:
    """Arguments of `seq2seq`."""

    source_vocab_size: int
    """Tokens in the vocabulary that is read. From the data."""
    target_vocab_size: int
    """Tokens in the vocabulary that is written. From the data."""
    cell: Literal["gru", "lstm"] = "gru"
    """The recurrent cell of both networks; on a CPU the LSTM has the faster kernel."""
    attention: Literal["none", "additive", "layered"] = "additive"
    """How the decoder sees the source: one vector for the whole (Cho et al. 2014), additive attention at each step
    (Bahdanau et al. 2015), or the same attention between two decoder layers, a whole target in three calls."""
    embedding_width: int = 128
    """Width of the word vectors."""
    hidden_size: int = 128
    """Width of the state, for each direction."""
    num_layers: int = 1
    """Layers of the encoder."""
    bidirectional: bool = True
    """Whether the encoder also reads from the end."""
    attention_width: int = 128
    """Width of the network that scores a source position; of no use without attention."""
    tied: bool = False
    """Whether target vectors and output scores share one table."""
    shared: bool = False
    """Whether source and target share one table of vectors; both vocabularies are then the same one."""
    dropout: float = 0.2
    """Share silenced of word vectors, of states between encoder layers and of the output's features, in training."""
    embedding_std: float = 0.1
    """Spread of the word vectors at the start."""

    def __post_init__(self) -> None:
        sizes = ("embedding_width", "hidden_size", "num_layers", "attention_width")
        require_at_least(self, 1, "source_vocab_size", "target_vocab_size", *sizes)
        require_at_least(self, 0, "embedding_std")
        require_shares(self, "dropout")
        same = self.source_vocab_size == self.target_vocab_size
        both = f"{self.source_vocab_size} and {self.target_vocab_size}"
        require(not self.shared or same, "shared", f"one table cannot serve vocabularies of {both} tokens")


class Seq2Seq(nn.Module):
    """Word vectors and encoder; a decoder that writes from what it has written and from the encoder's states.

    `encode` reads, `decode` gives the scores of the token after each target token. Without attention the decoder gets
    the encoder's last state (of each direction) at every step. Padding of the source never changes a result, wherever
    it stands; padding of the target stands behind and concerns no earlier step.

    Deviations: the decoder starts from the last states of both directions (Bahdanau et al.: of the backward one), an
    LSTM's c likewise.
    Initialisation: the layers' own; word vectors normal (`embedding_std`); the head a tenth of Linear's.
    """

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.config = config
        E, H, ways = config.embedding_width, config.hidden_size, 2 if config.bidirectional else 1
        self.target_embedding = Embedding(config.target_vocab_size, E, std=config.embedding_std)
        if config.shared:  # not as a second module: weights are saved once
            object.__setattr__(self, "embedding", self.target_embedding)
        else:
            self.embedding = Embedding(config.source_vocab_size, E, std=config.embedding_std)
        self.embedding_dropout = Dropout(config.dropout)
        layer = GRU if config.cell == "gru" else LSTM
        self.encoder = layer(E, H, config.num_layers, config.bidirectional, config.dropout)
        D, A = H * ways, config.attention_width
        self.decoder: ContextDecoder | AttentiveDecoder | LayeredDecoder
        if config.attention == "none":
            self.decoder = ContextDecoder(config.cell, E, D, H)
        else:
            decoder = AttentiveDecoder if config.attention == "additive" else LayeredDecoder
            self.decoder = decoder(config.cell, E, D, H, A)
        self.last_over_time = current("last_over_time")
        self.output = DeepOutput(H, E, D, E)
        self.dropout = Dropout(config.dropout)
        self.head = None if config.tied else Linear(E, config.target_vocab_size)
        self.apply_linear = current("linear") if self.head is None else linear
        self.bias = nn.Parameter(torch.zeros(config.target_vocab_size)) if self.head is None else None
        if self.head is not None:
            shrink_head(self.head)

    def new_cache(self) -> DecoderCache:
        """An empty cache for `decode`, whose first call fills it."""
        return DecoderCache()

    def encode(self, source: Int[Tensor, "B S"], keep: Bool[Tensor, "B S"] | None = None) -> Float[Tensor, "B S D"]:
        """The memory: the encoder's states at each source token, zeros at padding."""
        words, mask = embed_tokens(self, source, keep)
        states, _ = self.encoder(self.embedding_dropout(words), mask)
        return states[:, : source.shape[1]]  # a text of no tokens was given one that is not kept

    def decode(
        self,
        target: Int[Tensor, "B T"],
        memory: Float[Tensor, "B S D"],
        keep: Bool[Tensor, "B S"] | None = None,
        cache: DecoderCache | None = None,
    ) -> Float[Tensor, "B T V"]:
        """Scores of the token after each target token.

        With `cache`, `target` comes after what was decoded with it before, and memory and `keep` are those of the
        first call, which the cache holds (and reorders).
        """
        return self._decode(target, memory, keep, cache)[0]

    def align(
        self, source: Int[Tensor, "B S"], target: Int[Tensor, "B T"], keep: Bool[Tensor, "B S"] | None = None
    ) -> Float[Tensor, "B T S"]:
        """How much each step of the decoder looks at each source token, to be drawn.

        Raises: RecipeError without attention.
        """
        weights = self._decode(target, self.encode(source, keep), keep, None)[1]
        if weights is None:
            raise RecipeError("seq2seq with attention = none has no weights to draw", where="model.attention")
        return weights

    def forward(
        self, source: Int[Tensor, "B S"], target: Int[Tensor, "B T"], keep: Bool[Tensor, "B S"] | None = None
    ) -> Float[Tensor, "B T V"]:
        return self.decode(target, self.encode(source, keep), keep)

    def _decode(
        self, target: Tensor, memory: Tensor, keep: Tensor | None, cache: DecoderCache | None
    ) -> tuple[Tensor, Tensor | None]:
        cache = DecoderCache() if cache is None else cache
        require_target(target, memory, cache)
        if not cache.state:
            cache.memory, cache.keep, cache.summary = memory, keep, self._summary(memory, keep)
            self.decoder.begin(cache)
        words = self.embedding_dropout(self.target_embedding(target))
        states, contexts, weights = self.decoder(words, cache)
        cache.length += target.shape[1]
        features = self.dropout(self.output(states, words, contexts))
        if self.head is not None:
            return self.head(features), weights
        return self.apply_linear(features, self.target_embedding.weight, self.bias), weights

    def _summary(self, memory: Tensor, keep: Tensor | None) -> Tensor:
        """The last state of each direction, (B, D); that of the one from the end stands at the first real token."""
        H = self.config.hidden_size
        last = self.last_over_time(memory[..., :H], keep)
        if not self.config.bidirectional:
            return last
        first = self.last_over_time(memory[..., H:].flip(1), None if keep is None else keep.flip(1))
        return torch.cat([last, first], 1)
