"""`dojo export` and `dojo predict FOLDER`: the cells of the run, without it; and what is refused, in one sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.baselines.floor_rows import hidden, made_rows
from tests.cli.conftest import Dojo, dojo
from tests.interop.exporting import exported, same_cells

import deepdojo as dd
from deepdojo.cli import main
from deepdojo.errors import RunError, UnknownNameError, UsageError
from deepdojo.interop import onnx_runtime
from deepdojo.models import create_model
from deepdojo.runs import write_toml
from deepdojo.tasks import load_task

__all__ = ["dojo"]

pytestmark = pytest.mark.usefixtures("production")  # exporters call layers with sizes that are no numbers yet

NAME = "tabular-classification"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A linear model of a table, exported: the quickest there is."""
    rows = made_rows(NAME, 24)
    task = load_task(NAME).fit(rows)
    torch.manual_seed(0)
    network = create_model("linear", task.dims()).eval()
    found = exported(task, "linear", network, hidden(rows, NAME), tmp_path_factory.mktemp("made") / "export")
    same_cells(found, task, network, hidden(made_rows(NAME, 9, seed=1), NAME))
    return found.folder


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "export"))


def test_the_folder_holds_what_the_manifest_says_and_nothing_of_this_machine(folder: Path) -> None:
    info = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    assert {path.name for path in folder.iterdir()} == {*info["files"], "export.json"}
    assert set(info["files"]) == {"model.onnx", "task.json", "config.json", "project.toml", "README.md"}
    assert info["graphs"][0]["difference"] < 1e-5
    for path in folder.iterdir():
        assert str(folder.parent).encode() not in path.read_bytes()
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "accuracy 0.75, 95 % interval [0.7, 0.8], on 40 held-out rows" in card
    assert "| in | numbers | float32 | (batch, 2) |" in card


def test_an_export_predicts_from_a_file_and_from_python_alone(folder: Path, dojo: Dojo, tmp_path: Path) -> None:
    rows = made_rows(NAME, 7, seed=2)
    lines = ["x,noise,city", *(",".join(row["features"].values()) for row in rows)]
    (tmp_path / "new.csv").write_text("\n".join(lines), encoding="utf-8")
    said = dojo("predict", str(folder), "new.csv", "-o", "out.csv")
    assert (said.code, said.out) == (0, "7 rows predicted · out.csv\n")
    answers = json.loads(dojo("predict", str(folder), "new.csv", "--json").out)
    found = dd.load(folder).predict([row["features"] for row in rows])
    assert [row["label"] for row in answers] == [row["label"] for row in found]
    assert "accuracy 0.75" in repr(dd.load(str(folder)))


def test_a_changed_or_missing_file_is_named(copied: Path, dojo: Dojo) -> None:
    (copied / "task.json").write_text("{}", encoding="utf-8")
    said = dojo("predict", str(copied), "new.csv")
    assert (said.code, "task.json: is not what was exported" in said.err) == (2, True)
    (copied / "model.onnx").unlink()
    with pytest.raises(RunError, match=r"model\.onnx: is missing; export the run again"):
        dd.load(copied)
    (copied / "export.json").write_text("{", encoding="utf-8")
    with pytest.raises(RunError, match=r"export\.json cannot be read"):
        dd.load(copied)
    (copied / "export.json").write_text('{"format": 1}', encoding="utf-8")
    with pytest.raises(RunError, match="damaged"):
        dd.load(copied)


def test_an_export_of_a_later_format_is_refused(copied: Path) -> None:
    info = json.loads((copied / "export.json").read_text(encoding="utf-8"))
    (copied / "export.json").write_text(json.dumps({**info, "format": 99}), encoding="utf-8")
    with pytest.raises(RunError, match="an export of format 99, and this version reads 1"):
        dd.load(copied)


@pytest.mark.parametrize("verb", ["report", "explain", "reproduce", "export"])
def test_what_needs_a_whole_run_says_so(folder: Path, dojo: Dojo, verb: str) -> None:
    said = dojo(verb, str(folder))
    assert (said.code, "is an exported model, which predicts and no more; give the run itself" in said.err) == (2, True)


def test_a_classifier_does_not_write(folder: Path, dojo: Dojo) -> None:
    said = dojo("predict", str(folder), "--prompt", "ROMEO:")
    assert (said.code, "does not write texts" in said.err) == (2, True)


def test_a_missing_extra_is_named(folder: Path, dojo: Dojo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_runtime, "find_spec", lambda name: None)
    with pytest.raises(
        UsageError, match=r'ONNX needs onnxruntime, which is not installed; pip install "deepdojo\[onnx\]"'
    ):
        dd.load(folder).predict([{"x": "1", "noise": "2", "city": "X"}])
    with pytest.raises(UsageError, match="onnx and onnxscript and onnxruntime, which are not installed"):
        onnx_runtime.require_extra("onnx", "onnxscript", "onnxruntime")


