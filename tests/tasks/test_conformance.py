"""What every task promises, for every contract there is: a new task is tested here without a line of its own.

The rows are made from the kinds of the contract's columns (`tests.baselines.floor_rows`).
"""

from __future__ import annotations

import csv
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import deepdojo as dd
from deepdojo.baselines import floors_for
from deepdojo.contracts import CONTRACTS, task_of
from deepdojo.data.project import stock_recipes
from deepdojo.data.sounds import decode_sound
from deepdojo.errors import RecipeError, UnknownNameError, UsageError
from deepdojo.explain import explain_rows
from deepdojo.explain.evidence import Probe
from deepdojo.models import MODELS, create_model, fitting
from deepdojo.recipes import Recipe
from deepdojo.scoring.metrics import metric_of, metrics_for
from deepdojo.session.defaults import resolve
from deepdojo.tables import Table, check_cells
from deepdojo.tasks import load_task, restore_task
from deepdojo.training.precision import using_threads
from deepdojo.training.predictor import Validator, predict_rows
from deepdojo.training.stream import examples_to_learn
from tests.baselines.floor_rows import hidden, made_rows, rows_to_learn

EVERY = pytest.mark.parametrize("name", CONTRACTS)


def default_model(name: str) -> str:
    recipe, _ = resolve(Recipe.read(stock_recipes(name)["default"]), name, rows=100)
    return recipe.model.name


@cache
def trained(name: str) -> tuple[Any, torch.nn.Module, float, float]:
    """(task, its default model after 60 steps on one batch of 24 rows, first loss, last loss)."""
    rows = rows_to_learn(name, 24)
    task = load_task(name).fit(rows)
    torch.manual_seed(0)
    model = create_model(default_model(name), task.dims())
    store = examples_to_learn(task, rows)
    windows = task.window is not None
    batch = task.prepare(store.cut(store.batches(2 if windows else len(store))[0], "cpu"))
    lr = 3e-3 if windows else 1e-2  # a Transformer of four blocks learns nothing at a high rate without a warm-up
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.0)
    losses = []
    with using_threads(1):
        for _ in range(60):
            total, weight = task.loss(model, batch)
            loss = total.sum() / weight.sum()
            losses.append(float(loss.detach()))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return task, model.eval(), losses[0], losses[-1]


def close(a: list[dict[str, Any]], b: list[dict[str, Any]]) -> None:
    """Equal rows, numbers to 1e-5."""
    assert [row.keys() for row in a] == [row.keys() for row in b]
    for x, y in zip(a, b, strict=True):
        for key, cell in x.items():
            if isinstance(cell, list) and cell and isinstance(cell[0], list):  # boxes: a label and numbers
                assert [box[0] for box in cell] == [box[0] for box in y[key]]
                assert np.array([box[1:] for box in cell]) == pytest.approx(
                    np.array([box[1:] for box in y[key]]), rel=1e-4, abs=1e-4
                )
            elif isinstance(cell, bytes):
                sounds = [decode_sound(one).samples for one in (cell, y[key])]
                assert sounds[0].shape == sounds[1].shape
                assert np.abs(sounds[0] - sounds[1]).mean() < 1e-3
            elif isinstance(cell, dict | float | np.ndarray):
                assert cell == pytest.approx(y[key], rel=1e-5, abs=1e-5)
            else:
                assert cell == y[key]


@EVERY
def test_the_class_is_named_as_its_contract_and_some_model_fits(name):
    task, _, _, _ = trained(name)
    assert task.name == name
    assert load_task(name) is type(task)
    assert default_model(name) in fitting(task.dims(), task.protocol)
    assert set(task.blank) <= set(next(task.encode(hidden(made_rows(name, 1), name)[0], learn=False)))


@EVERY
def test_the_contract_has_a_metric_a_floor_and_recipes(name):
    contract = CONTRACTS[name]
    assert next(iter(metrics_for(contract))) == contract.metric == metric_of(contract.metric).name
    same_kind = contract.predictions.get(contract.target, contract.target_kind) == contract.target_kind
    assert contract.host_run or (same_kind and contract.answer_kind)
    assert floors_for(name)
    assert len(stock_recipes(name)) > 1
    for path in stock_recipes(name).values():
        recipe, said = resolve(Recipe.read(path), name, rows=500)
        assert load_task(name).protocol in MODELS[recipe.model.name].protocols
        assert all(said.values())
    assert contract.host_run or task_of(contract.input_kind, contract.target_kind) is not None


