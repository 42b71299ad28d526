"""What a word looks like: a vector from its characters, by a BiLSTM or by convolutions with a maximum over them.

Dimensions: B batch, T words, W characters of the longest word, C characters of the alphabet, O output width. Character
    id 0 is padding.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from deepdojo.layers.convolution import Conv1d
from deepdojo.layers.embeddings import Embedding
from deepdojo.layers.hook import current
from deepdojo.layers.lstm import LSTM
from deepdojo.layers.shapes import ShapeError

__all__ = ["CharacterCnn", "CharacterLstm"]


class CharacterLstm(nn.Module):
    """The last state of an LSTM over the characters, joined with that of one from the end: prefix and suffix.

    Args:
        num_characters: C, with padding.
        width: of the character vectors.
        hidden_size: of each direction; O is twice that.

    A word without characters gets zeros. Source: Lample et al. 2016, section 4.1.
    """

    def __init__(self, num_characters: int, width: int = 25, hidden_size: int = 25) -> None:
        super().__init__()
        self.embedding = Embedding(num_characters, width, std=width**-0.5)
        self.lstm = LSTM(width, hidden_size, bidirectional=True)
        self.out_features = 2 * hidden_size

    def forward(self, chars: Int[Tensor, "B T W"]) -> Float[Tensor, "B T O"]:
        rows = _as_rows(chars)
        _, (h, _) = self.lstm(self.embedding(rows), rows != 0)
        return torch.cat([h[0], h[1]], 1).view(*chars.shape[:2], self.out_features)


class CharacterCnn(nn.Module):
    """The strongest match of each filter over the characters.

    Args:
        num_characters: C, with padding.
        width: of the character vectors.
        filters: O.
        window: characters that a filter sees; a word is padded so that every character is seen by all of a filter.

    A word without characters gets zeros. Source: Ma & Hovy 2016, section 2.1.
    """

    def __init__(self, num_characters: int, width: int = 30, filters: int = 30, window: int = 3) -> None:
        super().__init__()
        self.embedding = Embedding(num_characters, width, std=width**-0.5)
        self.conv = Conv1d(width, filters, window, padding=window - 1)
        self.max_over_time = current("max_over_time")
        self.window, self.out_features = window, filters

    def forward(self, chars: Int[Tensor, "B T W"]) -> Float[Tensor, "B T O"]:
        rows = _as_rows(chars)
        keep = rows != 0
        letters = self.embedding(rows).masked_fill(~keep.unsqueeze(-1), 0.0)
        matches = self.conv(letters.transpose(1, 2)).transpose(1, 2)  # (B·T, W + window - 1, O)
        margin = self.window - 1
        seen = nn.functional.pad(keep, (margin, margin)).unfold(1, self.window, 1).any(-1)
        return self.max_over_time(matches, seen).view(*chars.shape[:2], self.out_features)


def _as_rows(chars: Tensor) -> Tensor:
    """(B·T, W), with one column of padding where there is none."""
    if chars.dim() != 3:
        raise ShapeError(f"characters are ids (B, T, W), got {tuple(chars.shape)}")
    rows = chars.flatten(0, 1)
    return rows if rows.shape[1] else rows.new_zeros(rows.shape[0], 1)
