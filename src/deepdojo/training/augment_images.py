"""Pictures moved, turned, recoloured and covered: batch -> batch on the device.

All draws are made on the CPU, so that a seed gives the same pictures on every device; images may be uint8, as packed,
and come back in their dtype.

Dimensions: B batch, C channels, Y height, X width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

__all__ = [
    "OUTSIDE", "Recolour", "Warp", "as_before", "erase", "flip_and_shift", "flip_up", "flipped_and_shifted", "inside",
    "recolour", "warp",
]  # fmt: skip

OUTSIDE = {"edge": "border", "zero": "zeros", "reflect": "reflection"}
"""What a recipe calls `fill`, and what torch's `grid_sample` does."""


def flip_and_shift(
    images: Shaped[Tensor, "B C Y X"], generator: torch.Generator, *, flip: bool, shift: int, fill: str = "edge"
) -> Shaped[Tensor, "B C Y X"]:
    """Each image mirrored left to right with probability 1/2 and moved by up to `shift` pixels along each axis: a
    random crop of the image padded by `shift`.

    Cost: one gather.

    Args:
        images: any dtype; usually uint8 as packed.
        generator: on the CPU.
        shift: pixels, 0 or more.
        fill: what moves in from outside: "edge" the border pixel, "zero" black, "reflect" the image mirrored at its
            border pixel.

    Source: Krizhevsky et al. 2012, section 4.1 (translations and reflections); He et al. 2015 move by up to 4 pixels
    of 32, with zeros outside.
    """
    count = len(images)
    down, right = (torch.randint(-shift, shift + 1, (2, count, 1), generator=generator)).unbind()
    mirrored = torch.rand(count, 1, generator=generator) < 0.5 if flip else torch.zeros(count, 1, dtype=torch.bool)
    return flipped_and_shifted(images, down, right, mirrored, fill)


def flipped_and_shifted(
    images: Shaped[Tensor, "B C Y X"],
    down: Int[Tensor, "B 1"],
    right: Int[Tensor, "B 1"],
    mirrored: Bool[Tensor, "B 1"],
    fill: str = "edge",
) -> Shaped[Tensor, "B C Y X"]:
    """`flip_and_shift` with what was drawn: the pixel at (y, x) is that of (y + down, x' + right), x' = x or its
    mirror's."""
    count, _, height, width = images.shape
    rows, columns = torch.arange(height) + down, torch.arange(width) + right  # (B, Y), (B, X); beyond the image too
    columns = torch.where(mirrored, columns.flip(1), columns)
    device, shift = images.device, bool(down.any() or right.any())
    batch = torch.arange(count, device=device).view(-1, 1, 1)
    row, column = inside(rows, height, fill), inside(columns, width, fill)
    moved = images.permute(0, 2, 3, 1)[batch, row.to(device)[:, :, None], column.to(device)[:, None, :]]  # (B, Y, X, C)
    if fill == "zero" and shift:
        outside = (rows != row)[:, :, None, None] | (columns != column)[:, None, :, None]
        moved.masked_fill_(outside.to(device), 0)
    return moved.permute(0, 3, 1, 2)  # (B, C, Y, X) with channels last in memory


def flip_up(images: Shaped[Tensor, "B C Y X"], generator: torch.Generator) -> Shaped[Tensor, "B C Y X"]:
    """Each image mirrored upside down with probability 1/2."""
    mirrored = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
    return torch.where(mirrored.to(images.device), images.flip(2), images)


def inside(at: Tensor, size: int, fill: str) -> Tensor:
    """Positions beyond 0 to size - 1 brought back: to the border, or mirrored at it."""
    if fill != "reflect" or size == 1:
        return at.clamp(0, size - 1)
    around = at.remainder(2 * (size - 1))
    return torch.minimum(around, 2 * (size - 1) - around)


@dataclass(frozen=True)
class Warp:
    """How far a picture may be turned, resized, slanted and stretched.

    Attributes:
        degrees: to either side.
        zoom: share; 0.1 draws factors from 1 / 1.1 to 1.1.
        fill: what comes in from outside: "edge" the border pixel, "zero" black, "reflect" the image mirrored at the
            outer side of its border pixel.
        shear: degrees to either side by which columns lean.
        stretch: share; 0.1 draws the ratio of the sides changed by a factor from 1 / 1.1 to 1.1.
    """

    degrees: float
    zoom: float
    fill: str = "edge"
    shear: float = 0.0
    stretch: float = 0.0


