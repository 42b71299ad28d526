"""The forecasting task beyond what every task promises: scaling, pinball loss, quantiles, and its floors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepdojo.baselines import run_floors
from deepdojo.baselines.forecasts import seasonal
from deepdojo.baselines.problem import Problem, Unfit
from deepdojo.contracts import CONTRACTS
from deepdojo.data.files import Files
from deepdojo.data.readers import read
from deepdojo.errors import DataError, RecipeError
from deepdojo.models import create_model
from deepdojo.scoring import score
from deepdojo.tables import Table
from deepdojo.tasks import load_task
from deepdojo.training.predictor import predict_rows
from deepdojo.training.stream import examples_to_learn


def windows(n=200, context=14, horizon=7, noise=0.1, seed=0, walk=False):
    """A weekly wave, or a random walk, of random size and level, cut at random places."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(n):
        t = np.arange(context + horizon) + int(rng.integers(7))
        y = rng.normal(size=len(t)).cumsum() if walk else np.sin(2 * np.pi * t / 7) + noise * rng.normal(size=len(t))
        y = float(rng.uniform(10, 20)) + float(rng.uniform(1, 5)) * y
        scale = float(np.abs(np.diff(y[:context])).mean())
        row = {"id": str(k), "past": y[:context], "known": np.ones((1, horizon)), "future": y[context:], "scale": scale}
        rows.append(row)
    return rows


def inputs(rows):
    return [{k: row[k] for k in ("id", "past", "known")} for row in rows]


def floors(rows, test, validation=()):
    found = run_floors("forecasting", rows, inputs(test), validation_rows=validation)
    return {one.name: one for one in found}


def mase_of(rows, predictions):
    truth = [{k: row[k] for k in ("id", "future", "scale")} for row in rows]
    return score(CONTRACTS["forecasting"], "mase", truth, predictions).value


def table(found):
    return Table({name: [row[name] for row in found] for name in ("id", "future", "quantiles")})


@pytest.mark.parametrize("centre", ["mean", "last"])
def test_forecasts_move_and_grow_with_their_series(centre):
    """y -> a y + b moves the forecast likewise: no unit is learned."""
    rows = windows(40)
    task = load_task("forecasting").fit(rows, centre=centre)
    torch.manual_seed(0)
    model = create_model("forecast_mlp", task.dims(), width=16).eval()
    moved = [{**row, "past": 250 * row["past"] - 3e4} for row in rows]
    plain, other = (predict_rows(task, model, inputs(some)) for some in (rows, moved))
    for a, b in zip(plain, other, strict=True):
        assert b["future"] == pytest.approx(250 * a["future"] - 3e4, rel=1e-4)
        assert b["quantiles"] == pytest.approx(250 * a["quantiles"] - 3e4, rel=1e-4)


def test_the_loss_is_the_pinball_loss_in_units_of_the_scale():
    rows = windows(30)
    task = load_task("forecasting").fit(rows, quantiles=3)
    model = create_model("forecast_linear", task.dims())
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(std=0.1)
    found = predict_rows(task, model, inputs(rows))
    store = examples_to_learn(task, rows)
    total, weight = task.loss(model, store.cut(torch.arange(len(store))))
    for row, said, loss in zip(rows, found, total.tolist(), strict=True):
        off = row["future"] - np.array(said["quantiles"])
        level = np.array([0.25, 0.5, 0.75])[:, None]
        expected = np.maximum(level * off, (level - 1) * off).mean() / row["scale"]
        spread = np.abs(row["past"] - row["past"].mean()).mean() / row["scale"]
        if spread <= task.most:  # quantiles of this model may cross, so that sorting lowers the loss a little
            assert loss >= expected * (1 - 1e-5)
            assert loss == pytest.approx(expected, rel=0.25)
    assert torch.equal(weight, torch.ones_like(weight))


def test_quantiles_are_sorted_and_the_forecast_is_the_median():
    rows = windows(20)
    task = load_task("forecasting").fit(rows)
    model = create_model("forecast_rnn", task.dims())
    with torch.no_grad():
        model.head.weight.normal_(std=3.0)
    for row in predict_rows(task, model, inputs(rows)):
        assert (np.diff(row["quantiles"], axis=0) >= 0).all()
        assert np.array_equal(row["future"], row["quantiles"][4])


def test_a_past_without_any_change_is_forecast_flat():
    rows = windows(20)
    task = load_task("forecasting").fit(rows)
    model = create_model("forecast_linear", task.dims())
    flat = [{"id": "flat", "past": np.full(14, 7.5), "known": np.ones((1, 7))}]
    (found,) = predict_rows(task, model, flat)
    assert found["future"] == pytest.approx(np.full(7, 7.5))
    zero = [{**flat[0], "past": np.zeros(14)}]
    assert np.isfinite(predict_rows(task, model, zero)[0]["quantiles"]).all()


