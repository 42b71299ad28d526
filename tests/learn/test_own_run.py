"""The learner's own newest run, read for the pictures of track J."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deepdojo.learn.own_run import newest_run
from deepdojo.runs import write_toml
from deepdojo.tables import Table, write_table


def a_run(runs: Path, name: str, *, right: int, task: str = "text-classification") -> Path:
    """A run folder of 24 rows as `dojo train` leaves it, as far as it is read here; `right` of them are."""
    folder, ids = runs / name, [f"r{i}" for i in range(24)]
    folder.mkdir(parents=True)
    truth = ["no" if i % 3 else "yes" for i in range(24)]
    said = [t if i < right else {"no": "yes", "yes": "no"}[t] for i, t in enumerate(truth)]
    shares = [{s: 0.7, {"no": "yes", "yes": "no"}[s]: 0.3} for s in said]
    write_toml(folder / "run.toml", {"id": name, "kind": "run", "project": "mails", "project_path": "", "task": task,
                                     "metric": "accuracy", "recipe": "r", "seed": 0, "model": {}, "options": {},
                                     "train": {}})  # fmt: skip
    score = {"metric": "accuracy", "value": right / 24, "low": 0.1, "high": 0.9, "higher_is_better": True,
             "baselines": [{"name": "majority", "score": 16 / 24, "run": "baseline-majority-1"}]}  # fmt: skip
    (folder / "score.json").write_text(json.dumps(score), encoding="utf-8")
    write_table(folder / "rows.parquet", Table({"id": ids, "label": truth}), {"label": "label"})
    turned = Table({"id": ids[::-1], "label": said[::-1], "probabilities": shares[::-1]})
    write_table(folder / "predictions.parquet", turned, {"label": "label", "probabilities": "distribution"})
    return folder


def test_the_newest_finished_run_is_read_from_beside_the_lessons(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("DEEPDOJO_RUNS", raising=False)
    lessons = tmp_path / "dojo-lessons"
    lessons.mkdir()
    assert newest_run(lessons) is None
    runs = tmp_path / "runs" / "mails"
    a_run(runs, "2026-11-01-1200-r-0001", right=10)
    a_run(runs, "2026-11-02-1200-r-0002", right=20)
    a_run(runs, "2026-11-03-1200-r-0003.partial", right=24)
    floor = runs / "baseline-majority-1"
    floor.mkdir()
    ids = [f"r{i}" for i in range(24)]
    write_table(floor / "predictions.parquet", Table({"id": ids, "label": ["no"] * 24}), {"label": "label"})
    for here in (lessons, tmp_path):
        own = newest_run(here)
        assert own is not None
        assert (own.id, own.project, own.names) == ("2026-11-02-1200-r-0002", "mails", ["no", "yes"])
        assert own.y == [int(i % 3 == 0) for i in range(24)]
        assert sum(a == b for a, b in zip(own.y, own.p, strict=True)) == 20
        assert own.second == [1 - p for p in own.p]
        assert own.sure == pytest.approx([0.7] * 24)
        assert own.floor == ("majority", [0] * 24)


def test_what_cannot_be_read_is_passed_over(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("DEEPDOJO_RUNS", raising=False)
    a_run(tmp_path / "runs", "2026-11-01-1200-r-0001", right=10)
    for i, damaged in enumerate(("run.toml", "score.json", "rows.parquet", "predictions.parquet"), 2):
        (a_run(tmp_path / "runs", f"2026-11-0{i}-1200-r-000{i}", right=9) / damaged).write_bytes(b"\0 no")
    a_run(tmp_path / "runs", "2026-11-09-1200-r-0009", right=9, task="tabular-regression")
    own = newest_run(tmp_path)
    assert own is not None
    assert own.id == "2026-11-01-1200-r-0001"
    assert own.floor is None
