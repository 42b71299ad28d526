"""Every floor on small made rows: what it predicts, that it repeats, and that odd tables do not stop it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from deepdojo.baselines import FLOORS, floors_for, run_floors
from deepdojo.baselines.problem import Problem, choose
from deepdojo.contracts import CONTRACTS, contract_of
from deepdojo.errors import DataError, UnknownNameError
from deepdojo.tables import Table, check_cells
from tests.baselines.floor_rows import hidden, made_rows

CLASSIFICATIONS = [n for n, contract in CONTRACTS.items() if contract.target_kind == "label" and not contract.compared]


def accuracy(predictions: list[dict], rows: list[dict]) -> float:
    return float(np.mean([p["label"] == r["label"] for p, r in zip(predictions, rows, strict=True)]))


@pytest.mark.parametrize("task", CONTRACTS)
def test_every_floor_gives_a_valid_table_in_the_order_of_the_rows(task):
    train, test = made_rows(task, 120), made_rows(task, 37, seed=1)
    results = list(run_floors(task, train, hidden(test, task), seed=0))
    assert [r.name for r in results] == floors_for(task)
    for result in results:
        assert [p["id"] for p in result.predictions] == [r["id"] for r in test]
        kinds = contract_of(task).predictions
        check_cells(Table.from_rows(result.predictions), kinds, labels={"a", "b", "c"} if "label" in kinds else None)
        assert result.seconds >= 0
        assert result.title == FLOORS[result.name].title


@pytest.mark.parametrize("task", CLASSIFICATIONS)
def test_floors_learn_what_a_linear_model_can(task):
    train, test = made_rows(task, 150), made_rows(task, 60, seed=1)
    for result in run_floors(task, train, hidden(test, task)):
        if result.name not in ("majority", "hog"):  # these pictures differ in light, and gradients do not see that
            assert accuracy(result.predictions, test) > 0.9, result.name


def test_regression_floors_beat_the_mean():
    task = "tabular-regression"
    train, test = made_rows(task, 300), made_rows(task, 100, seed=1)
    error = {
        r.name: np.mean([(p["value"] - t["value"]) ** 2 for p, t in zip(r.predictions, test, strict=True)])
        for r in run_floors(task, train, hidden(test, task))
    }
    assert error["linear"] < 0.1 * error["mean"]
    assert error["boosting"] < 0.2 * error["mean"]


@pytest.mark.parametrize("task", CONTRACTS)
def test_the_same_seed_gives_the_same_bits(task):
    train, validation, test = (
        made_rows(task, 100),
        made_rows(task, 30, seed=2),
        hidden(made_rows(task, 20, seed=1), task),
    )

    def once() -> list[list[dict]]:
        return [r.predictions for r in run_floors(task, train, test, validation_rows=validation, seed=5)]

    assert once() == once()


def test_validation_rows_choose_a_setting_and_nothing_else():
    """Fitted on training rows alone: with fewer than 20 validation rows they change nothing."""
    task = "tabular-classification"
    train, test = made_rows(task, 100), hidden(made_rows(task, 20, seed=1), task)
    without = [r.predictions for r in run_floors(task, train, test)]
    few = [r.predictions for r in run_floors(task, train, test, validation_rows=made_rows(task, 19, seed=2))]
    assert without == few
    many = list(run_floors(task, train, test, validation_rows=made_rows(task, 20, seed=2)))
    assert "chosen on validation rows" in many[1].about
    assert "chosen on validation rows" in many[2].about


def test_choose_takes_the_lowest_validation_loss():
    rows = [{"id": str(k), "features": {}, "value": 2.0} for k in range(25)]
    problem = Problem("tabular-regression", rows, rows, rows)
    choice = choose(problem, (1.0, 2.0, 3.0), 1.0, lambda s: lambda cells: np.full(len(cells), s))
    assert (choice.setting, choice.by_validation) == (2.0, True)


def test_majority_and_constant():
    rows = [{"id": str(k), "features": {"x": "1"}, "label": "b" if k < 3 else "a"} for k in range(5)]
    (result,) = run_floors("tabular-classification", rows, hidden(rows, "tabular-classification"), floors=["majority"])
    assert result.predictions[0] == {"id": "0", "label": "b", "probabilities": {"a": 0.4, "b": 0.6}}
    assert "3 of 5" in result.about
    rows = [{"id": str(k), "features": {}, "value": v} for k, v in enumerate([0.0, 1.0, 8.0])]
    for metric, value in (("rmse", 3.0), ("mae", 1.0)):
        (result,) = run_floors("tabular-regression", rows, rows[:1], metric=metric, floors=["mean"])
        assert result.predictions == [{"id": "0", "value": value}]


def test_odd_tables_do_not_stop_the_floors():
    """Ten rows, a class with one row, constant and empty columns, infinities, a word among numbers, new categories."""
    rng = np.random.default_rng(0)
    train = [
        {
            "id": str(k),
            "label": "rare" if k == 0 else "ab"[k % 2],
            "features": {
                "x": "inf" if k == 1 else "E58" if k == 2 else f"{rng.normal():.2f}",
                "constant": "7",
                "empty": None,
                "city": f"c{k}",
                "number": 3.0 if k else None,
            },
        }
        for k in range(10)
    ]
    test = [{"id": "t", "features": {"x": None, "city": "never seen"}}, {"id": "u", "features": {}}]
    results = {r.name: r for r in run_floors("tabular-classification", train, test)}
    assert set(results) == {"majority", "logistic", "boosting"}
    for result in results.values():
        check_cells(
            Table.from_rows(result.predictions),
            contract_of("tabular-classification").predictions,
            labels={"a", "b", "rare"},
        )


def test_a_table_without_information_leaves_only_the_majority():
    rows = [{"id": str(k), "label": "ab"[k % 2], "features": {"x": "1", "y": None}} for k in range(6)]
    said: list[str] = []
    results = list(run_floors("tabular-classification", rows, rows, left_out=said.append))
    assert [r.name for r in results] == ["majority"]
    assert sum("no column has two different values" in s for s in said) == 2


@pytest.mark.parametrize("task", CLASSIFICATIONS)
def test_one_class_is_predicted_for_sure(task):
    rows = [row | {"label": "a"} for row in made_rows(task, 12)]
    for result in run_floors(task, rows, hidden(rows, task)):
        assert all(p["label"] == "a" and p["probabilities"] == {"a": 1.0} for p in result.predictions), result.name


def test_ten_thousand_categories_are_capped():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 10_000, 4000)
    train = [
        {"id": str(k), "label": "ab"[c % 2], "features": {"code": f"c{c}", "x": str(c)}} for k, c in enumerate(codes)
    ]
    test = [{"id": "t", "features": {"code": "c1", "x": "1"}}]
    results = list(run_floors("tabular-classification", train, test))
    assert [r.name for r in results] == ["majority", "logistic", "boosting"]
    assert "201 numbers" in results[1].about


def test_texts_that_are_empty_or_odd():
    train = made_rows("text-classification", 40)
    train[0]["text"], train[1]["text"], train[2]["text"] = "", "   ", "\ud800 lone surrogate"
    test = [{"id": "e", "text": ""}, {"id": "n", "text": "unknown"}, {"id": "g", "text": "great"}]
    for result in run_floors("text-classification", train, test):
        assert np.isfinite([list(p["probabilities"].values()) for p in result.predictions]).all()
        if result.name != "majority":
            assert result.predictions[2]["label"] == "c"


def test_texts_without_a_word_leave_tfidf_out():
    rows = [{"id": str(k), "text": " ", "label": "ab"[k % 2]} for k in range(6)]
    said: list[str] = []
    results = list(run_floors("text-classification", rows, hidden(rows, "text-classification"), left_out=said.append))
    assert "tfidf" not in [r.name for r in results]
    assert any("no words" in s for s in said)


def test_chinese_needs_no_tokenizer():
    """Half a word decides, so whole runs of signs, which is all that blanks give, would never repeat."""
    rng = np.random.default_rng(0)
    rows = []
    for k in range(80):
        filler = "".join(rng.choice(list("房间酒店早餐服务前台位置"), 12))
        cut = int(rng.integers(12))
        rows.append(
            {
                "id": str(k),
                "label": "好" if k % 2 else "差",
                "text": filler[:cut] + ("满意" if k % 2 else "失望") + filler[cut:],
            }
        )
    results = {
        r.name: r for r in run_floors("text-classification", rows[:60], hidden(rows[60:], "text-classification"))
    }
    assert accuracy(results["nbsvm"].predictions, rows[60:]) == 1.0
    assert accuracy(results["tfidf"].predictions, rows[60:]) > 0.9
    assert "signs" in results["tfidf"].about


def test_many_classes_leave_out_what_would_take_too_long():
    rows = [{"id": str(k), "features": {"x": str(k % 120)}, "label": f"l{k % 120}"} for k in range(360)]
    said: list[str] = []
    results = list(
        run_floors("tabular-classification", rows, hidden(rows[:5], "tabular-classification"), left_out=said.append)
    )
    assert [r.name for r in results] == ["majority", "logistic"]
    assert any("120 classes" in s for s in said)


def test_more_than_a_thousand_classes_keep_the_likeliest():
    rows = [{"id": str(k), "features": {"x": str(k)}, "label": f"l{k}"} for k in range(1500)]
    (result,) = run_floors("tabular-classification", rows, rows[:2], floors=["majority"])
    assert len(result.predictions[0]["probabilities"]) == 100
    assert sum(result.predictions[0]["probabilities"].values()) == pytest.approx(1)


def test_images_of_several_sizes_and_colours():
    rng = np.random.default_rng(0)
    rows = []
    for k in range(30):
        shape = [(40, 50), (20, 20, 3), (64, 9)][k % 3]
        rows.append(
            {"id": str(k), "label": "ab"[k % 2], "image": (rng.integers(0, 50, shape) + 180 * (k % 2)).astype(np.uint8)}
        )
    test = hidden(rows[20:], "image-classification")
    floors = ["majority", "pixels", "nearest_images", "hog"]
    (_, pixels, nearest, hog) = run_floors("image-classification", rows[:20], test, floors=floors)
    assert len(nearest.predictions) == len(hog.predictions) == 10
    assert accuracy(pixels.predictions, rows[20:]) == 1.0
    assert "3 × 32 × 32" in pixels.about


def test_no_training_rows_and_unknown_names():
    with pytest.raises(DataError, match="no training rows"):
        list(run_floors("tabular-classification", [], []))
    with pytest.raises(UnknownNameError, match="boosting"):
        list(run_floors("tabular-classification", made_rows("tabular-classification", 5), [], floors=["boost"]))
    with pytest.raises(UnknownNameError, match="text-classification"):
        floors_for("text-clasification")


def test_the_table_of_floors_costs_no_import_and_no_torch():
    code = (
        "import sys, deepdojo.baselines as b, deepdojo.baselines.job; b.floors_for('image-classification')\n"
        "print([m for m in ('torch', 'sklearn', 'scipy', 'duckdb') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("task", [name for name, contract in CONTRACTS.items() if contract.optional])
def test_floors_do_without_inputs_that_a_project_lacks(task):
    def lacking(rows):
        return [{k: v for k, v in row.items() if k not in CONTRACTS[task].optional} for row in rows]

    train, test = lacking(made_rows(task, 60)), lacking(hidden(made_rows(task, 9, seed=1), task))
    left_out = []
    done = {found.name for found in run_floors(task, train, test, left_out=left_out.append)}
    assert len(done) + len(left_out) == len(floors_for(task))
    assert len(done) >= 2
