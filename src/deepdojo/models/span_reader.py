"""Reader of answers: a question and a passage read by LSTMs, every short span of the passage scored at once.

Dimensions: B batch, S question words, T passage tokens, G spelling ids of a word, F numbers of a token, W span lengths,
    E width of a word's vectors, Q and H widths of question and passage states.
Source: Chen et al. 2017, "Reading Wikipedia to answer open-domain questions", section 3.2 (aligned question, attention
    over the question, bilinear scores); Lee et al. 2016, "Learning recurrent span representations for extractive
    question answering" (one softmax over all spans)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.embeddings import Embedding
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import current
from deepdojo.layers.lstm import LSTM
from deepdojo.layers.pooling_over_time import AttentionPooling
from deepdojo.layers.shapes import ShapeError
from deepdojo.models.checks import require, require_at_least, require_shares
from deepdojo.models.heads import shrink_head
from deepdojo.models.tokens import embed_tokens

__all__ = ["SpanReader", "SpanReaderConfig"]


@dataclass(frozen=True)
class SpanReaderConfig:
    """Arguments of `span_reader`."""

    vocab_size: int
    """Words in the vocabulary. From the data."""
    form_sizes: tuple[int, ...]
    """How many ids each spelling of a word has: its ending, its shape. From the data."""
    num_features: int
    """Numbers that come with each token of the passage. From the data."""
    num_kinds: int
    """Kinds of questions. From the data."""
    max_span: int
    """Tokens of the longest answer. From the data."""
    word_width: int = 64
    """Width of the word vectors."""
    form_widths: tuple[int, ...] = (16, 8)
    """Width of the vectors of each spelling id."""
    kind_width: int = 16
    """Width of the vectors of the kinds of questions."""
    question_size: int = 48
    """Width of the question's LSTM state, for each direction."""
    model_width: int = 128
    """Width of what is known of a passage token before it is read in its order."""
    hidden_size: int = 80
    """Width of the passage's LSTM state, for each direction."""
    num_layers: int = 2
    """LSTM layers over the passage."""
    span_width: int = 32
    """Width of the product of a span's beginning and end."""
    dropout: float = 0.35
    """Share silenced of word vectors, of what is joined, and of states, in training."""

    def __post_init__(self) -> None:
        sizes = ("word_width", "kind_width", "question_size", "model_width", "hidden_size", "num_layers", "span_width")
        require_at_least(self, 1, "vocab_size", "form_sizes", "form_widths", "num_kinds", "max_span", *sizes)
        require_at_least(self, 0, "num_features")
        require_shares(self, "dropout")
        same = len(self.form_widths) == len(self.form_sizes)
        require(same, "form_widths", f"form_widths needs a width for each of {len(self.form_sizes)} spellings")


