"""`dojo`, `dojo list`, `dojo show`, `dojo doctor`, `dojo schema`: looking around is instant and never fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deepdojo.cli import catalogue
from deepdojo.contracts import CONTRACTS
from deepdojo.layers import LAYERS
from deepdojo.models import MODELS, model_fields
from deepdojo.scoring.metrics import METRICS
from deepdojo.stand_ins import STAND_INS

from .conftest import Dojo

KINDS = ("projects", "models", "tasks", "metrics", "layers", "recipes", "lessons")
HEAVY = ("torch", "sklearn", "duckdb", "scipy", "PIL")


@pytest.mark.parametrize("kind", KINDS)
def test_lists_are_whole_in_text_and_json(dojo: Dojo, kind: str) -> None:
    text, data = dojo("list", kind), dojo("list", kind, "--json")
    assert (text.code, data.code) == (0, 0)
    assert max(map(len, text.out.splitlines())) <= 80
    entries = json.loads(data.out)
    assert entries
    for entry in entries:
        assert any(line.startswith(entry["name"]) for line in text.out.splitlines())
    assert dojo("list", kind.removesuffix("s")).out == text.out


def test_list_projects_has_the_keys_of_the_convention(dojo: Dojo) -> None:
    entries = json.loads(dojo("list", "--json").out)
    assert all({"name", "task", "rows", "metric", "licence", "data"} <= set(entry) for entry in entries)
    assert {entry["task"] for entry in entries} <= set(CONTRACTS)
    assert "digits" in [entry["name"] for entry in entries]


def test_projects_in_this_folder_come_first(dojo: Dojo, tmp_path: Path) -> None:
    (tmp_path / "reviews").mkdir()
    (tmp_path / "reviews" / "project.toml").write_text('task = "text-classification"\nsource = {path = "a.csv"}\n')
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "project.toml").write_text("= no toml")
    entries = {e["name"]: e for e in json.loads(dojo("list", "--json").out)}
    assert list(entries)[:2] == ["broken", "reviews"]
    assert (entries["reviews"]["data"], entries["reviews"]["metric"]) == ("yours", "accuracy")
    assert "is no valid TOML" in entries["broken"]["title"]


def test_data_column_says_whether_the_data_are_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DEEPDOJO_DATA", raising=False)
    where = catalogue._where_data
    assert where({"source": {"dependency": "sklearn/datasets/data"}}) == "bundled"
    assert where({"source": {"path": "../a.csv"}}) == "yours"
    assert where({"source": {"mirror": "mr"}}) == "not here"
    assert where({"source": {"mirror": "mr", "files": {"a": {"url": "https://x.org/a"}}}}) == "download"
    (tmp_path / "mr").mkdir()
    monkeypatch.setenv("DEEPDOJO_DATA", str(tmp_path))
    assert where({"source": {"mirror": "mr"}}) == "mirror"


@pytest.mark.parametrize("name", [*CONTRACTS, *METRICS, "digits", "cnn", "Conv2d", "text_cnn"])
def test_show_knows_what_list_lists(dojo: Dojo, name: str) -> None:
    text, data = dojo("show", name), dojo("show", name, "--json")
    assert (text.code, data.code) == (0, 0), text.err
    assert json.loads(data.out)["name"] == name
    assert text.out.startswith(f"{name} · ")
    assert "Next: dojo " in text.out


def test_show_chooses_by_kind(dojo: Dojo) -> None:
    assert json.loads(dojo("show", "cnn", "--json").out)["also"] == ["recipe"]
    assert json.loads(dojo("show", "cnn", "--kind", "recipe", "--json").out)["model"]["name"] == "cnn"


def make_run(folder: Path, value: float | None = 0.99) -> None:
    folder.mkdir(parents=True)
    name = folder.name.removesuffix(".partial")
    head = f'id = "{name}"\nproject = "digits"\nproject_path = ""\ntask = "image-classification"\nseed = 0\n'
    rest = 'metric = "accuracy"\nrecipe = "cnn"\nmodel = { name = "cnn" }\noptions = {}\ntrain = {}\n'
    (folder / "run.toml").write_text(head + rest)
    if value is not None:
        score = {"metric": "accuracy", "value": value, "low": value - 0.01, "high": value, "n": 477, "baselines": []}
        (folder / "score.json").write_text(json.dumps({**score, "higher_is_better": True}))


def test_home_in_an_empty_folder(dojo: Dojo) -> None:
    said = dojo()
    assert said.code == 0
    assert "Next: dojo train digits" in said.out


def test_home_in_a_project(dojo: Dojo, tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text('name = "reviews"\ntask = "text-classification"\n')
    assert "reviews · text-classification · 0 runs" in dojo().out
    assert "Next: dojo check ." in dojo().out


def test_home_shows_the_best_run_and_what_was_left(dojo: Dojo, tmp_path: Path) -> None:
    runs = tmp_path / "runs" / "digits"
    make_run(runs / "2026-11-24-0640-cnn-aaaa", 0.99)
    make_run(runs / "2026-11-24-0641-mlp-bbbb", 0.95)
    said = dojo()
    assert "2 runs here, the newest of digits" in said.out
    assert "99.0 % right [98.0, 99.0] of 477 · 2026-11-24-0640-cnn-aaaa" in said.out
    assert "Next: dojo report 2026-11-24-0641-mlp-bbbb --open" in said.out
    make_run(runs / "2026-11-24-0642-cnn-cccc.partial", None)
    assert "Next: dojo train --resume 2026-11-24-0642-cnn-cccc" in dojo().out
    assert json.loads(dojo("show", "2026-11-24-0640", "--json").out)["kind"] == "run"


def test_home_survives_broken_files(dojo: Dojo, tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "digits" / "2026-11-24-0640-cnn-aaaa")
    (tmp_path / "runs" / "digits" / "2026-11-24-0640-cnn-aaaa" / "run.toml").write_text("= broken")
    (tmp_path / "project.toml").write_text("= broken")
    assert dojo().code == 0


def test_schema_is_json_schema(dojo: Dojo) -> None:
    for kind in ("project", "recipe"):
        schema = json.loads(dojo("schema", kind).out)
        assert schema["type"] == "object"
        assert schema["properties"]


def test_doctor_gives_a_verdict_on_each_thing(dojo: Dojo) -> None:
    said = dojo("doctor", "--json")
    findings = {f["name"]: f for f in json.loads(said.out)["findings"]}
    assert {"Python", "torch", "device", "threads", "packages", "disk", "runs", "cache", "home", "mirror", "network",
            "terminal"} <= set(findings)  # fmt: skip
    assert {f["verdict"] for f in findings.values()} <= {"ok", "note", "warning", "error"}
    assert all(f["todo"] for f in findings.values() if f["verdict"] in ("warning", "error"))
    assert said.code == int(any(f["verdict"] == "error" for f in findings.values()))


def test_doctor_reads_version_bounds() -> None:
    from deepdojo.doctor import _within

    assert _within("2.13.0+cpu", ">=2.11,<2.14")
    assert not _within("2.14.0", ">=2.11,<2.14")
    assert not _within("2.9", ">=2.11,<2.14")
    assert _within("1.26", ">=1.26.0")
    assert _within("4.0rc1", "")


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        [],
        ["train", "--help"],
        ["list"],
        ["list", "models"],
        ["list", "layers"],
        ["show", "digits"],
        ["show", "rnn"],
    ],
)
def test_looking_around_imports_nothing_heavy(args: list[str], tmp_path: Path) -> None:
    code = f"import sys; from deepdojo.cli import main; main({args!r}); "
    code += f"found = [m for m in {HEAVY!r} if m in sys.modules]; sys.exit(' '.join(found) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr


def test_a_name_with_a_blank_is_quoted_in_the_next_step(dojo: Dojo, tmp_path: Path) -> None:
    (tmp_path / "my data.csv").write_text("a,b\n" + "".join(f"{i},{'xy'[i % 2]}\n" for i in range(40)))
    assert "Next: dojo check 'my project'" in dojo("new", "my project", "--from", "my data.csv", "--target", "b").out
    assert "Next: dojo check 'my project'" in dojo().out
    assert "Next: dojo train 'my project'" in dojo("board", "my project").out


def test_models_come_with_size_source_tasks_and_the_example(dojo: Dojo) -> None:
    entries = {e["name"]: e for e in json.loads(dojo("list", "models", "--json").out)}
    assert set(entries) == set(MODELS)
    for entry in entries.values():
        assert type(entry["parameters"]) is int
        assert type(entry["flops"]) in (int, type(None))
        assert entry["example"]
        assert entry["paper"]
        assert set(entry["tasks"]) <= set(CONTRACTS)
    assert entries["mlp"]["tasks"] == [
        "image-classification", "tabular-classification", "tabular-regression", "audio-classification",
    ]  # fmt: skip
    assert entries["frame_cnn"]["tasks"] == ["speech-recognition", "signal-transcription"]
    assert entries["text_cnn"]["tasks"] == ["text-classification"]
    text = dojo("list", "models").out
    for size in ("2.71M  20.6M", "Kim 2014", "For a text of 64 tokens, 20,000 in the vocabulary, 2 classes:"):
        assert size in text


def test_a_model_without_a_task_says_so(dojo: Dojo, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepdojo.models import table

    monkeypatch.setattr(catalogue, "tasks_of", lambda name: [])
    assert json.loads(dojo("list", "models", "--json").out)[0]["tasks"] == []
    assert dojo("list", "models").out.count("comes with its task") == len(table.MODELS)
    assert "tasks        comes with its task" in dojo("show", "linear").out


def test_a_model_that_is_not_counted_is_listed_all_the_same(dojo: Dojo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepdojo.models.sizes.model_size", lambda name: None)
    said = dojo("list", "models").out
    assert said.startswith("Not counted:")
    assert json.loads(dojo("list", "models", "--json").out)[0]["parameters"] is None
    assert "parameters" not in dojo("show", "linear").out


def test_layers_come_with_file_and_source(dojo: Dojo) -> None:
    entries = {e["name"]: e for e in json.loads(dojo("list", "layers", "--json").out)}
    assert set(entries) == {*LAYERS, *(each.idea for each in STAND_INS)}
    assert entries["layer_norm"]["lesson"] == "f1-layer-norm"
    assert entries["adam"]["role"] == "optimizer"
    assert entries["grad_scaler"]["absent"]
    assert not entries["nms"]["absent"]
    package = Path(catalogue.__file__).parents[2]
    assert all((package / e["file"]).is_file() for e in entries.values())
    assert entries["scaled_dot_product_attention"]["source"].startswith("Vaswani et al. 2017")
    for name in ("BatchNorm1d", "BatchNorm2d", "batch_norm"):
        assert entries[name]["source"] == "Ioffe & Szegedy 2015"
    assert "attention_dot_product.py · Vaswani et al. 2017" in dojo("list", "layers").out


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("args", [("list", "models"), ("list", "layers"), ("show", "text_cnn"), ("show", "decoder")])
def test_pages_fit_the_terminal(
    dojo: Dojo, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert max(map(len, dojo(*args).out.splitlines())) < columns


@pytest.mark.parametrize("name", MODELS)
def test_show_gives_each_argument_with_type_default_and_help(dojo: Dojo, name: str) -> None:
    data = json.loads(dojo("show", name, "--kind", "model", "--json").out)
    fields = model_fields(name)
    assert [(a["name"], a["type"], a["help"]) for a in data["arguments"]] == [(f.name, f.type, f.help) for f in fields]
    assert [a["required"] for a in data["arguments"]] == [f.default is None for f in fields]
    text = " ".join(dojo("show", name, "--kind", "model").out.split())
    for argument in data["arguments"]:
        assert f"{argument['name']}: {argument['type']}" in text
        assert argument["help"] in text


def test_show_gives_defaults_as_values(dojo: Dojo) -> None:
    data = json.loads(dojo("show", "text_cnn", "--json").out)
    defaults = {a["name"]: a["default"] for a in data["arguments"]}
    assert (defaults["filter_widths"], defaults["filters"], defaults["dropout"]) == ([3, 4, 5], 100, 0.5)
    assert defaults["vocab_size"] is None
    assert (data["parameters"], data["tasks"]) == (2_714_502, ["text-classification"])
    text = dojo("show", "text_cnn").out
    assert "filter_widths: tuple[int, ...] = [3, 4, 5]\n      Words that a filter sees" in text
    assert "parameters   2,714,502" in text


@pytest.mark.parametrize(("name", "right"), [("resnt", "resnet"), ("Conv2D", "Conv2d"), ("text-cnn", "text_cnn")])
def test_a_name_with_a_typo_gets_the_nearest(dojo: Dojo, name: str, right: str) -> None:
    said = dojo("show", name)
    assert said.code == 2
    assert f"did you mean '{right}'?" in said.err
