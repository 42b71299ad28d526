"""Mel filters (Davis and Mermelstein 1980). F = n_fft // 2 + 1 frequencies of a spectrum, M bands."""

import torch


def mel_filters(n_mels, n_fft, sr):
    """Triangles of height 1 whose corners stand at equal steps of the mel scale between 0 and sr / 2.

    mel(f) = 2595 log10(1 + f / 700).

    Args:
        n_mels: M.
        n_fft: samples of a frame; bin f stands at f · sr / n_fft Hz.
        sr: samples a second.

    Returns:
        (F, M), float32 (torch's default): power (…, F) @ filters gives (…, M).
    """
    # --- your code ---
    top = 2595 * torch.log10(torch.tensor(1 + sr / 2 / 700))
    mels = torch.linspace(0, 1, n_mels + 2) * top
    corners = 700 * (10 ** (mels / 2595) - 1)  # Hz
    bins = torch.arange(n_fft // 2 + 1)[:, None] * (sr / n_fft)  # (F, 1)
    rising = (bins - corners[:-2]) / (corners[1:-1] - corners[:-2])  # (F, M)
    falling = (corners[2:] - bins) / (corners[2:] - corners[1:-1])
    return torch.minimum(rising, falling).clamp(min=0)
    # --- end ---
