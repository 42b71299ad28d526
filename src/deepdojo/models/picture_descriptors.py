"""Descriptors of a picture that need no learning: its colours, where they are, and the directions of its edges.

Few pictures teach a convolutional network little; what people measured by hand before still tells snow from grass.

Dimensions: B batch, C channels, Y and X image axes, F descriptors, K principal components, N colours, O directions.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["PictureDescriptors"]

CELLS, DIRECTIONS = 8, 8
TONES = (-1.2, -0.4, 0.4, 1.2)
"""Of each channel, in spreads of the training pixels around their mean."""
SHARP = 4.0  # how much a pixel belongs to its nearest colour alone
FLAT = 0.5  # an edge of so many spreads a pixel is weak
SIZE = 64


class PictureDescriptors(nn.Module):
    """The first K principal components of F descriptors, each of spread 1 over the training pictures; clipped to ±3.

    Descriptors of a normalised picture, brought to 64 × 64: means of 8 × 8 cells; √ of the shares of 4^C colours in
    the whole, the upper and the lower half, a pixel x counting for colour n by softmax_n(-4 |x - n|²); of each of 8 × 8
    cells the directions of gradients g, Σ (g·d_o)⁴ / |g|³ for 8 directions d_o, divided by their norm, and
    ln(1 + Σ |g|).

    Until `prime` has seen training pictures all components are 0.

    Source: Dalal & Triggs 2005, "Histograms of oriented gradients for human detection"; the colour histograms as
    Swain & Ballard 1991, "Color indexing", with soft bins.
    """

    colours: Tensor
    middle: Tensor
    components: Tensor

    def __init__(self, in_channels: int, components: int) -> None:
        super().__init__()
        grid = torch.tensor(list(itertools.product(TONES, repeat=in_channels)))  # (N, C)
        self.register_buffer("colours", grid, persistent=False)
        size = CELLS**2 * (in_channels + DIRECTIONS + 1) + 3 * len(grid)
        self.register_buffer("middle", torch.zeros(size))
        self.register_buffer("components", torch.zeros(size, components))

    def forward(self, image: Float[Tensor, "B C Y X"]) -> Float[Tensor, "B K"]:
        return ((self.raw(image) - self.middle) @ self.components).clamp(-3.0, 3.0)

    def raw(self, image: Float[Tensor, "B C Y X"]) -> Float[Tensor, "B F"]:
        """All descriptors."""
        if tuple(image.shape[2:]) != (SIZE, SIZE):
            image = F.interpolate(image, (SIZE, SIZE), mode="bilinear", align_corners=False)
        cells = F.avg_pool2d(image, SIZE // CELLS).flatten(1)
        return torch.cat([0.5 * cells, self._colours(image), *self._edges(image)], 1)

    @torch.no_grad()
    def prime(self, images: Iterable[Float[Tensor, "B C Y X"]]) -> None:
        """Learn mean and components from all training pictures."""
        size, count = len(self.middle), 0
        total = torch.zeros(size, dtype=torch.float64)
        squares = torch.zeros(size, size, dtype=torch.float64)
        for image in images:
            raw = self.raw(image).cpu().double()
            total, squares, count = total + raw.sum(0), squares + raw.T @ raw, count + len(raw)
        if not count:
            return
        middle = total / count
        values, vectors = torch.linalg.eigh(squares / count - torch.outer(middle, middle))
        K = self.components.shape[1]
        values, vectors = values.flip(0)[:K], vectors.flip(1)[:, :K]
        vectors = vectors * vectors.gather(0, vectors.abs().argmax(0, keepdim=True)).sign()  # eigh leaves signs open
        kept = values > 1e-8 * values[0]  # fewer pictures than components
        scaled = torch.where(kept, vectors / values.clamp(min=1e-12).sqrt(), torch.zeros_like(vectors))
        self.middle.copy_(middle)
        self.components.zero_()
        self.components[:, : scaled.shape[1]] = scaled.to(self.components)

    def _colours(self, image: Tensor) -> Tensor:
        pixels = F.avg_pool2d(image, 2).flatten(2).transpose(1, 2)  # (B, P, C); colours need no more detail
        far = (self.colours**2).sum(1) - 2 * pixels @ self.colours.T
        share = torch.softmax(-SHARP * far, -1)  # (B, P, N)
        upper, lower = (half.mean(1) for half in share.chunk(2, 1))
        return torch.cat([(0.5 * (upper + lower)).sqrt(), upper.sqrt(), lower.sqrt()], 1)

    def _edges(self, image: Tensor) -> tuple[Tensor, Tensor]:
        grey = F.pad(image.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
        right = 0.5 * (grey[:, :, 1:-1, 2:] - grey[:, :, 1:-1, :-2])
        down = 0.5 * (grey[:, :, 2:, 1:-1] - grey[:, :, :-2, 1:-1])
        length = (right**2 + down**2 + 1e-12).sqrt()
        angles = [math.pi * o / DIRECTIONS for o in range(DIRECTIONS)]
        along = torch.cat([(right * math.cos(a) + down * math.sin(a)) ** 4 for a in angles], 1) / length**3
        sums = SIZE // CELLS * F.avg_pool2d(along, SIZE // CELLS)  # (B, O, 8, 8)
        shares = sums / (sums.square().sum(1, keepdim=True) + FLAT**2).sqrt()
        strength = (1 + SIZE // CELLS * F.avg_pool2d(length, SIZE // CELLS)).log()
        return 0.3 * shares.flatten(1), 0.3 * strength.flatten(1)
