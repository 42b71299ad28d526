"""MR, as the two workloads on text read it: words of 8,635 sentences, batches of 64 of like length."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

TRAINED = 8_635
WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")


def read(folder: Path) -> tuple[list[Tensor], Tensor, int]:
    """Word ids of each sentence, classes, size of the vocabulary. Id 0 is padding, 1 a word seen less than twice."""
    lines = (folder / "sentence_classification" / "rt-polarity.all").read_text(encoding="latin-1").strip().split("\n")
    order = torch.randperm(len(lines), generator=torch.Generator().manual_seed(0)).tolist()[:TRAINED]
    words = [WORD.findall(lines[i][2:].lower()) for i in order]
    counts = Counter(word for sentence in words for word in sentence)
    index = {word: i + 2 for i, (word, count) in enumerate(counts.most_common()) if count >= 2}
    ids = [torch.tensor([index.get(word, 1) for word in sentence]) for sentence in words]
    return ids, torch.tensor([int(lines[i][0]) for i in order]), len(index) + 2


def batches(ids: list[Tensor], classes: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """(words padded with 0 (B, T), lengths (B), classes (B)): shuffled, sorted within 50 batches, shuffled again."""
    lengths = torch.tensor([len(sentence) for sentence in ids])
    generator = torch.Generator().manual_seed(0)
    while True:
        order = torch.randperm(len(ids), generator=generator)
        pools = [pool[torch.argsort(lengths[pool])] for pool in order.split(50 * size)]
        cut = [batch for pool in pools for batch in pool.split(size)]
        for i in torch.randperm(len(cut), generator=generator).tolist():
            batch = cut[i]
            yield pad_sequence([ids[j] for j in batch.tolist()], batch_first=True), lengths[batch], classes[batch]