@EVERY
def test_a_task_goes_through_json(name):
    task, model, _, _ = trained(name)
    again = restore_task(json.loads(json.dumps(task.state())))
    assert again == task
    rows = hidden(made_rows(name, 9, seed=1), name)
    assert predict_rows(again, model, rows) == predict_rows(task, model, rows)


@EVERY
def test_options_are_checked(name):
    kind = load_task(name)
    with pytest.raises(UnknownNameError, match="no_such_option"):
        kind.check_options({"no_such_option": 1})
    for parameter in _options(kind):
        with pytest.raises(RecipeError, match="expected"):
            kind.check_options({parameter: object()})


def _options(kind: Any) -> list[str]:
    import inspect

    return [p.name for p in inspect.signature(kind.fit).parameters.values() if p.kind is p.KEYWORD_ONLY]


@EVERY
def test_predictions_read_the_inputs_alone(name):
    task, model, _, _ = trained(name)
    rows = made_rows(name, 9, seed=1)
    assert predict_rows(task, model, rows) == predict_rows(task, model, hidden(rows, name))
    assert [row["id"] for row in predict_rows(task, model, rows)] == [row["id"] for row in rows]


@EVERY
def test_a_prediction_does_not_depend_on_its_batch(name):
    task, model, _, _ = trained(name)
    rows = hidden(made_rows(name, 9, seed=1), name)
    close(predict_rows(task, model, rows), [predict_rows(task, model, [row])[0] for row in rows])


@EVERY
def test_the_loss_of_a_batch_is_that_of_its_rows(name):
    task, model, _, _ = trained(name)
    store = examples_to_learn(task, made_rows(name, 9, seed=1))
    with torch.no_grad():
        total, weight = task.loss(model, task.prepare(store.cut(torch.arange(len(store)), "cpu")))
        ones = [task.loss(model, task.prepare(store.cut(torch.tensor([i]), "cpu"))) for i in range(len(store))]
    torch.testing.assert_close(total, torch.cat([one[0] for one in ones]), rtol=1e-4, atol=5e-5)
    torch.testing.assert_close(weight, torch.cat([one[1] for one in ones]))


@EVERY
def test_cells_pass_their_kinds(name):
    task, model, _, _ = trained(name)
    found = predict_rows(task, model, hidden(made_rows(name, 20, seed=1), name))
    check_cells(Table.from_rows(found), CONTRACTS[name].predictions)


@EVERY
def test_one_batch_can_be_overfitted(name):
    _, _, first, last = trained(name)
    absolute = CONTRACTS[name].answer_kind == "audio"  # a mean absolute error: in squares this is a twenty-fifth
    boxes = CONTRACTS[name].answer_kind == "boxes"  # sides are learned in places alone, so the loss falls slowly
    assert last < (0.2 if absolute or boxes else 0.1) * first


@EVERY
def test_the_loss_of_validation_rows_is_finite_and_needs_no_training_row(name):
    task, model, _, _ = trained(name)
    rows = made_rows(name, 9, seed=1)
    _, loss, found = Validator(task, rows, torch.device("cpu"), lambda found: 0.0)(model)
    assert np.isfinite(loss)
    close(found, predict_rows(task, model, rows))


@EVERY
def test_evidence_is_finite_and_deleting_all_of_a_learned_row_takes_some(name):
    task, model, _, _ = trained(name)
    if not task.blank:
        assert "cannot be explained" in explain_rows(task, model, [], {}, device="cpu")["notes"][0]
        return
    rows = made_rows(name, 6)
    cells = {row["id"]: row for row in predict_rows(task, model, hidden(rows, name))}
    lost = []
    for row in rows:
        probe = Probe.of(task, model, row, cells[row["id"]])
        assert probe is not None
        assert probe.units > 1
        whole, blank = probe.after(np.repeat([[False], [True]], probe.units, axis=1))
        assert np.isfinite([whole, blank]).all()
        lost.append(whole - blank)
    assert np.mean(lost) > 0


