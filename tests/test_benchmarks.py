"""The scripts of `benchmarks/`: the bare loops train the networks that ours trains, and contenders take turns."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

from deepdojo.models import create_model
from deepdojo.models.flops import count_flops, parameters
from deepdojo.recipes import Recipe, parse_overrides
from deepdojo.session.defaults import resolve

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
CATALOGUE = Path(__file__).parents[1] / "src" / "deepdojo" / "catalogue"
WORDS = torch.randint(2, 50, (4, 9))
LENGTHS = torch.full((4,), 9)
IMAGES, TOKENS, NUMBERS = torch.randn(2, 1, 28, 28), torch.randint(65, (2, 128)), torch.randn(4, 23)
READ = (WORDS, torch.ones_like(WORDS, dtype=torch.bool))
TEXT = ("text-classification", {"vocab_size": 50, "num_outputs": 2}, (50,), READ, (WORDS, LENGTHS))
# Workload -> task, what ours builds its model for, what bare gives to its network, inputs of ours, inputs of bare.
CASES = {
    "fashion_cnn": (
        "image-classification", {"in_channels": 1, "height": 28, "width": 28, "num_outputs": 10}, (),
        (IMAGES,), (IMAGES,),
    ),
    "text_cnn": TEXT,
    "bilstm": TEXT,
    "credit_mlp": (
        "tabular-classification", {"in_features": 23, "category_sizes": [], "num_outputs": 2}, (),
        (NUMBERS, torch.zeros(4, 0, dtype=torch.int64)), (NUMBERS,),
    ),
    "decoder": ("language-modelling", {"vocab_size": 65, "context": 128}, (65,), (TOKENS,), (TOKENS,)),
}  # fmt: skip
ROWS = {"fashion_cnn": 57_000, "text_cnn": 8_635, "bilstm": 8_635, "credit_mlp": 20_995, "decoder": 900}


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in ("bare", "ours", "gate", "training", "peers")]:
        del sys.modules[name]


def recipe_of(workload: str, task: str) -> Recipe:
    project, name, *changes = import_module("ours").WORKLOADS[workload]
    found = CATALOGUE / "projects" / project / "recipes" / f"{name}.toml"
    path = found if found.is_file() else CATALOGUE / "recipes" / task / f"{name}.toml"
    recipe = Recipe.read(path).overridden(parse_overrides(changes))
    return resolve(recipe, task, rows=ROWS[workload])[0]


@pytest.mark.parametrize("workload", CASES)
def test_bare_trains_the_network_that_ours_trains(workload):
    task, dims, given, our_input, bare_input = CASES[workload]
    recipe, module = recipe_of(workload, task), import_module(f"bare.{workload}")
    ours, bare = create_model(recipe.model.name, dims, **recipe.model.arguments).eval(), module.Net(*given).eval()
    assert parameters(ours) == parameters(bare)
    with torch.no_grad():
        assert ours(*our_input).shape == bare(*bare_input).shape
    if workload != "bilstm":  # packed sequences run step by step, in another kernel
        assert count_flops(lambda: ours(*our_input)) == count_flops(lambda: bare(*bare_input))
    theirs = vars(module.SETTINGS)
    assert {name: getattr(recipe.train, name) for name in theirs} == theirs
    assert recipe.train.final_lr == 0


def test_the_gate_gives_turns_and_does_not_count_what_is_outside(monkeypatch):
    gate = import_module("gate")
    now = [0.0]
    monkeypatch.setattr(gate, "clocks", lambda: (now[0], 2 * now[0]))
    replies = io.StringIO()
    turns = gate.Gate(io.StringIO("2\n3\n"), replies)
    turns.began = (0.0, 0.0)
    for _ in range(6):
        now[0] += 1
        with turns.outside():
            now[0] += 10
        if turns.steps == 3 and turns.left == 1:
            break
        turns.step()
    lines = [json.loads(line) for line in replies.getvalue().splitlines()]
    assert lines == [{"steps": 1, "wall": 1.0, "cpu": 2.0}, {"steps": 2, "wall": 2.0, "cpu": 4.0}]


@pytest.mark.slow
@pytest.mark.parametrize("contender", ["bare", "ours"])
def test_a_contender_takes_its_turns(contender, tmp_path):
    mirror = os.environ.get("DEEPDOJO_DATA")
    if not mirror or not (Path(mirror) / "sentence_classification").is_dir():
        pytest.skip("DEEPDOJO_DATA names no folder that holds the movie reviews")
    command = [sys.executable, str(BENCHMARKS / "worker.py"), contender, "text_cnn", "--data", mirror]
    command += ["--steps", "10", "--runs", str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["steps"] == 1
        process.stdin.write("4\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["steps"] == 4
        process.stdin.close()
        assert process.wait(60) == 0


def test_attention_keeps_no_table_of_all_pairs():
    """The memory rows of benchmarks/models.py: twice the length makes the largest tensor twice as large, not four
    times; the plain form, for comparison, does keep such a table."""
    from benchmarks.model_pairs.memory import memory_rows

    rows = {row["name"]: row["said"] for row in memory_rows()}
    assert len(rows) == 6
    for name, said in rows.items():
        assert said.startswith("x 4.0" if "plain" in name else "x 2.0"), (name, said)


@pytest.mark.slow
@pytest.mark.parametrize("group", ["layers", "recurrence", "crf", "models", "generation"])
def test_every_pair_of_the_model_benchmark_runs(group):
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "models.py", "--groups", group, "--segments", "1", "--seconds", "0", "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(rows) >= 6
    assert all(row["ours_ms"] > 0 for row in rows)


def test_the_catalogue_is_measured_seed_by_seed_and_what_is_there_is_a_row(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    catalogue = import_module("catalogue")
    monkeypatch.setattr(catalogue, "RESULTS", tmp_path)
    jobs = list(catalogue.jobs(["digits", "trec:text_cnn"], [0, 1], fast=False))
    assert [job.key for job in jobs] == [
        (name, recipe, seed) for seed in (0, 1) for name, recipe in (("digits", "default"), ("trec", "text_cnn"))
    ]
    assert "--folds" in next(catalogue.jobs(["movie-reviews"], [0], fast=False)).command()
    assert [job.seed for job in catalogue.jobs(["digits"], [0, 1], fast=True)] == [0]
    line = {
        "project": "digits", "recipe": "default", "seed": 0, "metric": "accuracy", "higher_is_better": True,
        "score": 0.98, "low": 0.96, "high": 0.99, "n": 449, "parameters": 7, "cpu_seconds": 9.0, "peak_bytes": 3e8,
        "date": "2026-11-28", "hardware": "2 CPU cores",
        "baselines": [
            {"name": "majority", "title": "majority class", "score": 0.1, "low": 0.0, "high": 0.2, "better": "network"},
            {"name": "pixels", "title": "logistic", "score": 0.955, "low": 0.93, "high": 0.97, "better": "tie"},
        ],
    }  # fmt: skip
    (tmp_path / "catalogue.jsonl").write_text(
        "".join(json.dumps({**line, "seed": seed, "score": 0.98 + seed / 100}) + "\n" for seed in (0, 1))
    )
    row = catalogue.table(catalogue.measured(tmp_path / "catalogue.jsonl")).splitlines()[-1]
    assert "98.5 % ± 0.71" in row.replace("\u00a0", " ")
    assert "| logistic 95.5" in row
    assert "| 0, 2, 0 |" in row
