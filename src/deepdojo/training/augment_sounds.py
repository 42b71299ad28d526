"""Spectra of sounds played faster, higher, in other rooms, with noise, and with parts covered: batch -> batch on the
device.

All draws are made on the CPU, so that a seed gives the same sounds on every device.

Dimensions: B batch, N frames, M mel bands. Values are nats above silence, which is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["Hearing", "add_noise", "cover", "equalise", "hear", "move", "play"]

POINTS = 5
UNEVEN = 0.4
"""Spread of a noise's spectrum around its level, in nats: that of a chi-squared variable with a few degrees."""


@dataclass(frozen=True)
class Hearing:
    """How far a sound may change.

    Attributes:
        speed, pitch: shares; 0.2 draws factors from 1 / 1.2 to 1.2.
        shift: frames. noise, equalise: nats.
        time_mask, frequency_mask: most frames and bands of each covered part. masks: how many of each.
    """

    speed: float = 0.0
    pitch: float = 0.0
    shift: int = 0
    noise: float = 0.0
    equalise: float = 0.0
    time_mask: int = 0
    frequency_mask: int = 0
    masks: int = 2


def hear(
    sounds: Float[Tensor, "B N M"], keep: Bool[Tensor, "B N"] | None, generator: torch.Generator, limits: Hearing
) -> tuple[Float[Tensor, "B n M"], Bool[Tensor, "B n"] | None]:
    """All changes, one after another, and which frames are then real.

    Args:
        keep: the real frames of sounds of different lengths; None: all sounds fill one window, in whose middle they
            stay.
    """
    if limits.speed or limits.pitch:
        sounds, keep = play(sounds, keep, generator, speed=limits.speed, pitch=limits.pitch)
    if limits.shift and keep is None:
        sounds = move(sounds, generator, frames=limits.shift)
    if limits.equalise:
        sounds = equalise(sounds, generator, nats=limits.equalise)
    if limits.noise:
        sounds = add_noise(sounds, generator, nats=limits.noise)
    if limits.time_mask or limits.frequency_mask:
        sounds = cover(
            sounds, keep, generator, frames=limits.time_mask, bands=limits.frequency_mask, count=limits.masks
        )
    return (sounds if keep is None else sounds * keep.unsqueeze(-1)), keep


def play(
    sounds: Float[Tensor, "B N M"],
    keep: Bool[Tensor, "B N"] | None,
    generator: torch.Generator,
    *,
    speed: float,
    pitch: float,
) -> tuple[Float[Tensor, "B n M"], Bool[Tensor, "B n"] | None]:
    """Each sound with its tempo and its pitches multiplied by factors of their own, linear between neighbours.

    What stood at frame t comes at t / speed; what stood at band m at m · pitch. Of sounds in a window the middle stays
    where it was. Source: Ko et al. 2015, "Audio augmentation for speech recognition" (speed); Jaitly & Hinton 2013
    (pitch).
    """
    B, N, M = sounds.shape
    draws = 2.0 * torch.rand(2, B, 1, generator=generator) - 1.0
    faster, higher = torch.exp(draws[0] * math.log1p(speed)), torch.exp(draws[1] * math.log1p(pitch))
    if keep is None:
        places = (torch.arange(N) - (N - 1) / 2) * faster + (N - 1) / 2
        last: Tensor | float = float(N - 1)
        real = None
    else:
        lengths = keep.sum(1, keepdim=True).cpu()
        after = torch.floor((lengths - 1).clamp(min=0) / faster).long() + 1
        after = torch.where(lengths > 0, after, 0)
        steps = torch.arange(int(after.max()) if B else 0)
        places, last = steps * faster, (lengths - 1).clamp(min=0).float()
        real = (steps < after).to(keep.device)
    outside = ((places < 0) | (places > last)) if keep is None else None
    moved = _between(sounds, places.clamp(min=0.0).minimum(torch.as_tensor(last)))
    if outside is not None:
        moved = moved.masked_fill(outside.unsqueeze(-1).to(sounds.device), 0.0)
    if pitch:
        bands = (torch.arange(M) / higher).clamp(max=M - 1)  # (B, M)
        moved = _bands_at(moved, bands)
    return moved, real


