"""`flip_crop(image, boxes, labels, size, gen)` of the lesson where a recipe mirrors and moves pictures.

B batch, C channels, Y height, X width, N boxes of the fullest picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.training.augment_boxes import LEAST_SEEN, Moves
from deepdojo.training.augment_images import inside

__all__ = ["augment"]


def augment(own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """A shift is a window of the picture with a margin around it: each picture gets one, and the learner's code draws
    where."""
    crop = own["flip_crop"]

    def moved(images: Tensor, generator: torch.Generator, *, flip: bool, shift: int, fill: str = "edge") -> Tensor:
        none, nothing = images.new_zeros(0, 4, dtype=torch.float32), torch.zeros(0, dtype=torch.long)
        wide, size = _with_margin(images, shift, fill), tuple(images.shape[2:])
        found = torch.stack([crop(one, none, nothing, size, generator)[0] for one in wide])
        return found.contiguous(memory_format=torch.channels_last)

    def with_boxes(
        images: Tensor, boxes: Tensor, keep: Tensor, generator: torch.Generator, limits: Moves
    ) -> tuple[Tensor, Tensor, Tensor]:
        if limits != Moves(flip=True, shift=limits.shift, fill=limits.fill):
            raise RecipeError(
                "flip_crop of the lesson mirrors left to right and moves by whole pixels, and this recipe does more",
                where="flip_crop",
                todo="add --set train.flip=true --set train.shift=8 --set train.zoom=0 --set train.stretch=0 "
                "--set train.flip_up=false",
            )
        wide, size = _with_margin(images, limits.shift, limits.fill), tuple(images.shape[2:])
        pictures, places, left = [], torch.zeros_like(boxes), torch.zeros_like(keep)
        for b, picture in enumerate(wide):
            there = keep[b].nonzero()[:, 0]
            image, found, which = crop(picture, boxes[b, there] + limits.shift, there, size, generator)
            pictures.append(image)
            places[b, which], whole = found, boxes[b, which]
            seen = (found[:, 2:] - found[:, :2]).prod(-1) >= LEAST_SEEN * (whole[:, 2:] - whole[:, :2]).prod(-1)
            left[b, which] = seen
        return torch.stack(pictures), places, left

    return {"flip_and_shift": moved, "move_with_boxes": with_boxes}


def _with_margin(images: Tensor, shift: int, fill: str) -> Tensor:
    """(B, C, Y + 2 shift, X + 2 shift)."""
    height, width = images.shape[2:]
    ranges = [torch.arange(-shift, n + shift) for n in (height, width)]
    rows, columns = (inside(each, n, fill).to(images.device) for each, n in zip(ranges, (height, width), strict=True))
    wide = images[:, :, rows[:, None], columns]
    if fill == "zero":
        gone = [(each < 0) | (each >= n) for each, n in zip(ranges, (height, width), strict=True)]
        wide = wide.masked_fill((gone[0][:, None] | gone[1]).to(images.device), 0)
    return wide
