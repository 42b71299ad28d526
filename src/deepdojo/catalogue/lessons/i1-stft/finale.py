"""What the pass shows: a rising whistle and two tones, as a picture of time and frequency."""

import math

import torch

from deepdojo.grader.drawing import Grey
from deepdojo.grader.words import Text

RATE, N_FFT, HOP = 8000, 256, 64


def given():
    """Two seconds: a chirp from 200 to 3,400 Hz, a steady 1,000 Hz, a click in the middle; a little noise."""
    t = torch.arange(2 * RATE, dtype=torch.float64) / RATE
    x = torch.sin(2 * math.pi * (200 * t + 800 * t * t)) + 0.3 * torch.sin(2 * math.pi * 1000 * t)
    x += 0.003 * torch.randn(len(t), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x[RATE] += 8
    return {"x": x[None], "n_fft": N_FFT, "hop": HOP, "window": torch.hann_window(N_FFT, dtype=torch.float64)}


def drive(stft, x, n_fft, hop, window):
    return stft(x, n_fft, hop, window).abs()


def show(x, n_fft, hop, window, size):
    """Low frequencies at the foot; 60 dB from black to white."""
    loud = 20 * size[0].clamp(min=1e-6).log10()
    ink = ((loud - loud.max() + 60) / 60).clamp(0, 1).flip(0)
    frame = 3 * (size.shape[2] // 4)
    peak = size[0, :, frame].argmax().item() * RATE / n_fft
    true = 200 + 1600 * frame * hop / RATE
    return Grey(ink.float().numpy(), light=True), Text(
        f"Two seconds of sound by your stft: time to the right, 0 to {RATE // 2:,} Hz upwards. A whistle that rises, a "
        f"steady tone, a click, which is everywhere at once. After one and a half seconds the loudest of "
        f"your {n_fft // 2 + 1} frequencies is {peak:.0f} Hz; the whistle is at {true:.0f} Hz, and they lie "
        f"{RATE / n_fft:.1f} Hz apart.",
        f"你的 stft 画出的两秒声音：向右是时间，向上是 0 到 {RATE // 2:,} Hz。一声上升的哨音，一个不变的音，"
        f"一下咔嗒声（所有频率同时出现）。一秒半处，{n_fft // 2 + 1} 个频率中最响的是 {peak:.0f} Hz；"
        f"哨音此时在 {true:.0f} Hz，而相邻频率相距 {RATE / n_fft:.1f} Hz。",
    )
