"""Several trainings as one run: each equals the one trained alone, an interrupted group goes on, folds hold every row
out once, and what cannot work is refused in a sentence."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deepdojo as dd
from deepdojo import api
from deepdojo.errors import DojoError, RunError, UnknownNameError, UsageError
from deepdojo.locks import locked
from deepdojo.session.listener import Listener
from deepdojo.tables import read_table
from tests.session.test_again import QUICK, StopAt, made

EPOCHS = ["train.epochs=3"]
FILES = ("model/model.safetensors", "model/config.json", "task.json", "split.parquet", "rejected.csv")
TABLES = {
    "predictions.parquet": {"label": "label", "probabilities": "distribution"},
    "rows.parquet": {"loss": "number"},
}


def same(member: Path, alone: Path) -> None:
    """Bit for bit, beside times and names."""
    for name in FILES:
        assert (member / name).read_bytes() == (alone / name).read_bytes(), name
    for name, kinds in TABLES.items():
        assert read_table(member / name, kinds).columns == read_table(alone / name, kinds).columns, name
    ours, theirs = (json.loads((f / "score.json").read_text("utf-8")) for f in (member, alone))
    for key in ("value", "low", "high", "n", "digest", "others", "validation"):
        assert ours[key] == theirs[key], key
    heads = [tomllib.loads((f / "run.toml").read_text("utf-8")) for f in (member, alone)]
    for key in ("model", "train", "seed", "chosen", "steps", "best_epoch", "schedule"):
        assert heads[0][key] == heads[1][key], key


def stopped(folder: Path, stage: str, count: int, **arguments: Any) -> Path:
    """A group that Ctrl-C ended; gives what it left."""
    with pytest.raises(KeyboardInterrupt):
        dd.train(folder, listener=StopAt(stage, count), **arguments, **QUICK)
    return next((folder / "runs").glob("*.partial"))


class Stages(Listener):
    def __init__(self) -> None:
        self.seen: list[str] = []
        self.said: list[str] = []

    def stage(self, name: str, detail: str = "") -> None:
        self.seen.append(f"{name} {detail}")

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


def test_each_seed_is_the_run_that_it_would_be_alone_also_after_an_interruption(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    left = stopped(folder, "train", 45, set=EPOCHS, seed=4, seeds=3)
    assert (left / "seeds" / "4").is_dir()
    assert (left / "seeds" / "5.partial").is_dir()
    before = (left / "seeds" / "4" / "model" / "model.safetensors").stat().st_mtime_ns
    stages = Stages()
    run = dd.train(resume=left, listener=stages)
    assert not any("seed 4" in stage for stage in stages.seen)
    assert (run.folder / "seeds" / "4" / "model" / "model.safetensors").stat().st_mtime_ns == before
    alone = [dd.train(folder, set=EPOCHS, seed=s, **QUICK) for s in (4, 5, 6)]
    for one in alone:
        same(run.folder / "seeds" / str(one.run.info["seed"]), one.folder)
    values = [one.score.value for one in alone]
    summary = run.summary()
    assert summary["score"] == summary["mean"] == pytest.approx(np.mean(values), abs=1e-12)
    assert summary["sd"] == pytest.approx(np.std(values, ddof=1), abs=1e-12)
    assert [m["score"] for m in summary["members"]] == values
    rows = dd.board(folder)
    assert sorted(row["seeds"] for row in rows) == [1, 1, 1, 3]
    losses = [read_table(one.folder / "rows.parquet", {"loss": "number"}).columns["loss"] for one in alone]
    mean = read_table(run.folder / "rows.parquet", {"loss": "number"}).columns["loss"]
    np.testing.assert_allclose(mean, np.mean(losses, axis=0), atol=1e-12)


@pytest.mark.parametrize(
    ("extra", "split"),
    [("", ["split.folds=4"]), pytest.param("[split]\ngroup = 'patient'\nfolds = 4\n", [], marks=pytest.mark.slow)],
)
def test_each_fold_is_the_run_that_it_would_be_alone_and_every_row_is_held_out_once(
    tmp_path: Path, extra: str, split: list[str]
) -> None:
    folder = made(tmp_path / "a", extra=extra)
    left = stopped(folder, "train", 25, set=EPOCHS, folds=True if extra else 4, seeds=2)
    run = dd.train(resume=left)
    for seed, fold in [(0, 0), (1, 1), (0, 3)]:
        alone = dd.train(folder, set=[*EPOCHS, *split, f"split.fold={fold}"], seed=seed, **QUICK)
        same(run.folder / "seeds" / str(seed) / "folds" / str(fold), alone.folder)
    one = run.folder / "seeds" / "1"
    table = read_table(one / "predictions.parquet", {"label": "label", "fold": "number"})
    assert len(set(table.columns["id"])) == len(table) == 200 == run.score.n
    truth = dict(
        zip(*(read_table(one / "rows.parquet", {"label": "label"}).columns[k] for k in ("id", "label")), strict=True)
    )
    right = np.mean([truth[row["id"]] == row["label"] for row in table.rows()])
    assert dd.load(one).score.value == pytest.approx(right)
    fold_of = {row["id"]: str(int(row["fold"])) for row in table.rows()}
    assert (
        dict(zip(*read_table(run.folder / "split.parquet", {"fold": "label"}).columns.values(), strict=True)) == fold_of
    )
    if extra:
        groups = read_table(one / "rows.parquet", {"group": "number"})
        together = {(g, fold_of[i]) for i, g in zip(*groups.columns.values(), strict=True)}
        assert len(together) == len({g for g, _ in together}) == 40


@pytest.mark.slow
def test_floors_of_folds_are_scored_on_all_rows_and_trained_once(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    quick = {"explain": False, "report": False}
    first = dd.train(folder, set=EPOCHS, folds=2, **quick)
    stages = Stages()
    second = dd.train(folder, set=["train.epochs=2"], folds=2, seeds=2, listener=stages, **quick)
    assert not any(stage.startswith("baselines") for stage in stages.seen)
    floors = [{b["name"]: b["score"] for b in run.summary()["baselines"]} for run in (first, second)]
    assert floors[0] == floors[1]
    assert len(list((folder / "runs").glob("baseline-*"))) == len(floors[0]) == 3
    assert not (first.folder / "floors").exists()
    kept = next((folder / "runs").glob("baseline-logistic-*"))
    assert len(set(read_table(kept / "predictions.parquet", {"label": "label"}).columns["id"])) == 200
    assert {row["n"] for row in dd.board(folder)} == {200}


def test_folds_refuse_to_predict_until_a_model_of_all_rows_is_trained(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    run = dd.train(folder, set=["train.epochs=6"], folds=3, **QUICK)
    for verb in (lambda: run.predict(folder / "all.csv"), lambda: dd.explain(run)):
        with pytest.raises(RunError, match=r"one model for each of its 3 folds.*--refit"):
            verb()
    again = dd.train(resume=run.folder, refit=True)
    assert len(again.predict(folder / "all.csv")) == 200
    head = tomllib.loads((run.folder / "refit" / "run.toml").read_text("utf-8"))
    best = [tomllib.loads((run.folder / f"folds/{k}/run.toml").read_text("utf-8"))["best_epoch"] for k in range(3)]
    assert head["refit"]["epochs"] == np.median(best)
    epoch_steps = -(-200 // head["train"]["batch_size"])
    assert head["steps"] == round(np.median(best) * epoch_steps)
    score = json.loads((run.folder / "refit" / "score.json").read_text("utf-8"))
    assert score["value"] is None
    assert [row["run"] for row in dd.board(folder)] == [str(run.folder)]
    with pytest.raises(RunError, match="has its model of all rows"):
        dd.train(resume=run.folder, refit=True)
    with_it = dd.train(folder, set=["train.epochs=6"], folds=3, refit=True, **QUICK)
    models = [(r.folder / "refit" / "model" / "model.safetensors").read_bytes() for r in (run, with_it)]
    assert models[0] == models[1]


def test_a_group_answers_with_its_best_validated_member(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    run = dd.train(folder, set=EPOCHS, seeds=3, **QUICK)
    best = max(run.summary()["members"], key=lambda m: m["validation"])
    stages = Stages()
    found = run.predict(folder / "all.csv", listener=stages)
    assert f"predicting with {best['run']}" in stages.said
    assert found == dd.load(run.folder / "seeds" / str(best["seed"])).predict(folder / "all.csv")


@pytest.mark.slow
def test_a_budget_is_shared(tmp_path: Path) -> None:
    began = time.monotonic()
    run = dd.train(
        made(tmp_path / "a"), set=["train.epochs=100000", "train.patience=none"], seeds=2, budget=10.0, **QUICK
    )
    assert time.monotonic() - began < 10 * 1.05 + 2
    assert [m.info["stopped"] for m in run.run.members()] == ["budget", "budget"]
    assert dd.reproduce(run.run.members()[1].folder).same_weights


def test_validation_only_of_several_seeds(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    run = dd.train(folder, set=EPOCHS, seeds=2, validation_only=True, **QUICK)
    summary = run.summary()
    assert summary["score"] is None
    assert summary["validation"]["value"] == pytest.approx(np.mean([m["validation"] for m in summary["members"]]))
    assert dd.board(folder) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seeds": 0}, "0 seeds cannot be trained"),
        ({"seeds": 2, "seed": 2**32 - 1}, "2 seeds cannot be trained"),
        ({"folds": 1}, "1 folds are no cross-validation"),
        ({"folds": -3}, "no cross-validation"),
        ({"folds": True}, "no folds of its own"),
        ({"folds": 300}, "200 different rows cannot make 300 folds"),
        ({"refit": True}, "no folds to choose"),
        ({"refit": True, "seeds": 2}, "no folds to choose"),
        ({"folds": 3, "validation_only": True}, "none can be left closed"),
        ({"folds": 3, "set": ["split.fold=1", "split.folds=3"]}, "one fold and all folds"),
        ({"folds": 3, "set": ["split.order=key"]}, "cut by time"),
        ({"seeds": 4, "budget": 12.0}, "too short for 4 trainings"),
        ({"seeds": 2, "set": ["model.name=cnn"]}, "cnn does not fit"),
    ],
)
def test_what_cannot_work_is_refused_and_leaves_nothing(
    tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    folder = made(tmp_path / "a")
    with pytest.raises(DojoError, match=message):
        dd.train(folder, **arguments, **QUICK)
    assert not list((folder / "runs").glob("*"))


def test_a_resume_takes_no_other_options(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    left = stopped(folder, "train", 5, set=EPOCHS, seeds=2)
    for other in ({"seeds": 3}, {"folds": 3}, {"seed": 1}, {"set": EPOCHS}, {"recipe": "mlp"}, {"share": 0.5}):
        with pytest.raises(UsageError, match="does not go with --resume"):
            dd.train(resume=left, **other)
    with pytest.raises(UsageError, match="no folds to choose"):
        dd.train(resume=left, refit=True)
    with pytest.raises(RunError, match="is a part of a run"):
        dd.train(resume=left / "seeds" / "0")


def _hold(folder: Path, ready: Any, go: Any) -> None:
    with locked(folder, name="it"):
        ready.set()
        go.wait(30)


def test_two_processes_do_not_train_one_run(tmp_path: Path) -> None:
    left = stopped(made(tmp_path / "a"), "train", 5, set=EPOCHS)
    context = multiprocessing.get_context("spawn")
    ready, go = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(left, ready, go))
    other.start()
    try:
        assert ready.wait(30)
        with pytest.raises(RunError, match=rf"another process \(process {other.pid}\) is training this run now"):
            dd.train(resume=left)
    finally:
        other.kill()  # the system takes the lock back from a process that died
        other.join()
    run = dd.train(resume=left)
    assert run.score.n > 0
    assert not list(left.parent.glob(".*.lock"))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_killed_in_the_second_of_two_trainings_and_resumed(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    command = [sys.executable, "-m", "deepdojo.cli", "train"]
    options = ["--seeds", "2", "--set", "train.epochs=10", "--no-baselines", "--no-explain", "--json"]
    child = subprocess.Popen([*command, str(folder), *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    lines, end = 0, time.monotonic() + 120
    while lines < 25 and child.poll() is None and time.monotonic() < end:
        logs = list(folder.glob("runs/*.partial/seeds/1.partial/metrics.jsonl"))
        lines = logs[0].read_bytes().count(b"\n") if logs else 0
        time.sleep(0.002)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    (left,) = folder.glob("runs/*.partial")
    assert (left / "seeds" / "0").is_dir()
    done = subprocess.run([*command, "--resume", str(left), "--json"], capture_output=True, check=True)
    summary = json.loads(done.stdout)
    alone = dd.train(folder, set=["train.epochs=10"], seed=1, **QUICK)
    same(Path(summary["run"]) / "seeds" / "1", alone.folder)
    assert summary["mean"] == summary["score"] == np.mean([m["score"] for m in summary["members"]])
    assert summary["sd"] == pytest.approx(np.std([m["score"] for m in summary["members"]], ddof=1))
    assert [m["seed"] for m in summary["members"]] == [0, 1]
    assert summary["seeds"] == 2


@pytest.mark.slow
def test_recipes_are_compared_by_name_over_rows_and_seeds(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    short = {"set": ["train.epochs=2"], "explain": False, "report": False}
    mlp = dd.train(folder, "mlp", seeds=3, **short)
    linear = dd.train(folder, "linear", seeds=2, baselines=False, **short)
    found = dd.compare("mlp", "linear", project=folder)
    assert (found.a["run"], found.b["run"]) == (mlp.id, linear.id)
    assert (found.a["seeds"], found.b["seeds"]) == (3, 2)
    assert found.difference == pytest.approx(mlp.score.value - linear.score.value)
    assert found.low <= found.difference <= found.high
    assert found.seeds_sd is not None
    one = dd.compare(f"{mlp.folder}/seeds/1", linear)
    assert one.a["seeds"] == 1
    assert dd.compare("mlp", "majority", project=folder).b["model"] == "majority class"
    with pytest.raises(UnknownNameError, match="did you mean 'linear'"):
        dd.compare("mlp", "liner", project=folder)
    assert dd.reproduce(linear).same_weights


@pytest.mark.slow
def test_the_page_of_several_seeds_shows_each_of_them(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    run = dd.train(folder, set=EPOCHS, seeds=2, baselines=False, explain=True)
    page = (run.folder / "report.html").read_text("utf-8")
    shown = run.run.score["seeds"]["shown"].rpartition("/")[2]
    assert "The score is the mean of 2 seeds; over them it has a standard deviation of" in page
    assert f"those of seed {shown}, the best on validation rows" in page
    assert page.count("area held") == 2
    assert page.count('class="spread network"') == 1
    assert (run.folder / "seeds" / shown / "explanations" / "index.json").is_file()
    assert "区间针对这些训练好的网络" in api.report(run.folder, language="zh").read_text("utf-8")
    folds = dd.train(folder, set=EPOCHS, folds=2, baselines=False)
    page = (folds.folder / "report.html").read_text("utf-8")
    assert "by the one of 2 models that had not seen it" in page
    assert page.count(f"dojo train --resume {folds.id} --refit") == 2
    assert "200 rows, each held out once" in page
    dd.explain(dd.train(resume=folds.folder, refit=True))
    assert f"dojo report {folds.id}/refit" in api.report(folds.folder).read_text("utf-8")
    assert "occlusion" in api.report(f"{folds.folder}/refit").read_text("utf-8").lower()
