"""Group normalisation. Dimensions: B batch, C channels, G groups, `*S` any axes of space."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.layers.hook import Layer, current
from deepdojo.layers.shapes import nearest_divisor, require_width

__all__ = ["GroupNorm", "group_norm", "group_norm_reference"]


def group_norm(
    x: Float[Tensor, "B C *S"],
    num_groups: int,
    weight: Float[Tensor, " C"],
    bias: Float[Tensor, " C"],
    eps: float = 1e-5,
) -> Float[Tensor, "B C *S"]:
    """y = (x - mean) / √(var + eps) · weight + bias, over the C/G channels and all places of a group of each row alone.

    var divides by the number of values of the group. One group is layer normalisation over all of a row; C groups are
    instance normalisation. No row sees another, so training and evaluation are the same, and a batch of 2 is as good
    as one of 200: there batch normalisation's own statistics are noise.
    Numerics: torch's kernel computes x·a - mean·a with a = weight / √(var + eps), so a nearly constant group far from
    zero loses digits: up to |mean| · 1e-7 / √eps in float32. Source: Wu & He 2018.
    """
    return F.group_norm(x, num_groups, weight, bias, eps)


def group_norm_reference(
    x: Float[Tensor, "B C *S"],
    num_groups: int,
    weight: Float[Tensor, " C"],
    bias: Float[Tensor, " C"],
    eps: float = 1e-5,
) -> Float[Tensor, "B C *S"]:
    """`group_norm` in plain algebra."""
    groups = x.reshape(len(x), num_groups, -1)
    centred = groups - groups.mean(-1, keepdim=True)
    normal = centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + eps)
    shape = (-1,) + (1,) * (x.dim() - 2)
    return normal.reshape(x.shape) * weight.view(shape) + bias.view(shape)


class GroupNorm(Layer):
    """Group normalisation over (B, C, ...); see `group_norm`. The same in training and evaluation.

    Args:
        num_groups: G, must divide C; 32 in the paper.
        num_channels: C.
        eps: added to the variance; keeps a constant group finite.

    Initialisation: weight 1, bias 0.
    Raises: RecipeError when G does not divide C; ShapeError for another number of channels.
    """

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        if num_channels < 1:
            raise RecipeError(f"num_channels must be 1 or more, got {num_channels}", where="GroupNorm")
        if num_groups < 1 or num_channels % num_groups:
            raise RecipeError(
                f"num_groups = {num_groups} does not divide {num_channels} channels",
                where="GroupNorm",
                todo=f"take {nearest_divisor(num_channels, num_groups)}",
            )
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.weight, self.bias = nn.Parameter(torch.ones(num_channels)), nn.Parameter(torch.zeros(num_channels))
        self.normalise = current("group_norm")

    def reset_parameters(self) -> None:
        with torch.no_grad():
            self.weight.fill_(1)
            self.bias.zero_()

    def forward(self, x: Float[Tensor, "B C *S"]) -> Float[Tensor, "B C *S"]:
        require_width("GroupNorm", x, self.num_channels, axis=1)
        return self.normalise(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"groups={self.num_groups}, {self.num_channels}"
