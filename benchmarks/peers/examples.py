"""The training rows as a `Dataset` of single examples with a collate function: what a quick start feeds to a loader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset, TensorDataset, default_collate

Collate = Callable[[list[Any]], Any]


class Pictures(Dataset):
    """Float pictures, each mirrored with probability 1/2 when it is taken, as with a transform."""

    def __init__(self, images: Tensor, classes: Tensor) -> None:
        self.images, self.classes = images, classes

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        x = (self.images[i].float() / 255.0 - 0.286) / 0.353
        return (x.flip(2) if torch.rand(()) < 0.5 else x), self.classes[i]


class Sentences(Dataset):
    def __init__(self, ids: list[Tensor], classes: Tensor) -> None:
        self.ids, self.classes = ids, classes

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        return self.ids[i], self.classes[i]


class Windows(Dataset):
    """Each window of a text, and the same moved on by one."""

    def __init__(self, ids: Tensor, width: int) -> None:
        self.ids, self.width = ids, width

    def __len__(self) -> int:
        return len(self.ids) - self.width

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        return self.ids[i : i + self.width], self.ids[i + 1 : i + 1 + self.width]


def padded(examples: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
    """(words (B, T), lengths (B), classes (B)) of a batch of any lengths."""
    words = [sentence for sentence, _ in examples]
    lengths = torch.tensor([len(sentence) for sentence in words])
    return pad_sequence(words, batch_first=True), lengths, torch.stack([y for _, y in examples])


def examples(workload: str, folder: Path) -> tuple[Dataset, Collate, Callable[[], torch.nn.Module]]:
    """(data set, collate, network)."""
    from importlib import import_module

    module = import_module(f"bare.{workload}")
    if workload == "fashion_cnn":
        return Pictures(*module.read(folder)), default_collate, module.Net
    if workload in ("text_cnn", "bilstm"):
        ids, classes, vocab_size = module.read(folder)
        return Sentences(ids, classes), padded, lambda: module.Net(vocab_size)
    if workload == "decoder":
        ids, vocab_size = module.read(folder)
        return Windows(ids, module.CONTEXT), default_collate, lambda: module.Net(vocab_size)
    return TensorDataset(*module.read(folder)), default_collate, module.Net
