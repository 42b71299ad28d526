"""One sentence for a tensor that does not fit a layer, instead of the kernel's own message."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from deepdojo.errors import DojoError, RecipeError

__all__ = ["ShapeError", "nearest_divisor", "require_heads", "require_mask", "require_queries", "require_width"]


class ShapeError(DojoError):
    """A tensor's rank, width or mask does not fit the layer it was given to."""


def require_width(layer: str, x: Tensor, width: int, *, rank: int | None = None, axis: int = -1) -> None:
    """Raises ShapeError unless `x` has `rank` axes and `width` entries along `axis`."""
    if rank is not None and x.dim() != rank:
        raise ShapeError(f"{layer} expects a tensor of {rank} axes, got {tuple(x.shape)}")
    if not -x.dim() <= axis < x.dim() or x.shape[axis] != width:
        raise ShapeError(f"{layer} expects {width} entries along axis {axis}, got {tuple(x.shape)}")


def require_mask(layer: str, keep: Tensor, *shapes: Sequence[int]) -> None:
    """Raises ShapeError unless `keep` is boolean and has one of the shapes: a mask is never stretched silently."""
    if keep.dtype != torch.bool or tuple(keep.shape) not in [tuple(shape) for shape in shapes]:
        wanted = " or ".join(str(tuple(shape)) for shape in shapes)
        raise ShapeError(f"{layer}: keep must be bool {wanted}, got {keep.dtype} {tuple(keep.shape)}")


def require_heads(layer: str, width: int, heads: int) -> None:
    """Raises RecipeError unless `heads` divides `width`; names the nearest number that does."""
    if heads >= 1 and width % heads == 0:
        return
    best = nearest_divisor(width, heads)
    raise RecipeError(f"num_heads = {heads} does not divide the width {width}", where=layer, todo=f"take {best}")


def require_queries(layer: str, q: Tensor, k: Tensor, v: Tensor, *, grouped: bool = False) -> None:
    """Raises ShapeError unless q (B, H, T, K), k (B, H, S, K) and v (B, H, S, W) go together; `grouped`: k and v may
    have fewer heads than q."""
    same = q.dim() == k.dim() == v.dim() == 4 and q.shape[0] == k.shape[0] == v.shape[0]
    same = same and q.shape[3] == k.shape[3] and k.shape[1:3] == v.shape[1:3]
    if not same or (not grouped and q.shape[1] != k.shape[1]):
        got = ", ".join(str(tuple(x.shape)) for x in (q, k, v))
        raise ShapeError(f"{layer} expects q (B, H, T, K), k (B, H, S, K), v (B, H, S, W), got {got}")


def nearest_divisor(total: int, wanted: int) -> int:
    """The number nearest to `wanted` that divides `total`, which is 1 or more.

    Example:
        >>> nearest_divisor(48, 5)
        4
    """
    return min((n for n in range(1, total + 1) if total % n == 0), key=lambda n: abs(n - wanted))
