"""Augmentation of training images on the device: batch -> batch, drawn from a generator that seed and step decide.

Dimensions: B batch, C channels, Y height, X width.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Shaped
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.recipes import TrainSection
from deepdojo.tasks.base import Batch, Task

__all__ = ["Augment", "build_augment", "flip_and_shift"]

Augment = Callable[[Batch, torch.Generator], Batch]


def build_augment(train: TrainSection, task: Task | type[Task]) -> Augment | None:
    """What a recipe asks for, or None. Raises RecipeError for a task that has no images."""
    if not train.flip and not train.shift:
        return None
    asked = "train.flip" if train.flip else "train.shift"
    if not task.images:
        raise RecipeError(f"{task.name} has no images that could be moved", where=asked, todo="leave it out")

    def augment(batch: Batch, generator: torch.Generator) -> Batch:
        moved = {
            name: flip_and_shift(batch[name], generator, flip=train.flip, shift=train.shift) for name in task.images
        }
        return {**batch, **moved}

    return augment


def flip_and_shift(
    images: Shaped[Tensor, "B C Y X"], generator: torch.Generator, *, flip: bool, shift: int
) -> Shaped[Tensor, "B C Y X"]:
    """Each image mirrored left to right with probability 1/2 and moved by up to `shift` pixels along each axis.

    What moves in from outside repeats the border pixel. The draws are made on the CPU, so that a seed gives the same
    pictures on every device. Cost: one gather.

    Args:
        images: any dtype; usually uint8 as packed.
        generator: on the CPU.
        shift: pixels, 0 or more.

    Source: Krizhevsky et al. 2012, section 4.1 (translations and reflections); He et al. 2015 move by up to 4 pixels
    of 32, with zeros outside.
    """
    count, _, height, width = images.shape
    down, right = (torch.randint(-shift, shift + 1, (2, count, 1), generator=generator)).unbind()
    rows = (torch.arange(height) + down).clamp_(0, height - 1)  # (B, Y)
    columns = (torch.arange(width) + right).clamp_(0, width - 1)  # (B, X)
    if flip:
        mirrored = torch.rand(count, 1, generator=generator) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    device = images.device
    batch = torch.arange(count, device=device).view(-1, 1, 1)
    moved = images.permute(0, 2, 3, 1)[batch, rows.to(device)[:, :, None], columns.to(device)[:, None, :]]
    return moved.permute(0, 3, 1, 2)  # (B, C, Y, X) with channels last in memory