def test_what_is_no_run_or_no_format_is_refused(dojo: Dojo, tmp_path: Path) -> None:
    said = dojo("export", "no-such-run")
    assert (said.code, "no run is named 'no-such-run'" in said.err) == (2, True)
    with pytest.raises(UnknownNameError, match="no format is named 'onx'; did you mean 'onnx'"):
        dd.export("last", to="onx")
    for kind in ("baseline", "tracked"):
        run = tmp_path / f"2026-11-28-0000-{kind}"
        run.mkdir()
        told = {"id": run.name, "task": NAME, "metric": "accuracy", "project": "x", "name": "x", "kind": kind}
        write_toml(run / "run.toml", told)
        (run / "score.json").write_text("{}", encoding="utf-8")
        with pytest.raises(RunError, match=r"holds no (network|model)"):
            dd.export(run)


def test_a_folder_that_holds_something_else_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years", encoding="utf-8")
    rows = made_rows(NAME, 12)
    task = load_task(NAME).fit(rows)
    with pytest.raises(UsageError, match="there is something else here"):
        exported(task, "linear", create_model("linear", task.dims()), hidden(rows, NAME), tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


@pytest.mark.slow
def test_the_cells_of_a_run_without_the_run(dojo: Dojo, tmp_path: Path) -> None:
    """A table of texts from a stranger: trained, exported, the run deleted, predicted."""
    rows = made_rows("text-classification", 160)
    lines = ["text,label", *(f"{row['text']},{row['label']}" for row in rows)]
    (tmp_path / "reviews.csv").write_text("\n".join(lines), encoding="utf-8")
    fresh = [row["text"] for row in made_rows("text-classification", 30, seed=3)]
    (tmp_path / "new.csv").write_text("\n".join(["text", *fresh, "", "fine", "??"]), encoding="utf-8")
    assert main(["new", "reviews", "--from", "reviews.csv", "--target", "label"]) == 0
    assert main(["train", "reviews", "-r", "rnn", "--set", "train.epochs=2", "--no-explain", "--no-baselines"]) == 0
    assert dojo("predict", "last", "new.csv", "-o", "run.csv").code == 0
    said = dojo("export", "last", "--to", "onnx", "-o", "shipped")
    assert said.code == 0, said.err
    assert said.out.startswith("reviews · rnn · ONNX, opset 18 · as torch to ")
    assert "dojo predict shipped new.csv" in said.out
    assert dojo("export", "last", "-o", "shipped").code == 0  # an older export is replaced
    shutil.rmtree(tmp_path / "reviews")
    (tmp_path / "reviews.csv").unlink()
    assert dojo("predict", "shipped", "new.csv", "-o", "shipped.csv").code == 0
    ours, theirs = (dd_rows(tmp_path / name) for name in ("run.csv", "shipped.csv"))
    assert [row[:2] for row in ours] == [row[:2] for row in theirs]
    for a, b in zip(ours, theirs, strict=True):
        assert list(json.loads(a[2])) == list(json.loads(b[2]))
        assert np.allclose(list(json.loads(a[2]).values()), list(json.loads(b[2]).values()), atol=1e-4)


def dd_rows(path: Path) -> list[list[str]]:
    import csv

    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


@pytest.mark.slow
def test_an_exported_language_model_measures_and_writes_as_its_run(dojo: Dojo, tmp_path: Path) -> None:
    text = "".join(f"The quick fox {n} jumps over the lazy dog.\n" for n in range(60))
    (tmp_path / "fox.txt").write_text(text, encoding="utf-8")
    (tmp_path / "new.txt").write_text(text[:300], encoding="utf-8")
    assert main(["new", "fox", "--from", "fox.txt", "--task", "language-modelling"]) == 0
    sizes = ["model.width=16", "model.num_layers=1", "task.context=16", "train.steps=30", "train.batch_size=4"]
    assert main(["train", "fox", "--no-baselines", *(part for size in sizes for part in ("--set", size))]) == 0
    assert dojo("export", "last", "-o", "shipped").code == 0
    ours, theirs = (json.loads(dojo("predict", run, "new.txt", "--json").out) for run in ("last", "shipped"))
    assert theirs[0]["nll_nats"] == pytest.approx(ours[0]["nll_nats"], rel=1e-4)
    prompt = ("--prompt", "The ", "--count", "12", "--temperature", "0")
    assert dojo("predict", "shipped", *prompt).out == dojo("predict", "last", *prompt).out
