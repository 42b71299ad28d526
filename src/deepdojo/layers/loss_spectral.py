"""How far two sounds are apart in their short-time spectra, at several resolutions: a loss that does not ask for the
same phases.

Dimensions: B batch, N samples.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from deepdojo.layers.shapes import ShapeError

__all__ = ["WINDOWS", "spectral_loss"]

WINDOWS = (256, 512, 1024)
_SMALL = 1e-3


def spectral_loss(
    x: Float[Tensor, "B N"], y: Float[Tensor, "B N"], windows: tuple[int, ...] = WINDOWS
) -> Float[Tensor, " B"]:
    """Mean over the windows of ‖|Y| - |X|‖ / ‖|Y|‖ + mean |ln(|Y| + ε) - ln(|X| + ε)|, ε = 1e-3.

    |X| are the magnitudes of Hann windows a quarter of a window apart, the ends mirrored; norms are over all of a row.

    Args:
        x: what was made. y: what it should be.
        windows: samples of each resolution; longer ones than the sounds are left out.

    Source: Yamamoto, Song & Kim 2020, "Parallel WaveGAN", section 2.2.
    Raises: ShapeError for sounds of different shapes, or shorter than the shortest window.
    """
    if x.shape != y.shape or x.dim() != 2 or x.shape[1] < min(windows):
        raise ShapeError(
            f"the spectra of sounds (B, N) with N at least {min(windows)} are compared, got {tuple(x.shape)} and "
            f"{tuple(y.shape)}"
        )
    fitting = [window for window in windows if window <= x.shape[1]]
    total = x.new_zeros(len(x))
    for window in fitting:
        made, true = _magnitudes(x, window), _magnitudes(y, window)
        size = true.square().sum((1, 2)).clamp(min=_SMALL).sqrt()
        off = (true - made).square().sum((1, 2)).clamp(min=_SMALL**2).sqrt() / size
        total = total + off + ((true + _SMALL).log() - (made + _SMALL).log()).abs().mean((1, 2))
    return total / len(fitting)


def _magnitudes(x: Float[Tensor, "B N"], window: int) -> Float[Tensor, "B F T"]:
    shape = torch.hann_window(window, device=x.device, dtype=x.dtype)
    spectrum = torch.stft(x, window, window // 4, window, shape, return_complex=True)
    return (spectrum.real.square() + spectrum.imag.square()).clamp(min=1e-10).sqrt()
