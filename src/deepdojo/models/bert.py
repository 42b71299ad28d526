"""BERT: an encoder that reads a text from both sides, pre-trained by guessing hidden words, with a head for each use.

The paper's BERT-Base is `width = 768, num_layers = 12, num_heads = 12`, with 30,522 tokens in the vocabulary.

Dimensions: B batch, T time, D width, V vocabulary, C outputs.
Source: Devlin et al. 2019, "BERT: pre-training of deep bidirectional transformers for language understanding"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.embeddings import Embedding
from deepdojo.layers.hook import current
from deepdojo.layers.layer_normalisation import LayerNorm
from deepdojo.layers.positions_learned import LearnedPositions
from deepdojo.layers.shapes import ShapeError, require_mask
from deepdojo.layers.transformer_encoder_layer import EncoderLayer
from deepdojo.models.bert_heads import MaskedWordHead, OutputHead, Pooler
from deepdojo.models.checks import require, require_at_least, require_divides, require_shares
from deepdojo.models.tokens import embed_tokens

__all__ = ["Bert", "BertConfig"]


@dataclass(frozen=True)
class BertConfig:
    """Arguments of `bert`. BERT-base is width 768, 12 layers, 12 heads, max_length 512, norm_eps 1e-12."""

    vocab_size: int
    """Tokens in the vocabulary. From the data."""
    num_outputs: int = 2
    """Classes or tags of the heads classifier and token. From the data."""
    head: Literal["classifier", "token", "span", "masked_word", "next_sentence", "pretraining", "none"] = "classifier"
    """What the model gives: scores of the text, of each word, of each word as beginning and end of an answer, of the
    hidden words, of `is the second text the next one`, of both (pretraining), or the states themselves (none)."""
    width: int = 128
    """Width of the word vectors and of every layer."""
    num_layers: int = 2
    """Encoder layers."""
    num_heads: int = 4
    """Heads of each attention; must divide the width."""
    feed_forward: int = 0
    """Width of the feed-forward part; 0 takes four times the width."""
    max_length: int = 512
    """Rows of the table of positions: the longest text, tokens."""
    segments: int = 2
    """Kinds of text that a token can stand in (question or passage, first or second sentence)."""
    pooling: Literal["first", "mean"] = "first"
    """What stands for the whole text: the state of its first token (which is [CLS] in the paper) or the mean of all."""
    activation: Literal["gelu", "gelu_tanh", "relu", "silu", "tanh"] = "gelu"
    """The bend inside the feed-forward part and the masked-word head."""
    norm_eps: float = 1e-12
    """What the normalisations add to the variance."""
    tied: bool = True
    """Whether token vectors and masked-word scores share one table."""
    dropout: float = 0.1
    """Share silenced after the word vectors and after each part, in training."""
    head_dropout: float = 0.1
    """Share of the text's vector or the states that is silenced before the last layer, in training."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "vocab_size", "num_outputs", "width", "num_layers", "num_heads", "max_length")
        require_at_least(self, 1, "segments")
        require_at_least(self, 0, "feed_forward")
        require(self.norm_eps > 0, "norm_eps", f"norm_eps must be above 0, got {self.norm_eps}")
        require_shares(self, "dropout", "head_dropout")
        require_divides(self, "num_heads", "width")


class Bert(nn.Module):
    """Word, segment and place vectors added and normalised, encoder layers with normalisation last, a head.

    Padding never changes a result: attention does not see it.
    Initialisation: all matrices normal with deviation 0.02, biases 0, norms 1 and 0 (section A.2).
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        D, eps = config.width, config.norm_eps
        self.embedding = Embedding(config.vocab_size, D, std=0.02)
        self.segments = Embedding(config.segments, D, std=0.02)
        self.positions = LearnedPositions(config.max_length, D)
        self.norm = LayerNorm(D, eps)
        self.dropout = Dropout(config.dropout)
        inner = config.feed_forward or 4 * D
        self.layers = nn.ModuleList(
            EncoderLayer(D, config.num_heads, inner, config.dropout, config.activation, norm_first=False, eps=eps)
            for _ in range(config.num_layers)
        )
        pooled = config.head in ("classifier", "next_sentence", "pretraining", "none")
        self.pooler = Pooler(D) if pooled else None
        self.pool_over_time = current("mean_over_time") if pooled and config.pooling == "mean" else None
        words = config.head in ("masked_word", "pretraining")
        self.words = MaskedWordHead(D, config.vocab_size, config.activation, eps, config.tied) if words else None
        outputs = {"classifier": config.num_outputs, "token": config.num_outputs}.get(config.head, 2)
        dropout = config.head_dropout if config.head in ("classifier", "token") else 0.0
        self.head = OutputHead(D, outputs, dropout) if config.head not in ("masked_word", "none") else None
        self._initialise()

    def _initialise(self) -> None:
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter, std=0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(
        self,
        x: Int[Tensor, "B T"],
        keep: Bool[Tensor, "B T"] | None = None,
        segments: Int[Tensor, "B T"] | None = None,
        at: Bool[Tensor, "B T"] | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """What the head gives.

        Args:
            x: token ids.
            keep: True = a real token.
            segments: which text a token belongs to; None: all to the first.
            at: with the head masked_word or pretraining, the N steps whose scores are wanted; the product with the
                whole vocabulary, the dearest of all, is then made for them alone.

        Returns:
            classifier, next_sentence: (B, C); token: (B, T, C); span: (B, T, 2); masked_word: (B, T, V), or (N, V)
            with `at`; pretraining: those and (B, 2); none: (B, T, D).
        """
        h, keep = self._states(x, keep, segments)
        if self.config.head == "none":
            return h
        if self.words is not None:
            if at is not None:
                require_mask("bert (at)", at, tuple(x.shape))
            words = self.words(h if at is None else h[at], self.embedding.weight)
            return words if self.head is None else (words, self.head(self._pooled(h, keep)))
        assert self.head is not None
        return self.head(h if self.pooler is None else self._pooled(h, keep))

    def states(
        self,
        x: Int[Tensor, "B T"],
        keep: Bool[Tensor, "B T"] | None = None,
        segments: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T D"]:
        """The states of the last layer."""
        return self._states(x, keep, segments)[0]

    def _states(self, x: Tensor, keep: Tensor | None, segments: Tensor | None) -> tuple[Tensor, Tensor | None]:
        if segments is not None and segments.shape != x.shape:
            raise ShapeError(f"segments must be {tuple(x.shape)}, got {tuple(segments.shape)}")
        words, keep = embed_tokens(self, x, keep)
        kind = self.segments.weight[0] if segments is None or not x.shape[1] else self.segments(segments)
        h = self.dropout(self.norm(self.positions(words + kind)))
        for layer in self.layers:
            h = layer(h, keep)
        return h, keep

    def _pooled(self, h: Tensor, keep: Tensor | None) -> Tensor:
        assert self.pooler is not None
        return self.pooler(h[:, 0] if self.pool_over_time is None else self.pool_over_time(h, keep))

    def pooled(
        self,
        x: Int[Tensor, "B T"],
        keep: Bool[Tensor, "B T"] | None = None,
        segments: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B D"]:
        """The vector that stands for the whole text. Raises ShapeError for a head that has none."""
        if self.pooler is None:
            raise ShapeError(f"a bert with the head {self.config.head} has no vector of the whole text")
        return self._pooled(*self._states(x, keep, segments))
