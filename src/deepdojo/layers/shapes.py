"""One sentence for a tensor that does not fit a layer, instead of the kernel's own message."""

from __future__ import annotations

from torch import Tensor

from deepdojo.errors import DojoError

__all__ = ["ShapeError", "require_width"]


class ShapeError(DojoError):
    """A tensor's rank, width or mask does not fit the layer it was given to."""


def require_width(layer: str, x: Tensor, width: int, *, rank: int | None = None, axis: int = -1) -> None:
    """Raises ShapeError unless `x` has `rank` axes and `width` entries along `axis`."""
    if rank is not None and x.dim() != rank:
        raise ShapeError(f"{layer} expects a tensor of {rank} axes, got {tuple(x.shape)}")
    if x.dim() == 0 or x.shape[axis] != width:
        raise ShapeError(f"{layer} expects {width} entries along axis {axis}, got {tuple(x.shape)}")
