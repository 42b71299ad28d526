"""Tagger: vectors of each word and its spelling, a BiLSTM over the sentence, a CRF over the tags.

Dimensions: B batch, T words, F further features of a word, W characters of the longest word, C tags.
Source: Huang, Xu & Yu 2015, "Bidirectional LSTM-CRF models for sequence tagging" (spelling features); Lample et al.
    2016 (characters by LSTM); Ma & Hovy 2016 (characters by CNN)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.layers.crf import CRF
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.embeddings import Embedding
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.lstm import LSTM
from deepdojo.layers.shapes import ShapeError
from deepdojo.models.character_features import CharacterCnn, CharacterLstm
from deepdojo.models.checks import require, require_at_least, require_shares
from deepdojo.models.heads import shrink_head
from deepdojo.models.tokens import embed_tokens

__all__ = ["BilstmCrf", "BilstmCrfConfig"]


@dataclass(frozen=True)
class BilstmCrfConfig:
    """Arguments of `bilstm_crf`."""

    vocab_size: int
    """Words in the vocabulary. From the data."""
    num_outputs: int
    """Tags. From the data."""
    feature_sizes: tuple[int, ...]
    """How many ids each further feature of a word has: suffix, prefix, capitals, part of speech. From the data."""
    num_characters: int = 0
    """Characters of the alphabet, with 0 for padding; 0 when words come without their characters. From the data."""
    characters: Literal["none", "lstm", "cnn"] = "none"
    """How characters become a vector: left out, by a BiLSTM's last states, or by the strongest match of filters."""
    word_width: int = 100
    """Width of the word vectors."""
    feature_width: int = 25
    """Width of the vectors of each further feature."""
    character_width: int = 25
    """Width of the character vectors."""
    character_features: int = 50
    """Width of what a word's characters become; even for lstm, half for each direction."""
    hidden_size: int = 128
    """Width of the sentence's LSTM state, for each direction."""
    num_layers: int = 1
    """LSTM layers over the sentence."""
    dropout: float = 0.5
    """Share silenced of a word's features, of states between layers and of the last states, in training."""
    crf: bool = True
    """Whether the tags of a sentence are scored together; without, each word's tag is chosen alone."""

    def __post_init__(self) -> None:
        sizes = ("word_width", "feature_width", "character_width", "character_features", "hidden_size", "num_layers")
        require_at_least(self, 1, "vocab_size", "num_outputs", "feature_sizes", *sizes)
        require_at_least(self, 0, "num_characters")
        require_shares(self, "dropout")
        needs = self.characters == "none" or self.num_characters > 0
        require(needs, "characters", f"characters = {self.characters} needs num_characters, which the data don't give")
        even = self.characters != "lstm" or self.character_features % 2 == 0
        require(even, "character_features", f"character_features must be even for lstm, got {self.character_features}")


class BilstmCrf(nn.Module):
    """Scores of each tag for each word. `crf` has the transitions: `crf.nll` is the loss, `crf.decode` the answer.

    Padding never changes a result; the CRF wants it at the end of each row.
    Initialisation: vectors of words and features normal with variance 1/width, cells and CRF their layers' own, the
    head a tenth of Linear's (`shrink_head`): the first loss of a word is about ln C.
    """

    def __init__(self, config: BilstmCrfConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = Embedding(config.vocab_size, config.word_width, std=config.word_width**-0.5)
        self.features = nn.ModuleList(
            Embedding(size, config.feature_width, std=config.feature_width**-0.5) for size in config.feature_sizes
        )
        wide, narrow, out = config.num_characters, config.character_width, config.character_features
        self.characters: nn.Module | None = None
        if config.characters != "none":
            lstm = config.characters == "lstm"
            self.characters = CharacterLstm(wide, narrow, out // 2) if lstm else CharacterCnn(wide, narrow, out)
        width = (
            config.word_width + config.feature_width * len(config.feature_sizes) + out * (config.characters != "none")
        )
        self.dropout = Dropout(config.dropout)
        self.lstm = LSTM(width, config.hidden_size, config.num_layers, True, config.dropout)
        self.head = Linear(2 * config.hidden_size, config.num_outputs)
        shrink_head(self.head)
        self.crf = CRF(config.num_outputs) if config.crf else None

    def forward(
        self,
        words: Int[Tensor, "B T"],
        shapes: Int[Tensor, "B T F"],
        keep: Bool[Tensor, "B T"] | None = None,
        chars: Int[Tensor, "B T W"] | None = None,
    ) -> Float[Tensor, "B T C"]:
        """Scores before the CRF, from word ids, ids of the further features, and the ids of each word's characters."""
        if words.dim() == 2 and words.shape[1] == 0:
            return self.head.weight.new_zeros(words.shape[0], 0, self.config.num_outputs)
        vectors, keep = embed_tokens(self, words, keep)
        self._require(words, shapes, chars)
        parts = [vectors, *(table(shapes[..., i]) for i, table in enumerate(self.features))]
        if self.characters is not None:
            parts.append(self.characters(chars))
        states, _ = self.lstm(self.dropout(torch.cat(parts, 2)), keep)
        return self.head(self.dropout(states))

    def _require(self, words: Tensor, shapes: Tensor, chars: Tensor | None) -> None:
        wanted = (*words.shape, len(self.features))
        if shapes.shape != wanted:
            raise ShapeError(f"shapes must be ids {wanted}, got {tuple(shapes.shape)}")
        if (chars is None) != (self.characters is None):
            got = "without characters" if chars is None else "with characters"
            raise RecipeError(
                f"bilstm_crf was built with characters = {self.config.characters} and called {got}",
                where="model.characters",
            )
        if chars is not None and chars.shape[:2] != words.shape:
            raise ShapeError(f"characters are ids {(*words.shape, 'W')}, got {tuple(chars.shape)}")
