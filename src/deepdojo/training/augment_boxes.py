"""Pictures and the boxes on them moved together: batch -> batch on the device, one map a picture for both.

Dimensions: B batch, C channels, N boxes of the fullest picture, Y height, X width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from deepdojo.training.augment_images import OUTSIDE, as_before

__all__ = ["LEAST_SEEN", "Drawn", "Moves", "move", "move_with_boxes", "moved_boxes", "moved_images"]

LEAST_SEEN = 0.25
"""A box of which a smaller share of the area is left in the picture is no longer one to be found."""


@dataclass(frozen=True)
class Moves:
    """How far a picture and its boxes may be moved.

    Attributes:
        flip, flip_up: mirrored left to right, upside down, each with probability 1/2.
        zoom: share; 0.3 draws factors from 1 / 1.3 to 1.3.
        stretch: share; 0.1 draws the ratio of the sides changed by a factor from 1 / 1.1 to 1.1.
        shift: pixels along each axis, beyond the place that is drawn.
        fill: what comes in from outside: "edge", "zero" or "reflect" (objects mirrored so have no boxes).

    A larger picture is cut at a place drawn within it, a smaller one is put at a place drawn within the frame.
    """

    flip: bool = False
    flip_up: bool = False
    zoom: float = 0.0
    stretch: float = 0.0
    shift: int = 0
    fill: str = "edge"


@dataclass(frozen=True)
class Drawn:
    """The map of each picture, in coordinates from -1 to 1: place in the old one = scale · place in the new + offset.

    Attributes:
        scale, offset: (B, 2), x then y; a mirrored axis has a negative scale.
    """

    scale: Float[Tensor, "B 2"]
    offset: Float[Tensor, "B 2"]


def move_with_boxes(
    images: Shaped[Tensor, "B C Y X"],
    boxes: Float[Tensor, "B N 4"],
    keep: Bool[Tensor, "B N"],
    generator: torch.Generator,
    limits: Moves,
) -> tuple[Shaped[Tensor, "B C Y X"], Float[Tensor, "B N 4"], Bool[Tensor, "B N"]]:
    """Pictures and the boxes on them by one map, and which boxes are still there."""
    height, width = images.shape[2:]
    drawn = move(len(images), height, width, generator, limits)
    return moved_images(images, drawn, limits.fill), *moved_boxes(boxes, keep, drawn, height, width)


def move(count: int, height: int, width: int, generator: torch.Generator, limits: Moves) -> Drawn:
    """Draws the map of each of `count` pictures; the generator is on the CPU."""
    drawn = torch.rand(6, count, generator=generator)
    zoom, ratio, across, down, at_x, at_y = 2.0 * drawn - 1.0
    size = zoom * math.log1p(limits.zoom)
    half = ratio * math.log1p(limits.stretch) / 2
    scale = torch.exp(-torch.stack([size + half, size - half], 1))  # of what is seen, beside the whole
    room = (1.0 - scale).abs() + 2.0 * limits.shift / torch.tensor([width, height])
    offset = torch.stack([at_x, at_y], 1) * room
    mirrored = torch.stack([(across < 0) & limits.flip, (down < 0) & limits.flip_up], 1)
    return Drawn(torch.where(mirrored, -scale, scale), offset)


def moved_images(images: Shaped[Tensor, "B C Y X"], drawn: Drawn, fill: str) -> Shaped[Tensor, "B C Y X"]:
    """Bilinear; the dtype stays. Cost: one `grid_sample`."""
    rows = torch.diag_embed(drawn.scale)
    grid = torch.cat([rows, drawn.offset[:, :, None]], 2).to(images.device)
    places = F.affine_grid(grid, list(images.shape), align_corners=False)
    moved = F.grid_sample(images.float(), places, mode="bilinear", padding_mode=OUTSIDE[fill], align_corners=False)
    return as_before(moved, images)


def moved_boxes(
    boxes: Float[Tensor, "B N 4"], keep: Bool[Tensor, "B N"], drawn: Drawn, height: int, width: int
) -> tuple[Float[Tensor, "B N 4"], Bool[Tensor, "B N"]]:
    """Boxes (x0, y0, x1, y1 in pixels) by the same map, cut at the border; and which are still there."""
    frame = boxes.new_tensor([width, height])
    scale, offset = (part.to(boxes.device, boxes.dtype)[:, None] for part in (drawn.scale, drawn.offset))
    ends = [((2 * corner / frame - 1 - offset) / scale + 1) * frame / 2 for corner in (boxes[..., :2], boxes[..., 2:])]
    low, high = torch.minimum(*ends), torch.maximum(*ends)
    inside = low.clamp(min=0).minimum(frame), high.clamp(min=0).minimum(frame)
    seen = (inside[1] - inside[0]).prod(-1) >= LEAST_SEEN * (high - low).prod(-1)
    return torch.cat(inside, -1), keep & seen & (inside[1] > inside[0]).all(-1)