class SpanReader(nn.Module):
    """score[t, w] = a_t + e_(t+w) + (U h_t)·(V h_(t+w)) / √R + l_w, with the states h of the passage's BiLSTM.

    a_t = h_t·(A q), e_t = h_t·(E q) and l = L q depend on the question's vector q: its BiLSTM's states pooled by
    attention, beside vectors of its kind and of the word that says what is asked for. Each token of the passage gets
    the states of the question's words that it attends to: (W x_t)·(W y_s)/√Q + b·[same stem], or none of them.

    Padding never changes a result. Initialisation: vectors normal with variance 1/width, cells and layers their own,
    the last layers a tenth of it (`shrink_head`), so that the first loss is about the logarithm of the number of spans.
    """

    def __init__(self, config: SpanReaderConfig) -> None:
        super().__init__()
        self.config = config
        words, kinds, Q = config.word_width, config.kind_width, 2 * config.question_size
        self.embedding = Embedding(config.vocab_size, words, std=words**-0.5)
        self.forms = nn.ModuleList(
            Embedding(size, width, std=width**-0.5)
            for size, width in zip(config.form_sizes, config.form_widths, strict=True)
        )
        self.kinds = Embedding(config.num_kinds, kinds, std=kinds**-0.5)
        E = words + sum(config.form_widths)
        self.dropout = Dropout(config.dropout)
        self.question_lstm = LSTM(E, config.question_size, 1, True)
        self.pool = AttentionPooling(Q)
        self.align = Linear(E, Q)
        self.bonus = nn.Parameter(torch.tensor([2.0, 0.0]))  # of a shared stem, of attending to nothing
        self.softmax = current("softmax")
        known = Q + kinds + words
        self.join = Linear(E + config.num_features + Q, config.model_width)
        self.ask = Linear(known, config.model_width, bias=False)
        self.relu = current("relu")
        self.passage_lstm = LSTM(config.model_width, config.hidden_size, config.num_layers, True, config.dropout)
        H = 2 * config.hidden_size
        self.start, self.end = Linear(known, H), Linear(known, H)
        self.begin_of, self.end_of = Linear(H, config.span_width), Linear(H, config.span_width)
        self.lengths = Linear(known, config.max_span)
        for head in (self.start, self.end, self.begin_of, self.end_of, self.lengths):
            shrink_head(head)

    def forward(
        self,
        question: Int[Tensor, "B S"],
        question_forms: Int[Tensor, "B S G"],
        question_keep: Bool[Tensor, "B S"],
        asked: Int[Tensor, "B 2"],
        passage: Int[Tensor, "B T"],
        passage_forms: Int[Tensor, "B T G"],
        passage_keep: Bool[Tensor, "B T"],
        numbers: Float[Tensor, "B T F"],
        same: Bool[Tensor, "B T S"],
    ) -> Float[Tensor, "B T W"]:
        """Scores of all spans; -inf for those that leave the passage.

        Args:
            asked: the question's kind, and the id of the word that says what is asked for.
            numbers: what else is known of each token of the passage.
            same: whether a token of the passage and a word of the question have a stem in common.
        """
        self._require(question, passage, numbers, same)
        y = self._vectors(question, question_forms, question_keep)
        x = self._vectors(passage, passage_forms, passage_keep)
        states, _ = self.question_lstm(y, question_keep)
        states = self.dropout(states)
        focus = self.embedding(asked[:, 1])
        q = torch.cat([self.pool(states, question_keep), self.kinds(asked[:, 0]), focus], 1)  # (B, known)
        aligned = self._aligned(x, y, states, question_keep, same)
        joined = self.join(torch.cat([x, numbers.to(x.dtype), aligned], 2)) + self.ask(q).unsqueeze(1)
        h, _ = self.passage_lstm(self.dropout(self.relu(joined)), passage_keep)
        return self._spans(self.dropout(h), q, passage_keep)

    def _vectors(self, words: Tensor, forms: Tensor, keep: Tensor) -> Tensor:
        vectors, _ = embed_tokens(self, words, keep)
        parts = [vectors, *(table(forms[..., i]) for i, table in enumerate(self.forms))]
        return self.dropout(torch.cat(parts, 2))

    def _aligned(self, x: Tensor, y: Tensor, states: Tensor, keep: Tensor, same: Tensor) -> Tensor:
        """(B, T, Q): for each token of the passage the question's states that it attends to; zeros for nothing."""
        mine, theirs = self.relu(self.align(x)), self.relu(self.align(y))
        scores = mine @ theirs.transpose(1, 2) / theirs.shape[2] ** 0.5 + self.bonus[0] * same
        scores = scores.masked_fill(~keep.unsqueeze(1), -torch.inf)
        nothing = self.bonus[1].expand(*scores.shape[:2], 1)
        return self.softmax(torch.cat([scores, nothing], 2), -1)[..., :-1] @ states

    def _spans(self, h: Tensor, q: Tensor, keep: Tensor) -> Tensor:
        start, end = (h @ side(q).unsqueeze(2) for side in (self.start, self.end))  # (B, T, 1)
        pairs = self.begin_of(h) @ self.end_of(h).transpose(1, 2) / self.config.span_width**0.5
        steps = torch.arange(self.config.max_span, device=h.device)
        last = torch.arange(h.shape[1], device=h.device).unsqueeze(1) + steps  # (T, W)
        inside = last.clamp(max=h.shape[1] - 1)
        scores = (start + end.transpose(1, 2) + pairs).gather(2, inside.expand(h.shape[0], -1, -1))
        scores = scores + self.lengths(q).unsqueeze(1)
        real = keep.unsqueeze(2) & keep[:, inside] & (last < h.shape[1])
        return scores.masked_fill(~real, -torch.inf)

    def _require(self, question: Tensor, passage: Tensor, numbers: Tensor, same: Tensor) -> None:
        B, T = passage.shape
        if not T or not question.shape[1]:
            raise ShapeError("span_reader needs a question and a passage of at least one token")
        if numbers.shape != (B, T, self.config.num_features):
            raise ShapeError(f"numbers must be {(B, T, self.config.num_features)}, got {tuple(numbers.shape)}")
        if same.shape != (B, T, question.shape[1]):
            raise ShapeError(f"same must be {(B, T, question.shape[1])}, got {tuple(same.shape)}")
