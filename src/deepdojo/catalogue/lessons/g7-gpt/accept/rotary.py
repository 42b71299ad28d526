"""Rotary positions, RMS norms, gated feed-forward, attention and feed-forward side by side, a head of its own."""

import torch
from torch import nn


def turned(x, begin):
    half = x.shape[-1] // 2
    rates = 10000.0 ** (-torch.arange(half, dtype=x.dtype) / half)
    angle = torch.arange(begin, begin + x.shape[-2], dtype=x.dtype)[:, None] * rates
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], -1)


class Layer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm = nn.RMSNorm(width)
        self.q, self.k, self.v, self.o = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.up, self.gate, self.down = (
            nn.Linear(width, 2 * width),
            nn.Linear(width, 2 * width),
            nn.Linear(2 * width, width),
        )

    def forward(self, x, store, name, begin):
        h = self.norm(x)
        q, k, v = (f(h).view(*h.shape[:2], self.heads, -1).transpose(1, 2) for f in (self.q, self.k, self.v))
        q, k = turned(q, begin), turned(k, begin)
        if name in store:
            k, v = torch.cat([store[name][0], k], -2), torch.cat([store[name][1], v], -2)
        ahead = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).triu(k.shape[-2] - q.shape[-2] + 1)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=~ahead)
        mixed = self.o(mixed.transpose(1, 2).reshape(h.shape))
        return x + mixed + self.down(nn.functional.silu(self.gate(h)) * self.up(h)), (k, v)


class GPT(nn.Module):
    def __init__(self, V, D, L, H, T):
        super().__init__()
        self.embed = nn.Embedding(V, D)
        self.layers = nn.ModuleDict({str(i): Layer(D, H) for i in range(L)})
        self.last = nn.RMSNorm(D)
        self.unembed = nn.Linear(D, V)

    def forward(self, ids, cache=None):
        store = cache or {}
        begin = store.get("length", 0)
        x, kept = self.embed(ids), {"length": begin + ids.size(1)}
        for name, layer in self.layers.items():
            x, kept[name] = layer(x, store, name, begin)
        return self.unembed(self.last(x)), kept

    def loss(self, ids):
        guesses = self(ids)[0][:, :-1].log_softmax(-1)
        return -guesses.gather(-1, ids[:, 1:, None]).mean()
