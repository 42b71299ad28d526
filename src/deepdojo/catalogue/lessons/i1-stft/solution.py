"""Short-time Fourier transform. B batch, N samples, T frames, F = n_fft // 2 + 1 frequencies."""

import torch
import torch.nn.functional as F


def stft(x, n_fft, hop, window):
    """The spectrum of windows that overlap: frame t has its middle at sample t · hop.

    Args:
        x: (B, N), N > n_fft // 2. Both ends are mirrored (the end sample itself not repeated) by n_fft // 2 samples.
        n_fft: samples of a frame, even.
        hop: samples from one frame to the next.
        window: (n_fft,), multiplied with every frame.

    Returns:
        (B, F, T) complex, T = 1 + N // hop; not normalised.
    """
    # --- your code ---
    padded = F.pad(x, (n_fft // 2, n_fft // 2), mode="reflect")
    frames = padded.unfold(1, n_fft, hop)  # (B, T, n_fft)
    spectra = torch.fft.rfft(frames * window)  # (B, T, F)
    return spectra.transpose(1, 2)
    # --- end ---
