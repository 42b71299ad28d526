"""A small residual network. Somewhere a gradient is lost on its way: the model runs, and a part of it never learns.

B batch, D width, L layers.
"""

import torch
from torch import nn


class Regressor(nn.Module):
    """L residual layers, gated, on a shifted and scaled input; one number for each row.

    All parameters learn: `shift`, `scale`, `gate`, `temperature`, the layers, the head.
    """

    def __init__(self, width, depth):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(width))
        self.scale = nn.Parameter(torch.ones(()))
        self.gate = nn.Parameter(torch.zeros(width))
        self.temperature = nn.Parameter(torch.ones(()))
        self.layers = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        """x: (B, D) -> (B,)."""
        h = self.scale * (x + self.shift)
        share = torch.sigmoid(self.gate)
        for layer in self.layers:
            h = h + share * torch.tanh(layer(h) / self.temperature)
        return self.head(h).squeeze(-1)
