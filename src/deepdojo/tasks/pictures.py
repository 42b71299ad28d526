"""What tasks on whole pictures share: normalised pixels, and the patches that an explanation deletes.

Dimensions: B batch, C channels, Y and X image axes.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from deepdojo.data.codecs.pixels import Pixels
from deepdojo.tasks.base import Piece

__all__ = ["STANDARDISE", "image_patches", "normalised"]

PATCHES_A_SIDE = 7
STANDARDISE = ("rows", "image")
LEAST_SPREAD = 1e-3  # of pixels in 0..1: an image of one grey stays zero


def normalised(pixels: Pixels, image: Shaped[Tensor, "B C Y X"], standardise: str = "rows") -> Float[Tensor, "B C Y X"]:
    """(x / 255 - mean) / spread, for uint8; what is normalised already stays as it is.

    Args:
        standardise: rows: by mean and spread of each channel over the training rows; image: by those of each image.
    """
    if image.dtype != torch.uint8:
        return image
    if standardise == "image":
        real = image.float().div_(255.0)
        std, mean = torch.std_mean(real, dim=(1, 2, 3), correction=0, keepdim=True)
        return real.sub_(mean).div_(std.clamp_min(LEAST_SPREAD))
    mean = torch.tensor(pixels.mean, device=image.device).view(1, -1, 1, 1)
    std = torch.tensor(pixels.std, device=image.device).view(1, -1, 1, 1)
    return image.float().div_(255.0).sub_(mean).div_(std)


def image_patches(pixels: Pixels) -> list[Piece]:
    """Square patches of the entry `image`, about seven a side (single pixels for an image of up to seven pixels)."""
    height, width = pixels.height, pixels.width
    step = max(1, -(-max(height, width) // PATCHES_A_SIDE))
    return [
        Piece(
            [y, x, min(y + step, height), min(x + step, width)],
            {"image": (slice(None), slice(y, y + step), slice(x, x + step))},
        )
        for y in range(0, height, step)
        for x in range(0, width, step)
    ]
