"""TextCNN (Kim 2014, random vectors) on MR: filters over 3, 4 and 5 words, maximum over time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bare.loop import Batch, Settings, train
from bare.movie_reviews import batches, read

SETTINGS = Settings(batch_size=64, lr=1e-3, weight_decay=0.01, schedule="linear", warmup=0.05)


class Net(nn.Module):
    def __init__(self, vocab_size: int, width: int = 128, filters: int = 100) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, width, padding_idx=0)
        nn.init.normal_(self.embedding.weight, std=0.25)
        with torch.no_grad():
            self.embedding.weight[0] = 0.0
        self.convs = nn.ModuleList(nn.Conv1d(width, filters, kernel, padding=kernel - 1) for kernel in (3, 4, 5))
        self.embedding_dropout, self.dropout = nn.Dropout(0.3), nn.Dropout(0.5)
        self.head = nn.Linear(3 * filters, 2)

    def forward(self, words: Tensor, lengths: Tensor) -> Tensor:
        """Words (B, T) -> scores (B, 2). Windows that see padding alone take no part in the maximum."""
        columns = self.embedding_dropout(self.embedding(words)).transpose(1, 2)  # (B, D, T), zero at padding
        pooled = []
        for conv in self.convs:
            y = conv(columns)  # (B, filters, T + kernel - 1)
            unseen = torch.arange(y.shape[2]) >= (lengths + conv.kernel_size[0] - 1)[:, None]
            pooled.append(y.masked_fill(unseen[:, None], -torch.inf).amax(2))
        return self.head(self.dropout(F.relu(torch.cat(pooled, 1))))


def loss(net: nn.Module, words: Tensor, lengths: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(net(words, lengths), y)


def build(folder: Path) -> tuple[nn.Module, Iterator[Batch]]:
    ids, classes, vocab_size = read(folder)
    torch.manual_seed(0)
    return Net(vocab_size), batches(ids, classes, SETTINGS.batch_size)


def run(folder: Path, steps: int) -> None:
    net, parts = build(folder)
    train(net, loss, parts, SETTINGS, steps)