def written(folder: Path, name: str) -> Path:
    """A project of 200 made rows: a table, and images as PNG files beside it; of running text a file."""
    from PIL import Image

    contract, rows = CONTRACTS[name], made_rows(name, 200)
    folder.mkdir()
    if contract.host_run:
        (folder / "rows.txt").write_text("".join(f"{row[contract.input]}\n" for row in rows), encoding="utf-8")
        return folder / "rows.txt"
    if contract.input_kind == contract.target_kind == "vector":
        waves = 10 + np.sin(np.arange(200) / 3) + 0.1 * np.random.default_rng(0).normal(size=200)
        (folder / "rows.csv").write_text("answer\n" + "\n".join(f"{value:.4f}" for value in waves) + "\n")
        return folder / "rows.csv"
    if contract.aligned:  # a word a line
        columns = [contract.input, *contract.optional, contract.target]
        sentences = [
            "".join(f"{' '.join(line)}\n" for line in zip(*(row[c] for c in columns), strict=True)) for row in rows
        ]
        (folder / "rows.conll").write_text("\n".join(sentences), encoding="utf-8")
        return folder / "rows.conll"
    if contract.target_kind == "boxes":
        return _annotated(folder, rows)
    lines = []
    for row in rows:
        cell = row[contract.input]
        if isinstance(cell, np.ndarray) and contract.input_kind != "image":
            cell = json.dumps(cell.tolist())
        if contract.input_kind == "audio":
            (folder / f"{row['id']}.wav").write_bytes(cell.read())
            cell = {"recording": f"{row['id']}.wav"}
        if contract.input_kind == "image":
            Image.fromarray(np.kron(cell, np.ones((2, 2), dtype=np.uint8))).save(folder / f"{row['id']}.png")
            cell = {"picture": f"{row['id']}.png"}
        cells = cell if isinstance(cell, dict) else {"words": cell}
        cells |= {name: row[name] for name in contract.inputs if name != contract.input}
        answer = row[contract.target]
        lines.append({**cells, "answer": json.dumps(answer) if isinstance(answer, list) else answer})
    with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, lines[0])
        table.writeheader()
        table.writerows(lines)
    return folder / "rows.csv"


def _annotated(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """Pictures of twice the size and COCO's file."""
    from PIL import Image

    images, boxes = [], []
    for k, row in enumerate(rows):
        Image.fromarray(np.kron(row["image"], np.ones((2, 2), dtype=np.uint8))).save(folder / f"{row['id']}.png")
        images.append({"id": k, "file_name": f"{row['id']}.png"})
        boxes += [
            {"image_id": k, "category_id": "abc".index(name), "bbox": [2 * x0, 2 * y0, 2 * (x1 - x0), 2 * (y1 - y0)]}
            for name, _, x0, y0, x1, y1 in row["boxes"]
        ]
    categories = [{"id": i, "name": name} for i, name in enumerate("abc")]
    (folder / "rows.json").write_text(json.dumps({"images": images, "annotations": boxes, "categories": categories}))
    return folder / "rows.json"


# what compares pictures comes from a folder of names: tests/tasks/test_metric_learning.py
FROM_A_TABLE = [name for name, contract in CONTRACTS.items() if not contract.compared]


@pytest.mark.slow
@pytest.mark.parametrize("name", FROM_A_TABLE)
def test_from_a_table_to_a_reproduced_run(tmp_path, name):
    """new, train with floors, explanations and report, board, predict, score, reproduce."""
    contract, source = CONTRACTS[name], written(tmp_path / "data", name)
    project = tmp_path / "made"
    dd.new(project, source, target="answer" if source.suffix == ".csv" else None, task=name)
    run = dd.train(project, set={"train.epochs": 4, "train.steps": None})
    assert run.run.info["task"] == name
    kept = json.loads((run.folder / "score.json").read_text())
    assert {floor["name"] for floor in kept["baselines"]} <= set(floors_for(name))
    assert len(kept["baselines"]) >= len(floors_for(name)) - 1  # of a series without a season one floor says nothing
    if load_task(name).blank:
        assert json.loads((run.folder / "explanations" / "index.json").read_text())["items"]
    assert json.loads((run.folder / "examples.json").read_text())
    assert (run.folder / "report.html").stat().st_size > 10_000
    assert sum(row["kind"] == "run" for row in dd.board(project)) == 1
    found = dd.load(run.folder).predict(source)
    if contract.host_run:
        with pytest.raises(UsageError, match="proves nothing"):
            dd.score(project, run.folder / "predictions.parquet")
    else:
        assert len(found) == (1 if contract.target_kind == "vector" else 200)  # a series is forecast from its end
        assert dd.score(project, run.folder / "predictions.parquet").value == run.score.value
    assert dd.reproduce(run.folder).same_score
