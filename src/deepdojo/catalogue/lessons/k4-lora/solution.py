"""A linear layer with a low-rank change. I inputs, O outputs, r rank."""

import torch
from torch import nn


class LoRALinear(nn.Module):
    """y = base(x) + alpha / r · x Aᵀ Bᵀ, where only A and B learn.

    Args:
        base: an nn.Linear(I, O); it is frozen, and never changed.
        r: the rank of the change.
        alpha: how much the change counts; divided by r.

    Attributes:
        A: parameter (r, I), drawn at random. B: parameter (O, r), zero at the start.
    """

    def __init__(self, base, r, alpha):
        # --- your code ---
        super().__init__()
        self.base = base.requires_grad_(False)
        self.scale = alpha / r
        self.A = nn.Parameter(torch.randn(r, base.in_features, dtype=base.weight.dtype) / base.in_features**0.5)
        self.B = nn.Parameter(torch.zeros(base.out_features, r, dtype=base.weight.dtype))
        # --- end ---

    def forward(self, x):
        """x: (…, I) -> (…, O)."""
        # --- your code ---
        return self.base(x) + self.scale * (x @ self.A.T) @ self.B.T
        # --- end ---

    def merge(self):
        """A new nn.Linear(I, O) that answers as this layer does now; calling it twice gives the same."""
        # --- your code ---
        merged = nn.Linear(self.base.in_features, self.base.out_features, bias=self.base.bias is not None)
        merged = merged.to(self.base.weight.dtype)
        with torch.no_grad():
            merged.weight.copy_(self.base.weight + self.scale * self.B @ self.A)
            if self.base.bias is not None:
                merged.bias.copy_(self.base.bias)
        return merged
        # --- end ---
