"""A GPT. V words, D width, L blocks, H heads, T the longest text; B batch, N new tokens, S all tokens so far."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    """Attention, then a feed-forward part; each is added to what came in. A proposal: change this class freely."""

    def __init__(self, D, H):
        # --- your code ---
        super().__init__()
        self.H = H
        self.norm_1, self.norm_2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.qkv, self.out = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.feed_forward = nn.Sequential(nn.Linear(D, 4 * D), nn.GELU(), nn.Linear(4 * D, D))
        # --- end ---

    def forward(self, x, cache=None):
        """x: (B, N, D), the new tokens. Returns (B, N, D) and this block's cache, all tokens' keys and values."""
        # --- your code ---
        parts = self.qkv(self.norm_1(x)).chunk(3, -1)
        q, k, v = (part.unflatten(-1, (self.H, -1)).transpose(1, 2) for part in parts)
        if cache is not None:
            k, v = torch.cat([cache[0], k], 2), torch.cat([cache[1], v], 2)
        new, seen = q.shape[2], k.shape[2]
        back = torch.arange(new)[:, None] + seen - new - torch.arange(seen)
        scores = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).masked_fill(back < 0, -math.inf)
        x = x + self.out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))
        x = x + self.feed_forward(self.norm_2(x))
        return x, (k, v)
        # --- end ---


class GPT(nn.Module):
    """A decoder-only Transformer.

    Args:
        V: words. D: width. L: blocks. H: heads, divides D. T: the longest text that it must read.
    """

    def __init__(self, V, D, L, H, T):
        # --- your code ---
        super().__init__()
        self.words, self.places = nn.Embedding(V, D), nn.Embedding(T, D)
        self.blocks = nn.ModuleList([Block(D, H) for _ in range(L)])
        self.norm, self.head = nn.LayerNorm(D), nn.Linear(D, V, bias=False)
        nn.init.normal_(self.words.weight, std=0.02)
        nn.init.normal_(self.places.weight, std=0.02)
        self.head.weight = self.words.weight
        # --- end ---

    def forward(self, ids, cache=None):
        """Logits of the word that follows each token.

        Args:
            ids: (B, N) integers; with a cache the tokens that follow those in it.
            cache: None, or what an earlier call returned; it is left as it is.

        Returns:
            (B, N, V) logits, and a cache of a form that you choose, for the next call.
        """
        # --- your code ---
        past = 0 if cache is None else cache[0][0].shape[2]
        x = self.words(ids) + self.places(torch.arange(past, past + ids.shape[1]))
        new = []
        for i, block in enumerate(self.blocks):
            x, kept = block(x, None if cache is None else cache[i])
            new.append(kept)
        return self.head(self.norm(x)), new
        # --- end ---

    def loss(self, ids):
        """ids: (B, S). The mean cross-entropy of each token but the first, given those before it: one number."""
        # --- your code ---
        logits, _ = self(ids[:, :-1])
        return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        # --- end ---
