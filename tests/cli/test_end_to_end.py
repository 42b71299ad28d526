"""The commands as a user types them, in real processes, in a folder with blanks and Chinese characters in its name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

DOJO = [sys.executable, "-m", "deepdojo.cli"]
QUICK = ["--set", "train.epochs=2", "--no-explain", "--offline"]


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Place:
    """A folder in which `dojo` is called."""

    folder: Path

    def __call__(self, *args: str) -> Done:
        environ = {k: v for k, v in os.environ.items() if k not in ("DEEPDOJO_RUNS", "FORCE_COLOR", "COLUMNS")}
        done = subprocess.run([*DOJO, *args], capture_output=True, cwd=self.folder, timeout=300, check=False,
                              env={**environ, "PYTHONIOENCODING": "utf-8"})  # fmt: skip
        return Done(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))

    def json(self, *args: str) -> object:
        done = self(*args, "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A folder with one quick run of digits and its floor."""
    folder = tmp_path_factory.mktemp("my dojo \u9053\u573a")
    here = Place(folder)
    done = here("train", "digits", *QUICK)
    assert done.code == 0, done.err
    assert done.out.startswith("digits · ")
    assert "% right [" in done.out
    assert "Next: dojo " in done.out
    return here


def test_train_prints_the_summary_as_json(place: Place) -> None:
    found = place.json("train", "digits", *QUICK, "--seed", "1", "--set", "train.lr=1e-4", "--no-baselines")
    assert isinstance(found, dict)
    keys = {"run", "project", "task", "model", "recipe", "metric", "score", "low", "high", "n", "seconds",
            "train_seconds", "rejected", "seed", "baselines"}  # fmt: skip
    assert keys <= set(found)
    assert found["seed"] == 1
    assert 0 <= found["low"] <= found["score"] <= found["high"] <= 1
    assert Path(str(found["run"])).is_dir()


def test_board_compare_and_home(place: Place) -> None:
    board = place.json("board", "digits")
    assert isinstance(board, list)
    assert {"run", "baseline"} <= {row["kind"] for row in board}
    ranks = [row["rank"] for row in board if row["rank"] is not None]
    assert ranks == sorted(ranks)
    assert ranks[0] == 1
    text = place("board", "digits", "--html", "board.html").out
    assert all(len(line) <= 80 for line in text.splitlines()[1:])
    assert (place.folder / "board.html").stat().st_size > 1000
    runs = [row["id"] for row in board if row["kind"] == "run"]
    if len(runs) > 1:
        found = place.json("compare", *runs[:2])
        assert isinstance(found, dict)
        assert {"difference", "low", "high", "p", "n", "better"} <= set(found)
    assert "Highest of digits" in place().out


def test_report_show_and_predict(place: Place) -> None:
    found = place.json("report", "last")
    assert isinstance(found, dict)
    assert Path(str(found["report"])).is_file() or (place.folder / str(found["report"])).is_file()
    assert place("show", "last").out.startswith("20")
    assert place("show", "digits").code == 0


def test_a_table_of_predictions_is_scored(place: Place) -> None:
    run = next((place.folder / "runs" / "digits").glob("2*-*/predictions.parquet"))
    found = place.json("score", "digits", str(run))
    assert isinstance(found, dict)
    recorded = json.loads((run.parent / "score.json").read_text(encoding="utf-8"))
    assert found["score"] == pytest.approx(recorded["value"])
    assert found["n"] == recorded["n"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["train", "digitz"], "did you mean 'digits'?"),
        (["train", "digits", "-r", "cn"], "did you mean 'cnn'?"),
        (["train", "digits", "--set", "train.lrr=1"], "did you mean 'lr'?"),
        (["train", "digits", "--set", "model.name=cnnn"], "did you mean 'cnn'?"),
        (["check", "no-such-project"], "no-such-project"),
        (["report", "no-such-run"], "no-such-run"),
        (["score", "digits", "missing.csv"], "missing.csv"),
        (["new", "x", "--from", "missing.csv"], "missing.csv"),
    ],
)
def test_bad_input_is_one_sentence(place: Place, args: list[str], words: str) -> None:
    done = place(*args)
    assert done.code == 2, done.err
    assert words in done.err
    assert "Traceback" not in done.err
    assert done.err.strip().splitlines()[-1].startswith("error: ")
    wrong = place(*args, "--json")
    assert set(json.loads(wrong.out)) == {"error", "where", "todo"}


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a child")
def test_ctrl_c_saves_and_the_run_goes_on(tmp_path: Path) -> None:
    command = [*DOJO, "train", "digits", "--set", "train.epochs=400", "--no-explain", "--no-baselines"]
    environ = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=environ)
    end = time.monotonic() + 120
    while time.monotonic() < end and child.poll() is None:
        if any(f.stat().st_size > 500 for f in tmp_path.glob("runs/digits/*.partial/metrics.jsonl")):
            break
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130, said.decode("utf-8")
    last = said.decode("utf-8").strip().splitlines()[-1]
    assert "dojo train --resume " in last
    assert "Traceback" not in said.decode("utf-8")
    left = next(tmp_path.glob("runs/digits/*.partial"))
    assert last.endswith(left.name.removesuffix(".partial"))
    assert (left / "run.toml").is_file()
