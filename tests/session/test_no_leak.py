"""Held-out labels are read by scoring alone: changing every one of them changes the score and nothing before it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deepdojo as dd
from tests.training.made_rows import image_rows, table_rows, text_rows

SETTINGS = ["train.epochs=6", "train.patience=2"]


def table(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, fieldnames=list(rows[0]))
        out.writeheader()
        out.writerows(rows)


def records(n: int) -> list[dict[str, Any]]:
    return [{"key": f"r{row['id']}", **row["features"], "label": row["label"]} for row in table_rows(n)]


def texts(n: int) -> list[dict[str, Any]]:
    return [{"key": f"r{row['id']}", "text": row["text"], "label": row["label"]} for row in text_rows(n)]


def pictures(n: int) -> list[dict[str, Any]]:
    """Images of 8 x 8 as 64 columns."""
    return [
        {"key": f"r{row['id']}", **{f"p{i}": str(v) for i, v in enumerate(row["image"].ravel())}, "label": row["label"]}
        for row in image_rows(n)
    ]


def numbers(n: int) -> list[dict[str, Any]]:
    draw = np.random.default_rng(0)
    rows = [{"key": f"r{i}", "a": f"{draw.normal():.5f}", "b": f"{draw.normal():.5f}"} for i in range(n)]
    return [{**row, "label": f"{2 * float(row['a']) - float(row['b']):.5f}"} for row in rows]


def other(label: str, rows: list[dict[str, Any]]) -> str:
    """Another class, or another number."""
    classes = sorted({row["label"] for row in rows})
    return classes[1 - classes.index(label)] if len(classes) == 2 else f"{100 - 3 * float(label):.5f}"


# not stratified where it is drawn: a stratified split is drawn with the labels, so new ones would draw another
SPLITS = {
    "drawn by hash": '[split]\nfraction = { test = 0.25, validation = 0.15 }\nstratify = false\n',
    "by a column": '[split]\nfraction = { validation = 0.15 }\n[split.test]\ncolumn = "part"\nvalues = ["held"]\n',
    "files given": '[split]\nfraction = { validation = 0.15 }\n[data.split]\ntrain = { file = "train.csv" }\n'
    'test = { file = "test.csv" }\n',
}  # fmt: skip
TASKS: dict[str, tuple[Callable[[int], list[dict[str, Any]]], str, str]] = {
    "tabular-classification": (records, 'features = ["a", "b", "colour"]', "accuracy"),
    "tabular-regression": (numbers, 'features = ["a", "b"]', "rmse"),
    "image-classification": (pictures, "image = { columns = [1, 64], shape = [8, 8] }", "accuracy"),
    "text-classification": (texts, 'text = "text"', "accuracy"),
}


def project(folder: Path, task: str, split: str, held: set[str], *, changed: bool) -> Path:
    make, columns, metric = TASKS[task]
    rows = [{**row, "part": "held" if row["key"] in held else "rest"} for row in make(200)]
    rows[17][next(k for k in rows[17] if k not in ("key", "label", "part"))] = ""  # something that may be left out
    if changed:
        rows = [{**row, "label": other(row["label"], rows) if row["key"] in held else row["label"]} for row in rows]
    folder.mkdir()
    if split == "files given":
        table(folder / "train.csv", [row for row in rows if row["key"] not in held])
        table(folder / "test.csv", [row for row in rows if row["key"] in held])
    else:
        table(folder / "all.csv", rows)
    one_file = "" if split == "files given" else 'file = "all.csv"\n'
    target = "value" if task == "tabular-regression" else "label"
    (folder / "project.toml").write_text(
        f'name = "made"\ntask = "{task}"\nmetric = "{metric}"\n[source]\npath = "."\n[data]\nreader = "csv"\n'
        f'id = "key"\n{one_file}[columns]\n{columns}\n{target} = "label"\n{SPLITS[split]}',
        encoding="utf-8",
    )
    return folder


def trained(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """(all that training decides, the score)."""
    run = dd.train(folder, set=SETTINGS, baselines=False, explain=False, report=False).folder
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    info = dd.load(run).run.info
    decided = {
        "weights": (run / "model" / "model.safetensors").read_bytes(),
        "log": [{k: v for k, v in line.items() if k != "seconds"} for line in lines],
        "kept": [info[k] for k in ("steps", "epochs", "best_epoch", "stopped", "chosen", "train")],
        "task": (run / "task.json").read_text(encoding="utf-8"),
        "rejected": (run / "rejected.csv").read_text(encoding="utf-8"),
        "split": (run / "split.parquet").read_bytes(),
        "validation": (run / "validation.parquet").read_bytes(),
        "predictions": (run / "predictions.parquet").read_bytes(),
        "problems": json.loads((run / "data.json").read_text(encoding="utf-8"))["check"],
    }
    return decided, json.loads((run / "score.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("task", TASKS)
def test_changing_every_held_out_label_changes_the_score_alone(tmp_path: Path, task: str, split: str) -> None:
    held = {f"r{i}" for i in range(0, 200, 4)}
    if split == "drawn by hash":
        from deepdojo.api import open_dataset

        probe = project(tmp_path / "probe", task, split, held, changed=False)
        held = {row["id"] for row in open_dataset(probe).rows("test")}
    before, score = trained(project(tmp_path / "before", task, split, held, changed=False))
    after, other_score = trained(project(tmp_path / "after", task, split, held, changed=True))
    for what in before:
        assert before[what] == after[what], what
    assert score["value"] != other_score["value"]
    assert score["validation"] == other_score["validation"]
