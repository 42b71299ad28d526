"""Softer classes, mixed examples, missing words.

Legend: B examples in a batch, C classes, T tokens; Y height and X width of images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from deepdojo.tasks.base import Batch

__all__ = ["cut_mix", "drop_words", "mix", "smooth"]


def smooth(classes: Int[Tensor, " B"], count: int, share: float) -> Float[Tensor, "B C"]:
    """Each class as probabilities: (1 - share) for itself, share / C for each of all `count` classes.

    Source: Szegedy et al. 2015, section 7 (arXiv:1512.00567).
    """
    soft = torch.full((len(classes), count), share / count, device=classes.device)
    return soft.scatter_(1, classes[:, None], 1.0 - share + share / count)


def mix(batch: Batch, generator: torch.Generator, *, alpha: float, through: Callable[[Batch], Batch]) -> Batch:
    """Each example with another of the batch: w x_i + (1 - w) x_j for every entry, targets too; w of Beta(alpha,
    alpha).

    Args:
        batch: entries of real numbers, and targets as probabilities.
        generator: on the CPU.
        through: makes real numbers of integers that stand for them (pixels); integers that are left (categories)
            cannot be mixed and stay those of the heavier example.

    Source: Zhang et al. 2018 (arXiv:1710.09412), with a weight of its own for each example.
    """
    batch = through(batch)
    count = len(next(iter(batch.values())))
    weight = _beta(alpha, count, generator)
    weight = torch.maximum(weight, 1.0 - weight)  # the first example is the heavier one: its integers stay
    partner = torch.randperm(count, generator=generator)

    def mixed(values: Tensor) -> Tensor:
        if not values.is_floating_point():
            return values
        w = weight.to(values.device, values.dtype).view(-1, *[1] * (values.ndim - 1))
        return w * values + (1.0 - w) * values[partner.to(values.device)]

    return {name: mixed(values) for name, values in batch.items()}


def cut_mix(
    batch: Batch, generator: torch.Generator, *, alpha: float, images: Iterable[str], targets: Iterable[str]
) -> Batch:
    """A rectangle of each image replaced by that of another one of the batch, and targets mixed by area.

    Its sides are sqrt(1 - w) of the image's, w of Beta(alpha, alpha), about a centre anywhere in the image; what falls
    outside is cut off, and the targets are mixed by the area that is left.

    Args:
        batch: images (B, C, Y, X) of any dtype, targets as probabilities.
        generator: on the CPU.

    Source: Yun et al. 2019 (arXiv:1905.04899), with a rectangle of its own for each image.
    """
    changed = dict(batch)
    names = list(images)
    count = len(batch[names[0]])
    half = torch.sqrt(1.0 - _beta(alpha, count, generator))[:, None] / 2.0
    at = torch.rand(2, count, 1, generator=generator)
    partner = torch.randperm(count, generator=generator).to(batch[names[0]].device)
    kept = torch.ones(count)
    for name in names:
        # a pixel belongs to the rectangle if its centre does
        rows, columns = (
            ((torch.arange(n) + 0.5) / n - at[i]).abs() < half for i, n in enumerate(batch[name].shape[2:])
        )
        other = rows[:, None, :, None] & columns[:, None, None, :]  # (B, 1, Y, X)
        kept = 1.0 - other.float().mean((1, 2, 3))
        changed[name] = torch.where(other.to(partner.device), batch[name][partner], batch[name])
    for name in targets:
        share = kept.to(partner.device, batch[name].dtype)[:, None]
        changed[name] = share * batch[name] + (1.0 - share) * batch[name][partner]
    return changed


def _beta(alpha: float, count: int, generator: torch.Generator) -> Tensor:
    """Beta(alpha, alpha) of two Gammas, since torch's Beta takes no generator; both zero in float32 counts as a
    half."""
    concentration = torch.full((count,), alpha)
    # torch's own sampler of Gamma(alpha, 1), which takes a generator only under this name
    first, second = (torch._standard_gamma(concentration, generator=generator) for _ in range(2))
    return torch.where(first + second > 0, first / (first + second).clamp_min(1e-30), 0.5)


def drop_words(
    words: Int[Tensor, "B T"], keep: Bool[Tensor, "B T"], generator: torch.Generator, *, share: float, unknown: int
) -> Int[Tensor, "B T"]:
    """Each real word becomes the unknown one with probability `share`.

    Source: Iyyer et al. 2015, section 4 (deep averaging networks), who leave the word out; Bowman et al. 2016 put the
    unknown word in its place, as here, so that lengths stay.
    """
    drawn = torch.rand(words.shape, generator=generator).to(words.device) < share
    return words.masked_fill(drawn & keep, unknown)
