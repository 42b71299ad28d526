"""Mel frames -> sound: convolutions give a complex spectrum for each frame, the inverse short-time Fourier transform
adds them up.

Dimensions: B batch, T frames, D width, N samples, F frequencies of a window.
Source: Siuzdak 2024, "Vocos" (a network at the rate of frames, magnitude and phase, inverse transform), here without
    discriminators
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.layer_normalisation import LayerNorm
from deepdojo.models.gated_convolution import GatedConvolution

__all__ = ["SpectrumVocoder"]

_LOUDEST = 4.6  # ln of the largest magnitude: one frame cannot blow up the sound
_KERNEL = 7


class SpectrumVocoder(nn.Module):
    """x = ISTFT(exp(m) · e^{iφ}), with (m, φ) linear in what convolutions over the frames give.

    Args:
        bands: of a mel frame.
        width: D.
        blocks: convolutions.
        hop: samples from one frame to the next.
        window: samples of a frame's window (Hann), at least the hop; F = window // 2 + 1.
    """

    def __init__(self, bands: int, width: int, blocks: int, hop: int, window: int) -> None:
        super().__init__()
        self.hop, self.size = hop, window
        self.first = Linear(bands, width)
        self.blocks = nn.ModuleList(GatedConvolution(width, _KERNEL) for _ in range(blocks))
        self.norm = LayerNorm(width)
        self.spectrum = Linear(width, 2 * (window // 2 + 1))

    def forward(self, mel: Float[Tensor, "B T bands"], keep: Bool[Tensor, "B T"]) -> Float[Tensor, "B N"]:
        """Sound of (T - 1) · hop samples: frame t stands around sample t · hop."""
        h = self.first(mel)
        for block in self.blocks:
            h = block(h, keep)
        size, phase = self.spectrum(self.norm(h)).float().transpose(1, 2).chunk(2, 1)  # (B, F, T)
        spectrum = torch.polar(size.clamp(max=_LOUDEST).exp(), phase)
        spectrum = spectrum.masked_fill(~keep.unsqueeze(1), 0.0)
        shape = torch.hann_window(
            self.size, device=spectrum.device
        )  # a buffer would be lost where weights alone are kept
        return torch.istft(spectrum, self.size, self.hop, self.size, shape)
