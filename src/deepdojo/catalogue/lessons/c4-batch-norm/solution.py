"""Batch normalisation of images (Ioffe and Szegedy 2015). B batch, C channels, Y rows, X columns."""

import torch
from torch import nn


class BatchNorm2d(nn.Module):
    """Each channel gets mean 0 and variance 1, then a learned scale and shift.

    Args:
        num_features: C.
        momentum: share of the new batch in what is remembered.
        eps: added to the variance, under the root.

    Parameters: `weight` (C,), ones at first; `bias` (C,), zeros.
    Buffers (`register_buffer`): `running_mean` (C,), zeros at first; `running_var` (C,), ones.
    """

    def __init__(self, num_features, momentum=0.1, eps=1e-5):
        super().__init__()
        # --- your code ---
        self.momentum, self.eps = momentum, eps
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        # --- end ---

    def forward(self, x):
        """(B, C, Y, X) to the same shape.

        With `self.training` the batch's own statistics normalise (variance divided by n), and the running ones move
        towards them by `momentum` (variance divided by n − 1). Otherwise the running ones normalise, and stay.
        """
        # --- your code ---
        if self.training:
            mean = x.mean((0, 2, 3), keepdim=True)
            centred = x - mean
            var = (centred * centred).mean((0, 2, 3), keepdim=True)
            n = x.numel() / x.shape[1]
            with torch.no_grad():
                self.running_mean += self.momentum * (mean.flatten() - self.running_mean)
                self.running_var += self.momentum * (var.flatten() * n / (n - 1) - self.running_var)
        else:
            mean, var = self.running_mean[:, None, None], self.running_var[:, None, None]
            centred = x - mean
        y = centred / torch.sqrt(var + self.eps)
        return y * self.weight[:, None, None] + self.bias[:, None, None]
        # --- end ---
