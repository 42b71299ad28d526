"""Several labels a text: odd rows, odd labels, thresholds, and what a report and a table make of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from deepdojo import api
from deepdojo.baselines import run_floors
from deepdojo.contracts import CONTRACTS
from deepdojo.data.dataset import load_dataset
from deepdojo.data.project import save_project
from deepdojo.errors import DataError, RecipeError, ScoreError, UnknownNameError
from deepdojo.models import create_model
from deepdojo.tables import Table, check_cells, read_table, write_table
from deepdojo.tasks.multi_label_classification import MultiLabelClassification
from deepdojo.training.predictor import predict_rows
from deepdojo.training.stream import examples_to_learn
from tests.baselines.floor_rows import hidden, made_rows

NAME = "multi-label-classification"
KINDS = CONTRACTS[NAME].predictions


def rows(*cells: tuple[str, list[str]]) -> list[dict]:
    return [{"id": str(i), "text": text, "labels": labels} for i, (text, labels) in enumerate(cells)]


def test_long_mixed_and_wordless_texts_are_predicted_like_others() -> None:
    task = MultiLabelClassification.fit(made_rows(NAME, 30))
    model = create_model("text_cnn", task.dims())
    odd = ["film " * 200_000, "\U0001f600\U0001f600 фильм 电影 فيلم film", "\u200b", "?!", "a\x00b"]
    found = predict_rows(task, model, [{"id": str(i), "text": text} for i, text in enumerate(odd)])
    assert len(found) == len(odd)
    check_cells(Table.from_rows(list(found)), KINDS)


def test_labels_that_training_rows_lack_are_counted_by_the_score_and_by_no_loss() -> None:
    task = MultiLabelClassification.fit(rows(("a b", ["x"]), ("b c", ["y"]), ("c d", [])), min_count=1)
    assert task.target({"labels": ["x", "never seen"]}).tolist() == [1.0, 0.0]
    assert task.labels.names == ("x", "y")


def test_no_label_at_all_and_a_threshold_outside_are_said() -> None:
    with pytest.raises(DataError, match="no training row has a label"):
        MultiLabelClassification.fit(rows(("a", []), ("b", [])))
    with pytest.raises(RecipeError, match="no threshold"):
        MultiLabelClassification.fit(made_rows(NAME, 9), threshold=1.0)


def test_a_lower_threshold_gives_more_labels_of_the_same_probabilities() -> None:
    train, test = made_rows(NAME, 40), hidden(made_rows(NAME, 20, seed=1), NAME)
    counts = []
    for threshold in (0.2, 0.5, 0.8):
        torch.manual_seed(0)
        task = MultiLabelClassification.fit(train, threshold=threshold)
        found = list(predict_rows(task, create_model("text_cnn", task.dims()), test))
        for row in found:
            assert row["labels"] == [name for name, p in row["probabilities"].items() if p >= threshold]
        counts.append(sum(len(row["labels"]) for row in found))
    assert counts[0] >= counts[1] >= counts[2]


def test_ngrams_are_weighed_by_texts_with_and_without_a_label() -> None:
    train = rows(("good film", ["a", "b"]), ("good plot", ["a"]), ("bad plot", []))
    task = MultiLabelClassification.fit(train, ngrams=True, min_count=1)
    model = create_model("bag_of_ngrams", task.dims())
    store = examples_to_learn(task, train)
    task.prime(model, [store.cut(torch.arange(3))])
    ids = task.ngrams.encode("good")[0]
    word = int(ids[ids < task.ngrams.first_character][0])
    words = range(task.ngrams.first_character)
    with_a = torch.zeros(len(words))
    without = torch.zeros(len(words))
    for row in train:
        own = task.ngrams.encode(row["text"])[0]
        own = own[own < task.ngrams.first_character]
        (with_a if "a" in row["labels"] else without)[own] += 1
    p, q = 1 + with_a, 1 + without
    ratio = torch.log(p / p.sum()) - torch.log(q / q.sum())
    assert float(model.embedding.ratio[word, 0]) == pytest.approx(float(ratio[word]))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".tsv"])
def test_a_table_comes_back_as_it_was(tmp_path: Path, suffix: str) -> None:
    cells = [
        {"id": "1", "labels": ["a", "b|c"], "probabilities": {"a": 0.9, "b|c": 0.7}},
        {"id": "2", "labels": [], "probabilities": {"a": 0.0, "b|c": 0.25}},
    ]
    write_table(tmp_path / f"t{suffix}", Table.from_rows(cells), KINDS)
    again = read_table(tmp_path / f"t{suffix}", KINDS)
    check_cells(again, KINDS)
    assert list(again.rows()) == cells


@pytest.mark.parametrize("cell", [{"a": 1.2}, {"a": -0.1}, {"a": float("nan")}, ["a"], {"a": True}])
def test_what_is_no_probability_is_refused(cell: object) -> None:
    table = Table.from_rows([{"id": "1", "labels": ["a"], "probabilities": cell}])
    with pytest.raises(ScoreError):
        check_cells(table, KINDS)
    with pytest.raises(ScoreError, match="not among the known"):
        check_cells(Table.from_rows([{"id": "1", "labels": ["z"], "probabilities": {}}]), KINDS, labels=["a"])


def test_floors_choose_thresholds_on_validation_rows_and_the_constant_is_the_commonest_set() -> None:
    found = {
        one.name: one
        for one in run_floors(
            NAME,
            made_rows(NAME, 60),
            hidden(made_rows(NAME, 20, seed=2), NAME),
            validation_rows=made_rows(NAME, 40, seed=1),
        )
    }
    assert set(found) == {"commonest_set", "one_against_rest"}
    assert len({tuple(row["labels"]) for row in found["commonest_set"].predictions}) == 1
    assert "thresholds chosen on validation rows" in found["one_against_rest"].about
    truth = made_rows(NAME, 20, seed=2)
    right = [a["labels"] == b["labels"] for a, b in zip(found["one_against_rest"].predictions, truth, strict=True)]
    assert np.mean(right) > 0.9
    for one in found.values():
        check_cells(Table.from_rows(list(one.predictions)), KINDS)


def test_empty_texts_missing_labels_and_a_test_part_without_labels(tmp_path: Path) -> None:
    lines = [json.dumps({"text": f"w{i} w{i % 5} w{i % 3}", "labels": ["a", "b"][: i % 3]}) for i in range(40)]
    odd = [{"text": " ", "labels": ["a"]}, {"text": "x"}, {"text": None, "labels": []}]
    (tmp_path / "t.jsonl").write_text("\n".join([*lines, *map(json.dumps, odd)]) + "\n")
    data = load_dataset(save_project(tmp_path, {"task": NAME, "data": {"file": "t.jsonl"}}))
    assert data.n == 40
    assert sorted(r.reason for r in data.rejected) == [
        "the labels are missing",
        "the text is empty",
        "the text is empty",
    ]
    (tmp_path / "u.jsonl").write_text("\n".join(json.dumps({"text": f"u{i}"}) for i in range(5)))
    parts = {"train": {"file": "t.jsonl"}, "test": {"file": "u.jsonl"}}
    with pytest.raises(UnknownNameError, match="no column is named 'labels'"):
        api.train(save_project(tmp_path, {"task": NAME, "data": {"split": parts}}).folder)


def test_labels_of_a_csv_may_be_parted_by_a_bar(tmp_path: Path) -> None:
    cells = ["text,tags", *(f"w{i} v{i % 4},{'a|b' if i % 2 else ''}" for i in range(30))]
    (tmp_path / "t.csv").write_text("\n".join(cells) + "\n")
    spec = {"task": NAME, "data": {"file": "t.csv"}, "columns": {"labels": "tags"}}
    data = load_dataset(save_project(tmp_path, spec))
    assert {tuple(row["labels"]) for row in data.rows("train")} == {("a", "b"), ()}
