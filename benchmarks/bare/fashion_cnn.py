"""Small VGG-like network on Fashion-MNIST, mirrored at random: 57,000 images, batches of 128."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bare.loop import Batch, Settings, train

SETTINGS = Settings(batch_size=128, lr=3e-3, weight_decay=0.05, schedule="linear", warmup=0.1)
TRAINED = 57_000


def read(folder: Path) -> Batch:
    """Images (n, 1, 28, 28) uint8 and classes (n,)."""
    with gzip.open(folder / "fashion_mnist" / "train-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
    with gzip.open(folder / "fashion_mnist" / "train-labels-idx1-ubyte.gz") as file:
        classes = np.frombuffer(file.read(), np.uint8, offset=8)
    return torch.from_numpy(images[:TRAINED].copy()), torch.from_numpy(classes[:TRAINED].astype(np.int64))


class Block(nn.Module):
    def __init__(self, c_in: int, c_out: int, kernel: int, residual: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(c_out)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm(self.conv(x)))
        return x + y if self.residual else y


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList([
            nn.Sequential(Block(1, 24, 5)),
            nn.Sequential(Block(24, 48, 3)),
            nn.Sequential(Block(48, 96, 3), Block(96, 96, 3, residual=True)),
        ])  # fmt: skip
        self.head = nn.Linear(96, 10)

    def forward(self, x: Tensor) -> Tensor:
        for i, stage in enumerate(self.stages):
            x = stage(x if i == 0 else F.max_pool2d(x, 2))
        return self.head(x.mean((2, 3)))


def prepare(images: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Float images of mean 0 and spread 1; each mirrored with probability 1/2 where there is a generator."""
    x = images.float().div_(255.0).sub_(0.286).div_(0.353)
    if generator is not None:
        flip = torch.rand(len(x), generator=generator) < 0.5
        x = torch.where(flip[:, None, None, None], x.flip(3), x)
    return x


def batches(data: Batch, size: int) -> Iterator[Batch]:
    images, classes = data
    generator = torch.Generator().manual_seed(0)
    while True:
        for index in torch.randperm(len(images), generator=generator).split(size):
            yield prepare(images[index], generator), classes[index]


def loss(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(net(x), y)


def channels_last(parts: Iterator[Batch]) -> Iterator[Batch]:
    return ((x.to(memory_format=torch.channels_last), y) for x, y in parts)


def build(folder: Path) -> tuple[nn.Module, Iterator[Batch]]:
    """The network with its channels last in memory, and its batches."""
    data = read(folder)
    torch.manual_seed(0)
    net = Net().to(memory_format=torch.channels_last)
    return net, channels_last(batches(data, SETTINGS.batch_size))


def run(folder: Path, steps: int) -> None:
    net, parts = build(folder)
    train(net, loss, parts, SETTINGS, steps)


def run_channels_first(folder: Path, steps: int) -> None:
    """The same in torch's default layout, for the row that says what channels-last gains."""
    data = read(folder)
    torch.manual_seed(0)
    train(Net(), loss, batches(data, SETTINGS.batch_size), SETTINGS, steps)
