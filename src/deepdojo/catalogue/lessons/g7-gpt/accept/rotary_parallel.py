import torch
import torch.nn.functional as F
from torch import nn


def turned(x, start):
    """Rotary positions, halves as pairs."""
    half = x.shape[-1] // 2
    angles = torch.arange(start, start + x.shape[-2])[:, None] * 100.0 ** (-torch.arange(half) / half)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], -1)


def rms(x):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)


class GPT(nn.Module):
    """Attention and a gated feed-forward side by side, norms without gains, the weights of all layers in one tensor."""

    def __init__(self, V, D, L, H, T):
        super().__init__()
        self.H, self.D = H, D
        self.into = nn.Parameter(torch.randn(L, D, 7 * D) * D**-0.5)
        self.out = nn.Parameter(torch.randn(L, 3 * D, D) * (6 * D * L) ** -0.5)
        self.table = nn.Parameter(torch.randn(V, D))
        self.head = nn.Parameter(torch.zeros(D, V))

    def forward(self, ids, cache=None):
        x, old = self.table[ids], cache or [None] * len(self.into)
        past, new = 0 if cache is None else cache[0][0].shape[2], []
        keep = torch.ones(ids.shape[1], past + ids.shape[1], dtype=torch.bool).tril(past)
        for into, out, before in zip(self.into, self.out, old):
            q, k, v, gate, up = (rms(x) @ into).split([self.D] * 3 + [2 * self.D] * 2, -1)
            q, k, v = (y.unflatten(-1, (self.H, -1)).transpose(1, 2) for y in (q, k, v))
            q, k = turned(q, past), turned(k, past)
            if before is not None:
                k, v = torch.cat([before[0], k], 2), torch.cat([before[1], v], 2)
            new.append((k, v))
            seen = F.scaled_dot_product_attention(q, k, v, attn_mask=keep).transpose(1, 2).flatten(2)
            x = x + torch.cat([seen, F.silu(gate) * up], -1) @ out
        return rms(x) @ self.head, new

    def loss(self, ids):
        return F.cross_entropy(self(ids)[0].transpose(1, 2)[..., :-1], ids[:, 1:])
