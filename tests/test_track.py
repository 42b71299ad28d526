"""Logging from a program that is not ours: what is left behind, whatever happens to the program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import deepdojo as dd
from deepdojo import track
from deepdojo.errors import DojoError, RunError, UsageError
from deepdojo.runs import Run

LOOP = """
import deepdojo.track as wandb
import sys
assert "torch" not in sys.modules
wandb.init(project="their project", name="a loop", config={"lr": 0.1, "layers": [3, 5]})
wandb.config["late"] = True
for step in range(200):
    wandb.log({"loss": 1.0 / (step + 1), "val": {"accuracy": step / 200}}, step=step)
"""


@pytest.fixture(autouse=True)
def _ended():
    yield
    if track.run is not None and not track.run.finished:
        track.finish(failed=True)


def program(place: Path, text: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-c", text], cwd=place, env=environ, capture_output=True, text=True)


def left(place: Path) -> Path:
    found = list((place / "runs").glob("*/2*"))
    assert len(found) == 1
    return found[0]


def test_a_program_under_known_names_leaves_a_run_and_a_report(tmp_path: Path) -> None:
    """It never calls finish: the end of the program does."""
    done = program(tmp_path, LOOP)
    assert done.returncode == 0, done.stderr
    folder = left(tmp_path)
    run = Run(folder)
    assert run.info["config"] == {"lr": 0.1, "layers": [3, 5], "late": True}
    assert run.info["state"] == "finished"
    lines = run.metrics()
    assert [line["step"] for line in lines] == list(range(200))
    assert lines[-1]["val/accuracy"] == 0.995
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "val/accuracy" in page
    assert "not scored: it gave no table of predictions" in page
    assert page.count("<figure>") == 2


@pytest.mark.parametrize(("end", "state"), [("raise SystemError('boom')", "failed"), ("wandb.finish()", "finished")])
def test_how_it_ended_is_kept(tmp_path: Path, end: str, state: str) -> None:
    program(tmp_path, LOOP + end)
    assert Run(left(tmp_path)).info["state"] == state


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_kill_loses_nothing_that_was_logged(tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    text = LOOP + "print('now', flush=True)\nimport time\ntime.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", text], cwd=tmp_path, env=environ, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    folder = left(tmp_path)
    now = dd.runs(runs=tmp_path / "runs")
    assert [(f["state"], f["step"]) for f in now] == [("running", 199)]
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert len(Run(folder).metrics()) == 200
    assert [f["state"] for f in dd.runs(runs=tmp_path / "runs")] == ["interrupted"]


def test_predictions_of_another_program_are_scored_and_ranked(tmp_path: Path) -> None:
    ours = dd.train("breast-cancer", "linear", runs=tmp_path, baselines=False, explain=False, report=False)
    with track.init("breast-cancer", "theirs", runs=tmp_path) as run:
        run.log({"loss": 0.3})
        folder = run.finish(predictions=ours.folder / "predictions.parquet")
    board = {row["name"]: row for row in dd.board("breast-cancer", runs=tmp_path) if row["kind"] != "published"}
    assert board["theirs"]["kind"] == "tracked"
    assert board["theirs"]["score"] == board["linear"]["score"]
    assert board["theirs"]["rank"] == board["linear"]["rank"] == 1
    assert dd.compare(ours.folder, folder).better == "tie"
    with pytest.raises(RunError, match="holds no model"):
        dd.predict(folder, "rows.csv")


@pytest.mark.slow
def test_a_run_that_gave_no_table_stands_on_the_board_without_a_rank(tmp_path: Path) -> None:
    ours = dd.train("breast-cancer", "linear", runs=tmp_path, baselines=False, explain=False, report=False)
    with track.init("breast-cancer", "theirs", runs=tmp_path) as run:
        run.log({"loss": 0.3})
    *_, last = dd.board("breast-cancer", runs=tmp_path)
    assert (last["name"], last["rank"], last["score"], last["note"]) == ("theirs", None, None, "logged, not scored")
    shown = subprocess.run([sys.executable, "-m", "deepdojo.cli", "board", "breast-cancer", "--runs", tmp_path,
                            "--html", tmp_path / "board.html"], capture_output=True, text=True)  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    assert "logged, not scored" in shown.stdout
    assert "logged, not scored" in (tmp_path / "board.html").read_text(encoding="utf-8")
    with pytest.raises(RunError, match="no score to compare"):
        dd.compare(ours.folder, run.folder)


def test_a_table_that_does_not_fit_is_refused_and_the_run_is_kept(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("id,label\n1,x\n")
    track.init("breast-cancer", "theirs", runs=tmp_path)
    track.log({"loss": 1.0})
    with pytest.raises(DojoError):
        track.finish(predictions=tmp_path / "bad.csv")
    (found,) = dd.runs(runs=tmp_path)
    assert found["state"] == "finished"
    assert found["score"] is None


def test_what_makes_no_sense_is_said(tmp_path: Path) -> None:
    for call in (lambda: track.log({"a": 1}), track.finish):
        with pytest.raises(UsageError, match="there is no run"):
            call()
    with pytest.raises(UsageError, match="no name for a project"):
        track.init("../up", runs=tmp_path)
    track.init("p", runs=tmp_path)
    with pytest.raises(UsageError, match="is not finished"):
        track.init("p", runs=tmp_path)
    with pytest.raises(UsageError, match="a is no number"):
        track.log({"a": "word"})
    track.log({"a": float("inf"), "step": 3}, step=5)
    with pytest.raises(UsageError, match="step 4 comes after step 5"):
        track.log({"a": 1}, step=4)
    folder = track.finish()
    line = json.loads((folder / "metrics.jsonl").read_text())
    assert line["a"] == "inf"
    assert (line["step"], line["logged/step"]) == (5, 3)


def test_it_logs_from_a_plain_loop_of_torch(tmp_path: Path) -> None:
    """The example of docs/tracking.md."""
    import torch

    torch.manual_seed(0)
    model, x = torch.nn.Linear(3, 1), torch.randn(50, 3)
    y = x.sum(1, keepdim=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    track.init(project="sums", config={"lr": 0.1}, runs=tmp_path)
    for step in range(30):
        loss = torch.nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        track.log({"loss": loss}, step=step)
    lines = Run(track.finish()).metrics()
    assert lines[-1]["loss"] < 0.1 * lines[0]["loss"]


def test_a_thousand_runs_are_listed(tmp_path: Path) -> None:
    for i in range(1000):
        folder = tmp_path / "p" / f"2026-01-01-0000-x-{i:04x}"
        folder.mkdir(parents=True)
        (folder / "run.toml").write_text(f'id = "{folder.name}"\nkind = "tracked"\nproject = "p"\nname = "x"\n')
        (folder / "score.json").write_text(json.dumps({"metric": "rmse", "value": i / 7, "higher_is_better": False}))
    found = dd.runs("p", sort="score", runs=tmp_path)
    assert [f["score"] for f in found] == [i / 7 for i in range(1000)]
    with pytest.raises(UsageError, match="is no sort"):
        dd.runs(sort="beauty")
