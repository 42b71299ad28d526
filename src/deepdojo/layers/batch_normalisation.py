"""Batch normalisation. Dimensions: B batch, C channels, Y and X image axes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.hook import Layer, current
from deepdojo.layers.shapes import ShapeError, require_width

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "batch_norm", "batch_norm_reference"]


def batch_norm(
    x: Float[Tensor, "B C *S"],
    weight: Float[Tensor, " C"],
    bias: Float[Tensor, " C"],
    running_mean: Float[Tensor, " C"],
    running_var: Float[Tensor, " C"],
    training: bool,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Float[Tensor, "B C *S"]:
    """y = (x - mean) / √(var + eps) · weight + bias, channel by channel.

    In training mean and var are the batch's own (var divides by n) and the running ones move towards them by `momentum`
    (there var divides by n - 1); in evaluation the running ones are used and stay. Source: Ioffe & Szegedy 2015.
    """
    return F.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)


def batch_norm_reference(
    x: Float[Tensor, "B C *S"],
    weight: Float[Tensor, " C"],
    bias: Float[Tensor, " C"],
    running_mean: Float[Tensor, " C"],
    running_var: Float[Tensor, " C"],
    training: bool,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Float[Tensor, "B C *S"]:
    """`batch_norm` in plain algebra."""
    flat = x.transpose(0, 1).flatten(1)  # (C, n)
    mean, var = running_mean, running_var
    if training:
        mean, var = flat.mean(1), ((flat - flat.mean(1, keepdim=True)) ** 2).mean(1)
        n = flat.shape[1]
        with torch.no_grad():
            running_mean += momentum * (mean - running_mean)
            running_var += momentum * (var * n / (n - 1) - running_var)
    shape = (-1,) + (1,) * (x.dim() - 2)
    scale = weight / torch.sqrt(var + eps)
    return (x - mean.view(shape)) * scale.view(shape) + bias.view(shape)


class _BatchNorm(Layer):
    rank: tuple[int, ...]

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.weight, self.bias = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))
        self.running_mean: Tensor
        self.running_var: Tensor
        self.num_batches_tracked: Tensor
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))  # only so that state dicts are torch's
        self.normalise = current("batch_norm")

    def reset_parameters(self) -> None:
        with torch.no_grad():
            for ones in (self.weight, self.running_var):
                ones.fill_(1)
            for zeros in (self.bias, self.running_mean, self.num_batches_tracked):
                zeros.zero_()

    def forward(self, x: Float[Tensor, "B C *S"]) -> Float[Tensor, "B C *S"]:
        if x.dim() not in self.rank:
            raise ShapeError(f"{type(self).__name__} expects a tensor of {self.rank[-1]} axes, got {tuple(x.shape)}")
        require_width(type(self).__name__, x, self.num_features, axis=1)
        learn = self.training and x.numel() > self.num_features
        if learn:
            self.num_batches_tracked.add_(1)
        return self.normalise(
            x, self.weight, self.bias, self.running_mean, self.running_var, learn, self.momentum, self.eps
        )

    def extra_repr(self) -> str:
        return f"{self.num_features}"


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images (B, C, Y, X), channel by channel; see `batch_norm`.

    Args:
        num_features: C.
        eps: added to the variance; keeps a constant channel finite.
        momentum: share of the new batch in the running mean and variance.

    Initialisation: weight 1, bias 0. Deviation from torch: a batch with one number a channel (one 1x1 image) has no
    variance; torch raises, here the running statistics are used, so that a last batch of one row stops no training.
    """

    rank = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of volumes or films (B, C, Z, Y, X), channel by channel; see `BatchNorm2d`.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: share of the new batch in the running mean and variance.
    """

    rank = (5,)


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of vectors (B, C) or sequences (B, C, T), channel by channel; see `BatchNorm2d`.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: share of the new batch in the running mean and variance.
    """

    rank = (2, 3)
