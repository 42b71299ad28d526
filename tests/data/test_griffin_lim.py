"""Spectra there and back, and sound from magnitudes or mel frames alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepdojo.data.griffin_lim import griffin_lim, magnitudes_of
from deepdojo.data.short_time import istft, stft
from deepdojo.data.spectra import mel_filters

RATE, WINDOW, HOP = 8000, 256, 64


def chirp(samples: int = 4000) -> np.ndarray:
    t = np.arange(samples) / RATE
    return (0.5 * np.sin(2 * np.pi * (300 + 400 * t) * t) + 0.2 * np.sin(2 * np.pi * 1100 * t)).astype(np.float32)


@pytest.mark.parametrize("samples", [129, 1000, 4001])
def test_the_transform_equals_torchs(samples):
    x = np.random.default_rng(samples).normal(size=samples).astype(np.float32)
    shape = torch.hann_window(WINDOW)
    theirs = torch.stft(torch.from_numpy(x), WINDOW, HOP, WINDOW, shape, return_complex=True).T.numpy()
    assert np.abs(stft(x, hop=HOP, window=WINDOW) - theirs).max() < 1e-4
    again = istft(theirs, hop=HOP, window=WINDOW)
    back = torch.istft(torch.from_numpy(theirs.T), WINDOW, HOP, WINDOW, shape).numpy()
    assert np.abs(again - back[: len(again)]).max() < 1e-5


@pytest.mark.parametrize("samples", [1, 50, 63, 64])
def test_a_sound_of_less_than_a_window_has_spectra(samples):
    found = stft(np.ones(samples, dtype=np.float32), hop=HOP, window=WINDOW)
    assert found.shape == (1 + samples // HOP, WINDOW // 2 + 1)
    assert np.isfinite(found).all()


def test_the_inverse_gives_the_samples_back():
    x = chirp()
    found = istft(stft(x, hop=HOP, window=WINDOW), hop=HOP, window=WINDOW)
    assert np.abs(found - x[: len(found)]).max() < 1e-5


def off(x: np.ndarray, sizes: np.ndarray) -> float:
    """‖ |STFT x| - s ‖ / ‖s‖"""
    return float(np.linalg.norm(np.abs(stft(x, hop=HOP, window=WINDOW)) - sizes) / np.linalg.norm(sizes))


def test_more_iterations_come_nearer_and_momentum_helps():
    sizes = np.abs(stft(chirp(), hop=HOP, window=WINDOW))
    few, many, slow = (
        off(griffin_lim(sizes, hop=HOP, iterations=n, momentum=m), sizes) for n, m in ((2, 0.99), (60, 0.99), (60, 0.0))
    )
    assert many < slow < few
    assert many < 0.15


def test_the_same_seed_gives_the_same_samples_and_silence_stays_silent():
    sizes = np.abs(stft(chirp(1000), hop=HOP, window=WINDOW))
    assert np.array_equal(griffin_lim(sizes, hop=HOP, iterations=3), griffin_lim(sizes, hop=HOP, iterations=3))
    assert not griffin_lim(np.zeros_like(sizes), hop=HOP, iterations=3).any()


def test_magnitudes_have_the_bands_that_were_asked_for():
    sizes = np.abs(stft(chirp(), hop=HOP, window=WINDOW))
    filters = mel_filters(40, WINDOW, RATE)
    mel = sizes @ filters
    found = magnitudes_of(mel, rate=RATE, window=WINDOW)
    assert (found >= 0).all()
    assert np.linalg.norm(found @ filters - mel) < 0.05 * np.linalg.norm(mel)
    assert not magnitudes_of(np.zeros((3, 40)), rate=RATE, window=WINDOW).max() > 1e-6