def warp(images: Shaped[Tensor, "B C Y X"], generator: torch.Generator, limits: Warp) -> Shaped[Tensor, "B C Y X"]:
    """Each image slanted, turned about its centre, resized and stretched, bilinear.

    Cost: one `grid_sample`, about as much as a small convolution.
    """
    count, _, height, width = images.shape
    turned, zoomed = (2.0 * torch.rand(2, count, generator=generator) - 1.0).unbind()
    angle = turned * math.radians(limits.degrees)
    factor = torch.exp(zoomed * math.log1p(limits.zoom))
    cos, sin = torch.cos(angle) / factor, torch.sin(angle) / factor
    lean = torch.zeros(count)
    if limits.shear:
        lean = torch.tan((2.0 * torch.rand(count, generator=generator) - 1.0) * math.radians(limits.shear))
    none = torch.zeros(count)
    wider = torch.ones(count)
    if limits.stretch:  # drawn only where asked for: other recipes see the pictures that they saw before
        wider = torch.exp((torch.rand(count, generator=generator) - 0.5) * math.log1p(limits.stretch))
    # affine_grid counts both axes from -1 to 1: where the sides differ, a turn in pixels is a shear there
    ratio = height / width
    rows = [
        torch.stack([cos / wider, (cos * lean - sin) * ratio / wider, none], 1),
        torch.stack([sin / ratio * wider, (sin * lean + cos) * wider, none], 1),
    ]
    grid = F.affine_grid(torch.stack(rows, 1).to(images.device), list(images.shape), align_corners=False)
    moved = F.grid_sample(images.float(), grid, mode="bilinear", padding_mode=OUTSIDE[limits.fill], align_corners=False)
    return as_before(moved, images)


@dataclass(frozen=True)
class Recolour:
    """How far light may change.

    Attributes:
        brightness: share of the largest value that is added or taken away.
        contrast: share; 0.2 draws factors from 1 / 1.2 to 1.2, about the picture's own mean.
    """

    brightness: float
    contrast: float


def recolour(
    images: Shaped[Tensor, "B C Y X"], generator: torch.Generator, limits: Recolour
) -> Shaped[Tensor, "B C Y X"]:
    """Each image lighter or darker, with more or less contrast. uint8 is kept within 0 to 255."""
    count = len(images)
    light, strong = (2.0 * torch.rand(2, count, generator=generator) - 1.0).to(images.device).view(2, count, 1, 1, 1)
    real = images.float()
    mean = real.mean((1, 2, 3), keepdim=True)
    largest = 255.0 if images.dtype == torch.uint8 else 1.0
    changed = (real - mean) * torch.exp(strong * math.log1p(limits.contrast)) + mean
    return as_before(changed + light * limits.brightness * largest, images)


def erase(images: Shaped[Tensor, "B C Y X"], generator: torch.Generator, *, share: float) -> Shaped[Tensor, "B C Y X"]:
    """A rectangle of each image covered by the image's own mean colour.

    Args:
        share: of the image's area at most; the sides are drawn so that the area lies between 0 and `share`.

    Source: DeVries & Taylor 2017 (cutout), Zhong et al. 2020 (random erasing).
    """
    count, _, height, width = images.shape
    side, at_row, at_column, form = torch.rand(4, count, generator=generator)
    area = share * side
    stretch = torch.exp((2.0 * form - 1.0) * math.log(2.0))
    tall = (torch.sqrt(area * stretch).clamp(max=1.0) * height).round()
    wide = (torch.sqrt(area / stretch).clamp(max=1.0) * width).round()
    top, left = (at_row * (height - tall + 1)).floor(), (at_column * (width - wide + 1)).floor()
    row, column = torch.arange(height)[None], torch.arange(width)[None]
    rows = (row >= top[:, None]) & (row < (top + tall)[:, None])  # (B, Y)
    columns = (column >= left[:, None]) & (column < (left + wide)[:, None])  # (B, X)
    covered = (rows[:, None, :, None] & columns[:, None, None, :]).to(images.device)
    mean = images.float().mean((2, 3), keepdim=True)
    return torch.where(covered, as_before(mean, images), images)


def as_before(values: Float[Tensor, "*shape"], like: Tensor) -> Shaped[Tensor, "*shape"]:
    return values.round_().clamp_(0, 255).to(torch.uint8) if like.dtype == torch.uint8 else values.to(like.dtype)
