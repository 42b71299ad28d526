"""Colours made paler or stronger: batch -> batch on the device, drawn as in `augment_images.py`.

Dimensions: B batch, C channels, Y height, X width.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Shaped
from torch import Tensor

__all__ = ["saturate"]

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601: how bright red, green and blue are


def saturate(
    images: Shaped[Tensor, "B C Y X"], generator: torch.Generator, *, share: float
) -> Shaped[Tensor, "B C Y X"]:
    """Each pixel moved from its own grey or towards it: g + f (x - g), f from 1 / (1 + share) to 1 + share,
    one for each image. Images of other than three channels stay as they are.

    Source: Howard 2013, "Some improvements on deep convolutional neural network based image classification", section 2
    """
    draws = 2.0 * torch.rand(len(images), generator=generator) - 1.0
    if images.shape[1] != len(LUMA):
        return images
    factor = torch.exp(draws * math.log1p(share)).to(images.device).view(-1, 1, 1, 1)
    real = images.float()
    grey = torch.einsum("bcyx,c->byx", real, real.new_tensor(LUMA))[:, None]
    changed = grey + factor * (real - grey)
    if images.dtype == torch.uint8:
        return changed.round_().clamp_(0, 255).to(torch.uint8)
    return changed.to(images.dtype)