def test_what_does_not_fit_is_a_sentence():
    rows = windows(20)
    with pytest.raises(RecipeError, match="take one of mean, last"):
        load_task("forecasting").fit(rows, centre="median")
    with pytest.raises(RecipeError, match="4 quantiles have no median"):
        load_task("forecasting").fit(rows, quantiles=4)
    task = load_task("forecasting").fit(rows)
    for wrong, said in (
        ({"past": np.ones(3)}, "the past has 3 steps, training rows have 14"),
        ({"known": np.ones((2, 7))}, "known is 2 x 7, training rows have 1 x 7"),
        ({"future": np.ones(2)}, "the future has 2 steps, training rows have 7"),
    ):
        with pytest.raises(DataError, match=said):
            list(task.encode({**rows[0], **wrong}, learn=True))


def test_floors_find_the_season_and_ridge_beats_the_last_value():
    rows, test = windows(300), windows(60, seed=1)
    found = floors(rows, test, windows(40, seed=2))
    value = {name: mase_of(test, table(one.predictions)) for name, one in found.items()}
    assert found["seasonal"].about in ("the last 7 values again", "the last 14 values again")
    assert value["seasonal"] < 0.5 * value["last_value"]
    assert value["ridge"] < value["seasonal"]
    for one in found.values():
        bands = np.array([row["quantiles"] for row in one.predictions])
        assert bands.shape == (60, 9, 7)
        inside = (bands[:, 0] <= [row["future"] for row in test]) & ([row["future"] for row in test] <= bands[:, -1])
        assert 0.65 < inside.mean() < 0.92


def test_of_a_random_walk_no_season_is_told():
    rows, test = windows(300, walk=True), windows(20, seed=1, walk=True)
    said = []
    left = list(run_floors("forecasting", rows, inputs(test), left_out=said.append))
    assert "seasonal" not in {one.name for one in left}
    assert said == ["seasonal naive is left out: no season errs less on training rows than the last value alone"]
    last = next(one for one in left if one.name == "last_value")
    assert last.predictions[0]["future"].tolist() == [test[0]["past"][-1]] * 7


@pytest.mark.parametrize("season", [1, 7, 12])
def test_the_season_that_mase_is_scaled_by_is_a_floor_even_where_the_last_value_errs_less(season, tmp_path):
    values = np.cumsum(np.random.default_rng(3).normal(size=300)).round(3)
    (tmp_path / "in.csv").write_text("y\n" + "".join(f"{v}\n" for v in values))
    options = {"file": "in.csv", "context": 14, "horizon": 7, "season": season}
    found = [row.cells for row in read("series", Files([tmp_path]), **options)]
    problem = Problem("forecasting", found[:200], inputs(found[-1:]))
    if season == 1:
        with pytest.raises(Unfit, match="no season errs less"):
            seasonal(problem)
        return
    said, about = seasonal(problem)
    assert about == f"the last {season} values again, the season that MASE is scaled by"
    assert said["future"][0].tolist() == values[292 - season + 1 :][:7].tolist()


def test_ridge_equals_the_normal_equations_of_its_own_penalty():
    from sklearn.linear_model import Ridge

    rows, test = windows(50), windows(5, seed=1)
    ridge = floors(rows, test)["ridge"]
    past = np.array([row["past"] for row in rows])
    spread = np.abs(past - past.mean(axis=1, keepdims=True)).mean(axis=1, keepdims=True)
    x = (past - past[:, -1:]) / spread
    mean, std = x.mean(axis=0), x.std(axis=0)
    y = (np.array([row["future"] for row in rows]) - past[:, -1:]) / spread
    weight = spread[:, 0] / np.array([row["scale"] for row in rows])
    weight = np.minimum(weight, np.quantile(weight, 0.95)) ** 2
    model = Ridge(alpha=100.0).fit((x - mean) / np.where(std > 1e-9, std, 1.0), y, weight / weight.mean())
    new = np.array([row["past"] for row in test])
    size = np.abs(new - new.mean(axis=1, keepdims=True)).mean(axis=1, keepdims=True)
    z = ((new - new[:, -1:]) / size - mean) / np.where(std > 1e-9, std, 1.0)
    expected = new[:, -1:] + size * model.predict(z)
    assert np.array([row["future"] for row in ridge.predictions]) == pytest.approx(expected, rel=1e-8)
