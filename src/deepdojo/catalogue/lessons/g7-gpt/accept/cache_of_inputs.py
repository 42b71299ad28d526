"""As GPT-1: norm after each sum, the last block ends in one. torch's attention, sinusoids, a cache of inputs."""

import torch
from torch import nn


class GPT(nn.Module):
    def __init__(self, V, D, L, H, T):
        super().__init__()
        place, rate = torch.arange(T)[:, None], 10000.0 ** (-torch.arange(0, D, 2) / D)
        self.register_buffer("places", torch.stack([(place * rate).sin(), (place * rate).cos()], -1).flatten(1)[:, :D])
        self.embed = nn.Embedding(V, D)
        self.attentions = nn.ModuleList(nn.MultiheadAttention(D, H, batch_first=True) for _ in range(L))
        self.hidden = nn.ModuleList(
            nn.Sequential(nn.Linear(D, 4 * D), nn.ReLU(), nn.Linear(4 * D, D)) for _ in range(L)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(D) for _ in range(2 * L))
        self.head = nn.Linear(D, V)

    def forward(self, ids, cache=None):
        n, past = ids.shape[1], cache[0].shape[1] if cache else 0
        x, kept = self.embed(ids) + self.places[past : past + n], []
        hidden = torch.arange(past + n) > torch.arange(past, past + n)[:, None]
        for i, (attention, feed_forward) in enumerate(zip(self.attentions, self.hidden, strict=True)):
            seen = torch.cat([cache[i], x], 1) if cache else x  # what keys and values are made of
            kept.append(seen)
            mixed, _ = attention(x, seen, seen, attn_mask=hidden, need_weights=False)
            x = self.norms[2 * i](x + mixed)
            x = self.norms[2 * i + 1](x + feed_forward(x))
        return self.head(x), tuple(kept)

    def loss(self, ids):
        logits, _ = self(ids)
        return nn.CrossEntropyLoss()(logits[:, :-1].transpose(1, 2), ids[:, 1:])
