"""Floors of a project: when those that lie there serve again, what is said of one that cannot, a child that talks."""

from __future__ import annotations

import json
import time
import tomllib
from pathlib import Path

import pytest

from deepdojo.competition.board import record, rows
from deepdojo.data.dataset import load_dataset
from deepdojo.data.project import find_project
from deepdojo.session.evaluate import Judge
from deepdojo.session.floors import Floors
from deepdojo.session.listener import Listener


class Heard(Listener):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


def floors(folder: Path, *, labels: str = "ab", change: str = "", metric: str = "accuracy", extra: str = "", **options):
    """Floors of a made table. `labels`: the classes in turn; `change`: the first training row's other class."""
    folder.mkdir(exist_ok=True)
    lines = [f"{i},{i * 37 % 101},{i % 7},{labels.split()[i % len(labels.split())]}" for i in range(360)]
    if change:
        lines[0] = ",".join([*lines[0].split(",")[:-1], change])
    parts = ["train" if i < 240 else "validation" if i < 300 else "test" for i in range(360)]
    lines = [f"{line},{part}" for line, part in zip(lines, parts, strict=True)]
    for part in ("train", "validation", "test"):
        kept = [line for line in lines if line.endswith(part)]
        (folder / f"{part}.csv").write_text("\n".join(["key,x,w,y,part", *kept]) + "\n")
    given = "\n".join(f'{part} = {{ file = "{part}.csv" }}' for part in ("train", "validation", "test"))
    (folder / "project.toml").write_text(
        f'name = "made"\ntask = "tabular-classification"\nmetric = "{metric}"\n[source]\npath = "."\n'
        f'[data]\nreader = "csv"\nid = "key"\n[data.split]\n{given}\n'
        f'[columns]\nlabel = "y"\ndrop = ["part"{extra}]\n'
    )
    project = find_project(folder)
    data = load_dataset(project)
    judge = Judge(project.contract, project.metric, project.folder, trusted=True)
    train = data.rows("train")
    return Floors(data, judge, folder / "runs", train=train, test=data.rows("test"), seed=0, **options)


def test_of_many_rows_a_floor_sees_a_sample_and_says_so(tmp_path, monkeypatch):
    whole = floors(tmp_path / "p")
    monkeypatch.setattr("deepdojo.session.floors.MOST_TRAIN", {"any": 90})
    monkeypatch.setattr("deepdojo.session.floors.MOST_VALIDATION", 30)
    some = floors(tmp_path / "p", share=0.5)
    assert whole.digest != some.digest
    assert [len(part) for part in (some.train, some.validation)] == [90, 30]
    some.start()
    for folder in some.finish(Heard()):
        run = tomllib.loads((folder / "run.toml").read_text())
        score = json.loads((folder / "score.json").read_text())
        assert run["about"].endswith("; trained on 90 of 240 rows")
        assert score["data_share"] == pytest.approx(0.5 * 90 / 240)
        assert score["n"] == 60


METRIC = "def score(solution, submission, row_id_column_name):\n    return {}\n"


@pytest.mark.parametrize(
    "changed",
    [{"change": "b"}, {"metric": "macro_f1"}, {"extra": ', "w"'}, {"metric": "python:metric.py"}],
    ids=["training labels", "metric", "columns", "metric's file"],
)
def test_what_changes_a_floor_or_its_score_makes_it_anew(tmp_path, changed):
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "metric.py").write_text(METRIC.format(1.0))
    given = {"labels": "a b", **({"metric": changed["metric"]} if "python:metric.py" in changed.values() else {})}
    before, again = floors(folder, **given), floors(folder, **given)
    assert before.digest == again.digest
    (folder / "metric.py").write_text(METRIC.format(0.0))
    after = floors(folder, **{**given, **changed})
    assert after.dataset.digest("test") == before.dataset.digest("test")
    assert after.digest != before.digest


def test_the_board_shows_floors_of_the_metric_that_counts(tmp_path):
    """After a change of metric those of the old one leave the board: without new ones it would have none."""
    for metric in ("accuracy", "macro_f1"):
        made = floors(tmp_path / "p", labels="a b", metric=metric, share=0.5)
        made.names = ["majority"]
        made.start()
        (folder,) = made.finish(Listener())
        record(folder)
        assert json.loads((folder / "score.json").read_text())["data_share"] == 0.5
        shown = rows(tmp_path / "p" / "runs", find_project(tmp_path / "p"))
        assert [(row["name"], row["metric"], row["data_share"]) for row in shown] == [("majority class", metric, 0.5)]


def test_a_floor_that_cannot_serve_is_named_with_its_reason(tmp_path):
    made = floors(tmp_path / "p", labels=" ".join(f"l{i}" for i in range(120)))
    made.names = ["majority", "boosting"]
    made.start()
    heard = Heard()
    assert [folder.name for folder in made.finish(heard)] == [f"baseline-majority-{made.digest}"]
    (sentence,) = heard.said
    assert sentence.startswith("the baseline gradient boosting is left out: 120 classes")


def test_a_child_with_many_warnings_comes_to_its_end(tmp_path, monkeypatch):
    """More than a pipe holds: 64 KB."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.stderr.write('a warning\\n' * 100_000)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    made = floors(tmp_path / "p", labels="a b")
    made.names = ["majority"]
    made.start()
    heard = Heard()
    assert len(made.finish(heard, deadline=time.monotonic() + 40)) == 1
    assert heard.said == []
