import math

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    """Norm first, attention by hand, one bias-free matrix for q, k and v; takes and gives a pair, for nn.Sequential."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(2)])

    def forward(self, pair):
        x, seen = pair
        q, k, v = (z.unflatten(-1, (self.heads, -1)).transpose(1, 2) for z in self.qkv(self.norms[0](x)).chunk(3, -1))
        scores = q @ k.mT / math.sqrt(q.size(-1))
        shares = scores.masked_fill(~seen[:, None, None], -math.inf).softmax(-1)
        x = x + self.out((shares @ v).transpose(1, 2).flatten(2))
        return x + self.down(F.silu(self.up(self.norms[1](x)))), seen


class Transformer(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers, num_heads, num_classes):
        super().__init__()
        self.embedding = nn.Embedding(input_size, hidden_size)
        self.first = nn.Parameter(torch.randn(hidden_size))
        self.blocks = nn.Sequential(*(Block(hidden_size, num_heads) for _ in range(num_layers)))
        self.fc = nn.Linear(hidden_size, num_classes)

    def forward(self, x, keep=None):
        seen = torch.ones_like(x).bool() if keep is None else keep
        words = self.embedding(x)
        ramp = torch.arange(x.size(1)) / 10
        words = words + torch.sin(ramp[:, None] * torch.arange(1, words.size(-1) + 1))
        h = torch.cat([self.first.expand(len(x), 1, -1), words], dim=1)
        h, _ = self.blocks((h, F.pad(seen, (1, 0), value=True)))
        return self.fc(h[:, 0])
