import math

import torch


def stft(signal, size, step, win):
    """The transform as two real matrices, and the mirror by indices."""
    half, n = size // 2, signal.size(-1)
    place = torch.arange(-half, n + half).abs()
    place = torch.where(place >= n, 2 * (n - 1) - place, place)
    count = 1 + n // step
    index = torch.arange(count)[:, None] * step + torch.arange(size)
    frames = signal[:, place][:, index] * win
    angle = 2 * math.pi * torch.outer(torch.arange(size), torch.arange(half + 1)).to(win.dtype) / size
    return torch.complex(frames @ torch.cos(angle), -(frames @ torch.sin(angle))).transpose(1, 2)
