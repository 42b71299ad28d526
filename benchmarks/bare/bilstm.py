"""Bidirectional LSTM with the maximum over time on MR; sequences packed, so that padding never changes a result."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from bare.loop import Batch, Settings, train
from bare.movie_reviews import batches, read

SETTINGS = Settings(batch_size=64, lr=2e-3, weight_decay=0.01, schedule="linear", warmup=0.05)


class Net(nn.Module):
    def __init__(self, vocab_size: int, width: int = 128, hidden: int = 128) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, width)
        nn.init.normal_(self.embedding.weight, std=0.25)
        self.lstm = nn.LSTM(width, hidden, batch_first=True, bidirectional=True)
        self.embedding_dropout, self.dropout = nn.Dropout(0.3), nn.Dropout(0.5)
        self.head = nn.Linear(2 * hidden, 2)

    def forward(self, words: Tensor, lengths: Tensor) -> Tensor:
        """Words (B, T) -> scores (B, 2)."""
        x = self.embedding_dropout(self.embedding(words))
        packed, _ = self.lstm(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
        states, _ = pad_packed_sequence(packed, batch_first=True, padding_value=-torch.inf)
        return self.head(self.dropout(states.amax(1)))


def loss(net: nn.Module, words: Tensor, lengths: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(net(words, lengths), y)


def build(folder: Path) -> tuple[nn.Module, Iterator[Batch]]:
    ids, classes, vocab_size = read(folder)
    torch.manual_seed(0)
    return Net(vocab_size), batches(ids, classes, SETTINGS.batch_size)


def run(folder: Path, steps: int) -> None:
    net, parts = build(folder)
    train(net, loss, parts, SETTINGS, steps)
