"""A Transformer that classifies texts, after a listing that many people start from. Mend it: it has five faults."""

import torch
import torch.nn.functional as F
from torch import nn


class Positions(nn.Module):
    """Adds sine and cosine of the position, for texts of any length."""

    def __init__(self, width):
        super().__init__()
        self.register_buffer("speed", 10000.0 ** (-torch.arange(0, width, 2) / width))

    def forward(self, x):
        angle = torch.arange(x.shape[1], device=x.device)[:, None] * self.speed
        return x + torch.stack([angle.sin(), angle.cos()], -1).flatten(1)[:, : x.shape[2]]


class Layer(nn.Module):
    """Attention mixes the words, a feed-forward part thinks about each; a norm after both."""

    def __init__(self, width, num_heads):
        super().__init__()
        self.num_heads = num_heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed_forward = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def attention(self, x, keep):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)  # (B, H, T, K) each
        found = F.scaled_dot_product_attention(q, k, v, attn_mask=keep[:, None, None])
        return self.out(found.transpose(1, 2).flatten(2))

    def forward(self, x, keep):
        x = self.norm1(x + self.attention(x, keep))
        return self.norm2(x + self.feed_forward(x))


class Transformer(nn.Module):
    """Token ids to scores.

    Args:
        input_size: tokens in the vocabulary. hidden_size: width. num_layers: layers, each with weights of its own.
        num_heads: divides hidden_size. num_classes: scores of each text.
    """

    def __init__(self, input_size, hidden_size, num_layers, num_heads, num_classes):
        super().__init__()
        self.embedding = nn.Embedding(input_size, hidden_size)
        self.positions = Positions(hidden_size)
        self.layers = nn.ModuleList([Layer(hidden_size, num_heads) for _ in range(num_layers)])
        self.head = nn.Linear(hidden_size, num_classes)

    def forward(self, x, keep=None):
        """x: (B, T) ids. keep: None, or (B, T) booleans, True = a real word. Returns (B, num_classes)."""
        keep = torch.ones_like(x, dtype=torch.bool) if keep is None else keep
        h = self.positions(self.embedding(x))
        for layer in self.layers:
            h = layer(h, keep)
        real = keep[..., None]
        return self.head((h * real).sum(1) / real.sum(1).clamp(min=1))
