"""Perceptron with two hidden layers on credit-default: 23 numbers of 20,995 clients, batches of 512."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bare.loop import Batch, Settings, train

SETTINGS = Settings(batch_size=512, lr=1e-3, weight_decay=0.02, schedule="cosine", warmup=0.05)
TRAINED = 20_995


def read(folder: Path) -> Batch:
    """Numbers (n, 23) of mean 0 and spread 1, and classes (n,)."""
    cells = np.loadtxt(folder / "credit_default" / "UCI_Credit_Card.csv", delimiter=",", skiprows=1, dtype=np.float32)
    cells = cells[np.random.default_rng(0).permutation(len(cells))[:TRAINED]]
    numbers = cells[:, :-1]
    numbers = (numbers - numbers.mean(0)) / numbers.std(0)
    return torch.from_numpy(numbers), torch.from_numpy(cells[:, -1].astype(np.int64))


class Net(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Linear(23, 128), nn.ReLU(), nn.Dropout(0.1), nn.Linear(128, 128), nn.ReLU(), nn.Dropout(0.1),
            nn.Linear(128, 2),
        )  # fmt: skip


def batches(data: Batch, size: int) -> Iterator[Batch]:
    numbers, classes = data
    generator = torch.Generator().manual_seed(0)
    while True:
        for index in torch.randperm(len(numbers), generator=generator).split(size):
            yield numbers[index], classes[index]


def loss(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(net(x), y)


def build(folder: Path) -> tuple[nn.Module, Iterator[Batch]]:
    data = read(folder)
    torch.manual_seed(0)
    return Net(), batches(data, SETTINGS.batch_size)


def run(folder: Path, steps: int) -> None:
    net, parts = build(folder)
    train(net, loss, parts, SETTINGS, steps)
