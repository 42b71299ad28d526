"""A project with a reader and a metric of its own: nothing runs before consent, and one consent serves every verb."""

from __future__ import annotations

from pathlib import Path

import pytest

import deepdojo as dd
from deepdojo.errors import ConsentError
from tests.baselines.floor_rows import made_rows

PROJECT = """
task = "text-classification"
metric = "python:cost.py"
[source]
path = "."
[data]
reader = "python:read.py"
file = "notes.txt"
[columns]
text = "words"
label = "verdict"
[split]
fraction = {test = 0.2, validation = 0.2}
"""
READ = """
def read(files, file):
    with files.open(file) as lines:
        for line in lines.read().decode().splitlines():
            verdict, _, words = line.partition(" ")
            yield {"verdict": verdict, "words": words}
"""
COST = """
HIGHER_IS_BETTER = False
def score(solution, submission, row_id_column_name):
    return (solution["label"] != submission["label"]).mean()
"""


def test_one_consent_for_training_prediction_and_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPDOJO_CONFIG", str(tmp_path / "config"))
    folder = tmp_path / "orchard"
    folder.mkdir()
    rows = made_rows("text-classification", 90)
    files = {"project.toml": PROJECT, "read.py": READ, "cost.py": COST,
             "notes.txt": "\n".join(f"{row['label']} {row['text']}" for row in rows)}  # fmt: skip
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    quick = {"train.epochs": 1, "model.name": "text_cnn"}
    with pytest.raises(ConsentError, match="--trust"):
        dd.train(folder, set=quick)
    run = dd.train(folder, set=quick, baselines=False, explain=False, report=False, trust=True)
    new = tmp_path / "new.txt"
    new.write_text("? the plot was great\n? a film\n", encoding="utf-8")
    assert len(run.predict(new)) == 2
    assert dd.score(folder, run.folder / "predictions.parquet").value == run.score.value
    (folder / "read.py").write_text(READ + "\n# changed", encoding="utf-8")
    with pytest.raises(ConsentError, match="--trust"):
        run.predict(new)
    assert len(run.predict(new, trust=True)) == 2
