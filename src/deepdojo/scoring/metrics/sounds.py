"""Metrics of synthesised sounds beside true ones: spectra along the best alignment in time, and how long they last."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from deepdojo.scoring.measured import Measured, from_mean, from_rate
from deepdojo.scoring.metrics.registry import metric
from deepdojo.scoring.sound_features import cepstrum, log_mel, seconds_of
from deepdojo.scoring.time_warping import frame_distances, warped_cost

__all__ = ["duration_error", "mel_cepstral_distortion", "mel_distance"]


@metric(
    truth="audio",
    predicted="audio",
    higher_is_better=False,
    unit="nats",
    title="mel distance",
    goal="how far the spectra are apart; time is judged apart, by duration_error",
)
def mel_distance(truth: Sequence[Any], predicted: Sequence[Any]) -> Measured:
    """Mean absolute difference of log mel spectra along the best alignment in time, in nats; 1 is a factor e.

    Σ w cost / Σ w cells: the cells of the path of dynamic time warping with the least sum of costs (`warped_cost`), a
    cell's cost the mean of |a - b| over the 80 bands of its two frames (`log_mel`). The path lets a sound be slower or
    faster at no cost; one that is too long or too short is found by `duration_error`.

    Raises:
        ScoreError: a cell is no sound.

    Source: the L1 loss of mel spectra of Wang et al. 2017, "Tacotron"; aligned as in Sakoe and Chiba 1978.
    """
    pairs = [
        warped_cost(frame_distances(log_mel(a, f"the solution, row {i}"), log_mel(b, f"row {i}"), power=1))
        for i, (a, b) in enumerate(zip(truth, predicted, strict=True), 1)
    ]
    costs, cells = np.array(pairs, dtype=np.float64).T
    return from_rate(costs, cells)


@metric(
    truth="audio",
    predicted="audio",
    higher_is_better=False,
    unit="points",
    title="mel cepstral distortion (dB)",
    goal="how speech synthesis is reported; comparable between sounds that are scored here alone",
)
def mel_cepstral_distortion(truth: Sequence[Any], predicted: Sequence[Any]) -> Measured:
    """MCD with dynamic time warping, in dB: the distance of the spectra's shapes, whatever their loudness.

    Mean over sounds of (10 / ln 10) √2 · Σ_path ‖c - c'‖ / cells of the path, c the coefficients 1 to 13 of the cosine
    transform of the log mel frames (`cepstrum`), the path that with the least sum. Coefficients differ between
    programs, and figures with them.

    Raises:
        ScoreError: a cell is no sound.

    Source: Kubichek 1993, "Mel-cepstral distance measure for objective speech quality assessment"; warped as in
        Battenberg et al. 2020, "Location-relative attention mechanisms for robust long-form speech synthesis".
    """
    scale = 10 / math.log(10) * math.sqrt(2)
    terms = []
    for i, (a, b) in enumerate(zip(truth, predicted, strict=True), 1):
        both = (cepstrum(log_mel(a, f"the solution, row {i}")), cepstrum(log_mel(b, f"row {i}")))
        cost, cells = warped_cost(frame_distances(*both, power=2))
        terms.append(scale * cost / cells)
    return from_mean(np.array(terms), bounds=(0.0, math.inf))


@metric(
    truth="audio",
    predicted="audio",
    higher_is_better=False,
    unit="target",
    title="duration error (s)",
    goal="whether sentences are as long as they should be",
)
def duration_error(truth: Sequence[Any], predicted: Sequence[Any]) -> Measured:
    """Mean absolute difference of the sounds' lengths, seconds.

    Raises:
        ScoreError: a cell is no sound.
    """
    terms = [
        abs(seconds_of(a, f"the solution, row {i}") - seconds_of(b, f"row {i}"))
        for i, (a, b) in enumerate(zip(truth, predicted, strict=True), 1)
    ]
    return from_mean(np.array(terms), bounds=(0.0, math.inf))
