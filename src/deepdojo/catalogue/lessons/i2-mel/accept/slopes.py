import math

import torch


def mel_filters(bands, fft_size, rate):
    """As torchaudio has it: all distances between corners and bins, then two slopes."""
    all_freqs = torch.linspace(0, rate // 2, fft_size // 2 + 1)
    m_max = 2595.0 * math.log10(1.0 + (rate / 2) / 700.0)
    f_pts = 700.0 * (10.0 ** (torch.linspace(0.0, m_max, bands + 2) / 2595.0) - 1.0)
    f_diff = f_pts[1:] - f_pts[:-1]
    slopes = f_pts.unsqueeze(0) - all_freqs.unsqueeze(1)
    down = (-1.0 * slopes[:, :-2]) / f_diff[:-1]
    up = slopes[:, 2:] / f_diff[1:]
    return torch.max(torch.zeros(1), torch.min(down, up))
