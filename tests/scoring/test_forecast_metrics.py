"""Metrics of forecasts against formulas written anew and scikit-learn, on random and degenerate tables."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, r2_score

from deepdojo.contracts import CONTRACTS
from deepdojo.errors import ScoreError
from deepdojo.scoring import score
from deepdojo.scoring.metrics import METRICS, columns_of, metrics_for
from deepdojo.tables import Table

from .made import forecast_cells

FORECASTING = CONTRACTS["forecasting"]


def weighted(name, truth, predicted, weights):
    return float(METRICS[name](truth, predicted).value_at(np.asarray(weights)[None])[0])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("n", "steps"), [(1, 1), (2, 5), (40, 24)])
def test_points_equal_their_formulas(seed, n, steps):
    rng = np.random.default_rng(seed)
    pairs, said = forecast_cells("mase", rng, n, steps)
    truth = [values for values, _ in pairs]
    w = rng.exponential(size=n) + 0.01
    flat, other, each = np.concatenate(truth), np.concatenate(said), np.repeat(w, steps)
    total = sum(
        w[i] * abs(y - p) / q
        for i, ((ys, q), ps) in enumerate(zip(pairs, said, strict=True))
        for y, p in zip(ys, ps, strict=True)
    )
    assert weighted("mase", pairs, said, w) == pytest.approx(total / (w.sum() * steps), rel=1e-12)
    expected = mean_absolute_error(flat, other, sample_weight=each)
    assert weighted("mae_of_steps", truth, said, w) == pytest.approx(expected, rel=1e-12)
    relative = [2 * abs(y - p) / (abs(y) + abs(p)) for y, p in zip(flat, other, strict=True)]
    assert weighted("smape", truth, said, w) == pytest.approx(np.average(relative, weights=each), rel=1e-12)
    if len(flat) > 1:
        expected = np.sqrt(1 - r2_score(flat, other, sample_weight=each))
        assert weighted("rse", truth, said, w) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("rows", [1, 3, 9, 19])
def test_quantiles_equal_their_formulas(seed, rows):
    rng = np.random.default_rng(seed)
    truth, bands = forecast_cells("quantile_loss", rng, 30, 4, rows)
    w = rng.exponential(size=30)
    flat, each = np.concatenate(truth), np.repeat(w, 4)
    levels = [(k + 1) / (rows + 1) for k in range(rows)]
    losses = [
        mean_pinball_loss(flat, np.concatenate([band[k] for band in bands]), alpha=a, sample_weight=each)
        for k, a in enumerate(levels)
    ]
    assert weighted("quantile_loss", truth, bands, w) == pytest.approx(np.mean(losses), rel=1e-12)
    size = np.average(np.abs(flat), weights=each)
    assert weighted("weighted_quantile_loss", truth, bands, w) == pytest.approx(2 * np.mean(losses) / size, rel=1e-12)
    if rows > 1:
        inside = [b[0, t] <= y[t] <= b[-1, t] for y, b in zip(truth, bands, strict=True) for t in range(4)]
        assert weighted("coverage", truth, bands, w) == pytest.approx(np.average(inside, weights=each), rel=1e-12)


def test_the_median_alone_gives_half_the_absolute_error():
    rng = np.random.default_rng(0)
    truth, points = forecast_cells("mae_of_steps", rng, 20)
    bands = [point[None] for point in points]
    mae = METRICS["mae_of_steps"](truth, points).value()
    assert METRICS["quantile_loss"](truth, bands).value() == pytest.approx(mae / 2, rel=1e-12)


def test_mase_of_the_naive_forecast_over_its_own_series_is_one():
    series = np.random.default_rng(1).normal(size=200).cumsum()
    scale = float(np.abs(np.diff(series)).mean())
    truth = [(series[t : t + 1], scale) for t in range(1, 200)]
    assert METRICS["mase"](truth, [series[t - 1 : t] for t in range(1, 200)]).value() == pytest.approx(1.0)


def test_rows_of_different_lengths_count_by_their_steps():
    truth, said = [np.zeros(1), np.zeros(3)], [np.array([4.0]), np.ones(3)]
    assert METRICS["mae_of_steps"](truth, said).value() == pytest.approx(7 / 4)


def test_what_is_not_defined_says_so():
    zero = [np.zeros(2)] * 3
    with pytest.raises(ScoreError, match="has not changed before its origin"):
        METRICS["mase"]([(np.zeros(2), 0.0)], [np.zeros(2)])
    with pytest.raises(ScoreError, match="all values are equal"):
        METRICS["rse"](zero, zero)
    with pytest.raises(ScoreError, match="all values are zero"):
        METRICS["weighted_quantile_loss"](zero, [np.zeros((3, 2))] * 3)
    with pytest.raises(ScoreError, match="one quantile is no band"):
        METRICS["coverage"](zero, [np.zeros((1, 2))] * 3)
    with pytest.raises(ScoreError, match="row 2: the forecast has 3 steps, and 2 are asked for"):
        METRICS["mae_of_steps"](zero[:2], [np.zeros(2), np.zeros(3)])
    with pytest.raises(ScoreError, match="the quantiles are 3 x 2, and 9 x 2 are asked for"):
        METRICS["quantile_loss"](zero[:2], [np.zeros((9, 2)), np.zeros((3, 2))])
    assert METRICS["smape"](zero, zero).value() == 0.0


def test_the_scale_stands_beside_the_target_and_is_checked():
    names = metrics_for(FORECASTING)
    assert next(iter(names)) == "mase"
    assert {"mae_of_steps", "smape", "rse", "quantile_loss", "weighted_quantile_loss", "coverage"} <= set(names)
    assert columns_of(FORECASTING, "mase") == ("future", "future")
    assert "mase" not in metrics_for(CONTRACTS["tabular-regression"])
    solution = [{"id": "1", "future": np.array([1.0, 2.0]), "scale": 0.5}]
    table = Table({"id": ["1"], "future": [np.array([1.0, 3.0])], "quantiles": [np.zeros((9, 2))]})
    assert score(FORECASTING, "mase", solution, table).value == pytest.approx(1.0)
    with pytest.raises(ScoreError, match="the number is missing"):
        score(FORECASTING, "mase", [{**solution[0], "scale": None}], table)
