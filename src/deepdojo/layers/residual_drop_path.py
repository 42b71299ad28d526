"""Stochastic depth: in training a residual branch is now and then left out, row by row. `*S` any axes after the batch.

Source: Huang et al. 2016, "Deep networks with stochastic depth", equations 2 to 5; by row and scaled in training
    instead of evaluation: Larsson et al. 2016 (FractalNet) and what followed.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.layers.hook import Layer, current

__all__ = ["DropPath", "Residual", "drop_path", "drop_path_reference", "growing_rates"]


def drop_path(x: Float[Tensor, B * S], p: float, training: bool) -> Float[Tensor, B * S]:
    """In training each row as a whole is zero with probability p and x / (1 - p) otherwise; else x itself.

    It stands on a residual branch, x + drop_path(f(x)): a silent row passes its block unchanged. The mean stays, so
    evaluation needs no scaling (the paper scales there).

    Raises: RecipeError for a p that is no share.
    """
    if not 0 <= p <= 1:
        raise RecipeError(f"drop_path is a share from 0 to 1, got {p}", where="drop_path")
    if not training or p == 0:
        return x
    if p == 1:
        return 0 * x
    alive = torch.empty(len(x), dtype=x.dtype, device=x.device).bernoulli_(1 - p)
    return x * alive.div_(1 - p).view(-1, *[1] * (x.dim() - 1))


def drop_path_reference(x: Float[Tensor, B * S], p: float, training: bool) -> Float[Tensor, B * S]:
    """`drop_path` row by row, with the same draws."""
    if not training or p <= 0:
        return x
    alive = torch.empty(len(x), dtype=x.dtype, device=x.device).bernoulli_(1 - p)
    return torch.stack([row / (1 - p) if lives else 0 * row for row, lives in zip(x, alive, strict=True)])


def growing_rates(last: float, layers: int) -> list[float]:
    """p_l = l / L · p_L for l = 1 to L: the first branches, on which all others build, are kept most.

    Example:
        >>> growing_rates(0.5, 4)
        [0.125, 0.25, 0.375, 0.5]
    """
    return [layer * last / layers for layer in range(1, layers + 1)]


class DropPath(Layer):
    """Leaves a row out with probability `p` in training (see `drop_path`); the identity in evaluation.

    Args:
        p: share of rows that are silent, 0 <= p < 1.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise RecipeError(f"drop_path is a share from 0 to below 1, got {p}", where="drop_path")
        self.p = p
        self.drop = current("drop_path")

    def forward(self, x: Float[Tensor, B * S]) -> Float[Tensor, B * S]:
        return self.drop(x, self.p, self.training)

    def extra_repr(self) -> str:
        return f"{self.p}"


class Residual(Layer):
    """y = x + drop_path(branch(x)): what the branch need not say again is kept by itself.

    Args:
        branch: a module whose output has the shape of its input.
        p: share of rows whose branch is left out in training.

    The gradient reaches x directly, with weight 1, whatever the branch does. Source: He et al. 2015, equation 1.
    """

    def __init__(self, branch: nn.Module, p: float = 0.0) -> None:
        super().__init__()
        self.branch, self.drop_path = branch, DropPath(p)

    def forward(self, x: Float[Tensor, B * S]) -> Float[Tensor, B * S]:
        return x + self.drop_path(self.branch(x))
