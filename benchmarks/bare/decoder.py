"""Decoder of 2.7 M parameters on the first nine tenths of Tiny Shakespeare: 16 windows of 128 characters a step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bare.loop import Batch, Settings, train

SETTINGS = Settings(batch_size=16, lr=1e-3, weight_decay=0.1, schedule="cosine", warmup=0.05, betas=(0.9, 0.99))
CONTEXT, WIDTH, LAYERS, HEADS = 128, 192, 6, 6
TRAINED = (0.05, 0.9)


def read(folder: Path) -> tuple[Tensor, int]:
    """Ids of the characters (n,), and how many there are."""
    text = (folder / "tiny_shakespeare" / "input.txt").read_text(encoding="utf-8")
    text = text[int(TRAINED[0] * len(text)) : int(TRAINED[1] * len(text))]
    index = {character: i for i, character in enumerate(sorted(set(text)))}
    return torch.tensor([index[character] for character in text]), len(index)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.into, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        B, T, D = x.shape
        q, k, v = (part.view(B, T, HEADS, -1).transpose(1, 2) for part in self.into(self.norm1(x)).split(D, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(B, T, D))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Net(nn.Module):
    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocab_size, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.norm = nn.LayerNorm(WIDTH)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                deep = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(parameter, std=0.02 / (2 * LAYERS) ** 0.5 if deep else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) -> scores of the one after each (B, T, V)."""
        x = self.tokens(tokens) + self.positions.weight[: tokens.shape[1]]
        return self.norm(self.blocks(x)) @ self.tokens.weight.T


def batches(ids: Tensor, size: int) -> Iterator[Batch]:
    generator = torch.Generator().manual_seed(0)
    steps = torch.arange(CONTEXT)
    while True:
        at = torch.randint(len(ids) - CONTEXT, (size,), generator=generator)[:, None] + steps
        yield ids[at], ids[at + 1]


def loss(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(net(x).flatten(0, 1), y.flatten())


def build(folder: Path) -> tuple[nn.Module, Iterator[Batch]]:
    ids, vocab_size = read(folder)
    torch.manual_seed(0)
    return Net(vocab_size), batches(ids, SETTINGS.batch_size)


def run(folder: Path, steps: int) -> None:
    net, parts = build(folder)
    train(net, loss, parts, SETTINGS, steps)