def _between(values: Float[Tensor, "B N M"], places: Float[Tensor, "B n"]) -> Float[Tensor, "B n M"]:
    """Values at places between whole ones. Whole rows are copied by one flat index: in a third of the time of two."""
    B, N, M = values.shape
    low = places.floor()
    share = (places - low).to(values.device).unsqueeze(-1).to(values.dtype)
    first = low.long().to(values.device)
    after = (first + 1).clamp(max=N - 1)
    flat, begin = values.reshape(B * N, M), torch.arange(B, device=values.device).unsqueeze(1) * N
    a, b = (flat.index_select(0, (at + begin).flatten()).view(B, -1, M) for at in (first, after))
    return torch.lerp(a, b, share)


def _bands_at(values: Float[Tensor, "B N M"], places: Float[Tensor, "B M"]) -> Float[Tensor, "B N M"]:
    """`_between` along the last axis, as a product with a matrix that has two numbers a column: nothing lies askew."""
    B, _, M = values.shape
    low = places.floor()
    share = (places - low).to(values.device, values.dtype).unsqueeze(1)
    first = low.long().to(values.device).unsqueeze(1)
    weights = values.new_zeros(B, M, M)  # (B, from, to)
    weights.scatter_add_(1, first, 1 - share).scatter_add_(1, (first + 1).clamp(max=M - 1), share)
    return torch.bmm(values, weights)


def move(sounds: Float[Tensor, "B N M"], generator: torch.Generator, *, frames: int) -> Float[Tensor, "B N M"]:
    """Each sound earlier or later by up to `frames`; silence comes in."""
    B, N, _ = sounds.shape
    places = torch.arange(N) + torch.randint(-frames, frames + 1, (B, 1), generator=generator)
    inside = ((places >= 0) & (places < N)).to(sounds.device)
    rows = torch.arange(B, device=sounds.device).unsqueeze(1)
    return sounds[rows, places.clamp(0, N - 1).to(sounds.device)] * inside.unsqueeze(-1)


def equalise(sounds: Float[Tensor, "B N M"], generator: torch.Generator, *, nats: float) -> Float[Tensor, "B N M"]:
    """Each sound through a filter of its own, as another microphone or room: a curve over the pitches through 5 normal
    numbers of spread `nats`, added to what is not silence."""
    B, _, M = sounds.shape
    knots = nats * torch.randn(B, POINTS, 1, generator=generator)
    places = torch.linspace(0, POINTS - 1, M).expand(B, M)
    curve = _between(knots, places).squeeze(-1).to(sounds.device)  # (B, M)
    return torch.where(sounds > 0, (sounds + curve.unsqueeze(1)).clamp(min=0.0), sounds)


def add_noise(sounds: Float[Tensor, "B N M"], generator: torch.Generator, *, nats: float) -> Float[Tensor, "B N M"]:
    """ln(e^x + e^n): noise of a level drawn from 0 to `nats` above silence, uneven over time and pitch."""
    level = nats * torch.rand(len(sounds), 1, 1, generator=generator)
    uneven = UNEVEN * torch.randn(sounds.shape, generator=generator)
    return torch.logaddexp(sounds, (level + uneven).to(sounds.device)) - math.log(2.0)


def cover(
    sounds: Float[Tensor, "B N M"],
    keep: Bool[Tensor, "B N"] | None,
    generator: torch.Generator,
    *,
    frames: int,
    bands: int,
    count: int,
) -> Float[Tensor, "B N M"]:
    """`count` stretches of time and as many of pitch of each sound become its mean.

    A stretch has 0 to `frames` (of time, and at most a fifth of the sound) or 0 to `bands`, each as likely, and lies
    anywhere in the sound.

    Source: Park et al. 2019, "SpecAugment", without the time warp, which they found to matter least.
    """
    B, N, M = sounds.shape
    lengths = torch.full((B, 1), N) if keep is None else keep.sum(1, keepdim=True).cpu()
    draws = torch.rand(4, count, B, 1, generator=generator)
    covered = torch.zeros(B, N, M, dtype=torch.bool)
    time, pitch = torch.arange(N), torch.arange(M)
    for k in range(count):
        size = (draws[0, k] * (torch.clamp(lengths // 5, max=frames) + 1)).floor()
        start = (draws[1, k] * (lengths - size + 1)).floor()
        covered |= ((time >= start) & (time < start + size)).unsqueeze(2)
        size = (draws[2, k] * (min(bands, M) + 1)).floor()
        start = (draws[3, k] * (M - size + 1)).floor()
        covered |= ((pitch >= start) & (pitch < start + size)).unsqueeze(1)
    real = lengths.to(sounds.device).clamp(min=1)
    mean = sounds.sum((1, 2)).unsqueeze(1) / (real * M)
    return torch.where(covered.to(sounds.device), mean.unsqueeze(-1).to(sounds.dtype), sounds)
