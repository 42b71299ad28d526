"""Metrics of sounds against plain formulas, on random sounds and on degenerate ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.fft import dct

from deepdojo.data.sounds import encode_sound
from deepdojo.data.spectra import mel_filters
from deepdojo.errors import ScoreError
from deepdojo.scoring.metrics import METRICS
from deepdojo.scoring.sound_features import cepstrum, log_mel
from deepdojo.scoring.time_warping import frame_distances, warped_cost

RATE = 16_000


def noise(seed: int, samples: int, rate: int = RATE) -> bytes:
    rng = np.random.default_rng(seed)
    smooth = np.convolve(rng.normal(size=samples), np.hanning(1 + seed % 7 + 2), "same")
    return encode_sound(0.1 * smooth / max(np.abs(smooth).max(), 1e-9), rate)


def plain_path(costs: np.ndarray) -> tuple[float, int]:
    """By the recursion as it stands."""
    n, m = costs.shape
    best, cells = np.full((n + 1, m + 1), np.inf), np.zeros((n + 1, m + 1), dtype=int)
    best[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            ways = [(best[i - 1, j - 1], 0, i - 1, j - 1), (best[i - 1, j], 1, i - 1, j), (best[i, j - 1], 2, i, j - 1)]
            least, _, a, b = min(ways)
            best[i, j], cells[i, j] = least + costs[i - 1, j - 1], cells[a, b] + 1
    return float(best[n, m]), int(cells[n, m])


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 6), (6, 1), (7, 9), (23, 17)])
@pytest.mark.parametrize("ties", [False, True])
def test_warping_equals_the_plain_recursion(n, m, ties):
    rng = np.random.default_rng(n * m)
    costs = rng.integers(0, 3, (n, m)).astype(float) if ties else rng.random((n, m))
    cost, cells = warped_cost(costs)
    theirs = plain_path(costs)
    assert cost == pytest.approx(theirs[0], abs=1e-12)
    assert cells == theirs[1]


def test_frame_distances_equal_scipys():
    from scipy.spatial.distance import cdist

    a, b = np.random.default_rng(0).normal(size=(2, 9, 5))
    assert frame_distances(a, b, power=1) == pytest.approx(cdist(a, b, "cityblock") / 5, abs=1e-12)
    assert frame_distances(a, b, power=2) == pytest.approx(cdist(a, b), abs=1e-12)


def test_log_mel_is_the_formula_over_torchs_transform():
    import soundfile

    cell = noise(3, 5000)
    import io

    x = soundfile.read(io.BytesIO(cell), dtype="float32")[0]
    sizes = (
        torch.stft(torch.from_numpy(x), 1024, 256, 1024, torch.hann_window(1024), return_complex=True).abs().numpy().T
    )
    theirs = np.log(sizes.astype(np.float64) @ mel_filters(80, 1024, RATE) + 1e-3)
    assert log_mel(cell, "here") == pytest.approx(theirs, abs=2e-4)  # both transforms are in float32


def test_cepstrum_is_scipys_cosine_transform():
    mel = np.random.default_rng(0).normal(size=(7, 80))
    assert cepstrum(mel) == pytest.approx(dct(mel, axis=1)[:, 1:14] / 160, abs=1e-12)


def tables(seed: int, n: int) -> tuple[list[bytes], list[bytes]]:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(300, 5000, (2, n))
    return ([noise(seed + i, int(k)) for i, k in enumerate(sizes[0])],
            [noise(seed + i + 50, int(k)) for i, k in enumerate(sizes[1])])  # fmt: skip


@pytest.mark.parametrize("seed", [0, 1])
def test_values_are_the_formulas_with_any_weights(seed):
    truth, said = tables(seed, 6)
    weights = np.random.default_rng(seed).integers(0, 4, (5, 6)).astype(float) + 0.5
    mels = [[log_mel(cell, "") for cell in cells] for cells in (truth, said)]
    paths = np.array([plain_path(np.abs(a[:, None] - b[None]).mean(-1)) for a, b in zip(*mels, strict=True)])
    theirs = weights @ paths[:, 0] / (weights @ paths[:, 1])
    assert METRICS["mel_distance"](truth, said).value_at(weights) == pytest.approx(theirs, rel=1e-12)

    def distortion(a: np.ndarray, b: np.ndarray) -> float:
        own = [dct(x, axis=1)[:, 1:14] / 160 for x in (a, b)]
        cost, cells = plain_path(np.linalg.norm(own[0][:, None] - own[1][None], axis=-1))
        return 10 / math.log(10) * math.sqrt(2) * cost / cells

    each = np.array([distortion(a, b) for a, b in zip(*mels, strict=True)])
    found = METRICS["mel_cepstral_distortion"](truth, said).value_at(weights)
    assert found == pytest.approx(weights @ each / weights.sum(1), rel=1e-12)

    late = np.array([abs(len(a) - len(b)) / 2 / RATE for a, b in zip(truth, said, strict=True)])
    found = METRICS["duration_error"](truth, said).value_at(weights)
    assert found == pytest.approx(weights @ late / weights.sum(1), rel=1e-9)


@pytest.mark.parametrize("name", ["mel_distance", "mel_cepstral_distortion", "duration_error"])
def test_the_sound_itself_is_at_no_distance_and_silence_is_a_sound(name):
    silence = encode_sound(np.zeros(3000), RATE)
    sounds = [noise(1, 4000), silence, encode_sound(np.zeros(1), RATE)]
    assert METRICS[name](sounds, sounds).value() == 0.0
    if name == "mel_distance":
        assert METRICS[name]([silence], [noise(1, 3000)]).value() > 0.1


def test_another_rate_is_brought_to_the_same_one():
    t = np.arange(8000) / 8000
    low = encode_sound(0.3 * np.sin(2 * np.pi * 440 * t), 8000)
    high = encode_sound(0.3 * np.sin(2 * np.pi * 440 * np.arange(16_000) / RATE), RATE)
    assert METRICS["mel_distance"]([high], [low]).value() < 0.4  # but for the noise of 16 bits, up to 8 kHz
    assert METRICS["duration_error"]([high], [low]).value() == 0.0


@pytest.mark.parametrize("cell", [b"RIFF", b"not a sound", encode_sound(np.zeros(500), RATE)[:60]])
def test_what_is_no_sound_is_refused_with_its_row(cell):
    good = noise(0, 3000)
    with pytest.raises(ScoreError, match="row 2"):
        METRICS["mel_distance"]([good, good], [good, cell])


def test_samples_that_are_no_numbers_are_refused():
    import io

    import soundfile

    out = io.BytesIO()
    soundfile.write(out, np.array([0.0, np.nan, 0.1] * 400, dtype=np.float32), RATE, format="WAV", subtype="FLOAT")
    with pytest.raises(ScoreError, match=r"row 1.*no finite numbers"):
        METRICS["mel_distance"]([noise(0, 3000)], [out.getvalue()])
