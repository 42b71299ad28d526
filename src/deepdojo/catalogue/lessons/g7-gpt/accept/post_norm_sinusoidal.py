import math

import torch
from torch import nn


class Block(nn.Module):
    """As in 2017: norms after the additions. The cache holds the layer's inputs."""

    def __init__(self, width, heads):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, dropout=0.1, batch_first=True)
        self.feed_forward = nn.Sequential(nn.Linear(width, 3 * width), nn.ReLU(), nn.Linear(3 * width, width))
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])

    def forward(self, x, before):
        seen = x if before is None else torch.cat([before, x], 1)
        ahead = torch.ones(x.shape[1], seen.shape[1], dtype=torch.bool).triu(1 + seen.shape[1] - x.shape[1])
        x = self.norms[0](x + self.attention(x, seen, seen, attn_mask=ahead, need_weights=False)[0])
        return self.norms[1](x + self.feed_forward(x)), seen


class GPT(nn.Module):
    def __init__(self, vocab_size, n_embd, n_layer, n_head, block_size):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, n_embd)
        angles = torch.arange(block_size)[:, None] / 10000 ** (torch.arange(0, n_embd, 2) / n_embd)
        self.register_buffer("positions", torch.cat([angles.sin(), angles.cos()], 1))
        self.blocks = nn.ModuleList(Block(n_embd, n_head) for _ in range(n_layer))
        self.head = nn.Linear(n_embd, vocab_size)

    def forward(self, ids, cache=None):
        start = cache["length"] if cache else 0
        x = self.embedding(ids) * math.sqrt(self.embedding.embedding_dim) + self.positions[start : start + ids.shape[1]]
        new = {"length": start + ids.shape[1]}
        for i, block in enumerate(self.blocks):
            x, new[i] = block(x, cache[i] if cache else None)
        return self.head(x), new

    def loss(self, ids):
        logits, _ = self(ids[:, :-1])
        return -logits.log_softmax(-1).gather(-1, ids[:, 1:, None]).mean()
