"""Bad input as a stranger gives it, through the real commands: one sentence, exit code 2, nothing lost."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from deepdojo.cli import main

from .conftest import Dojo

HEAD = "id,alpha,beta,label"


def rows(n: int = 120) -> list[str]:
    draw = random.Random(0)
    made = []
    for i in range(n):
        a, b = draw.gauss(0, 1), draw.gauss(0, 1)
        made.append(f"r{i},{a:.4f},{b:.4f},{'yes' if a + b > 0 else 'no'}")
    return made


def table(path: Path, lines: list[str], head: str = HEAD) -> None:
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a project `p`, trained for one epoch."""
    folder = tmp_path_factory.mktemp("bad")
    table(folder / "t.csv", rows())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["new", "p", "--from", "t.csv", "--target", "label"]) == 0
        quick = ["--set", "train.epochs=1", "--no-baselines", "--no-explain"]
        assert main(["train", "p", *quick]) == 0
    return folder


@pytest.fixture
def there(trained: Path, dojo: Dojo, monkeypatch: pytest.MonkeyPatch) -> Dojo:
    monkeypatch.chdir(trained)
    return dojo


def predictions(folder: Path) -> list[dict]:
    """The run's own held-out predictions as rows, to be spoilt."""
    from deepdojo.runs import Run

    (run,) = [f for f in (folder / "p/runs").iterdir() if (f / "score.json").is_file()]
    return Run(run).predictions().rows()


def write(path: Path, found: list[dict], columns: tuple[str, ...] = ("id", "label", "probabilities")) -> None:
    path.write_text("\n".join(json.dumps({c: row[c] for c in columns}) for row in found) + "\n", encoding="utf-8")


SPOILT = {
    "the label 'yess' is not among the known ones; did you mean 'yes'?": {"label": "yess"},
    "the label 'maybe' is not among the known ones": {"label": "maybe"},
    "the probabilities sum to 1.4, not to 1 ± 0.001": {"probabilities": {"yes": 0.5, "no": 0.9}},
    "the probability of 'no' is -0.5, not a number from 0 to 1": {"probabilities": {"yes": 1.5, "no": -0.5}},
    "1 id is not asked for ('r999')": {"id": "r999"},
}


@pytest.mark.parametrize("sentence", SPOILT)
def test_wrong_tables_are_refused_also_where_the_metric_does_not_look(
    there: Dojo, trained: Path, sentence: str
) -> None:
    found = predictions(trained)
    spoilt = [{**found[0], **SPOILT[sentence]}, *found[1:]]
    if "r999" in sentence:
        spoilt.append(found[0])
    write(trained / "bad.jsonl", spoilt)
    said = there("score", "p", "bad.jsonl")
    assert (said.code, said.out) == (2, "")
    assert sentence in said.err


def test_a_zip_and_a_table_without_what_the_metric_needs_not_are_scored(there: Dojo, trained: Path) -> None:
    """The help of `dojo score` offers the zip; accuracy does not ask for probabilities."""
    import zipfile

    write(trained / "predictions.jsonl", predictions(trained), ("id", "label"))
    with zipfile.ZipFile(trained / "out.zip", "w") as archive:
        archive.write(trained / "predictions.jsonl", "predictions.jsonl")
    assert there("score", "p", "out.zip").code == there("score", "p", "predictions.jsonl").code == 0
    said = there("score", "p", "p")
    assert (said.code, said.err) == (2, "error: p: is a folder; give a table of predictions\n")


def test_new_rows_without_any_column_of_the_model_are_refused(there: Dojo, trained: Path) -> None:
    """Each of them got the same guess, without a word."""
    table(trained / "new.csv", ["1,2"], "Alpha,gamma")
    said = there("predict", "last", "new.csv")
    assert said.code == 2
    assert "new.csv: no column is named 'alpha'; did you mean 'Alpha'?" in said.err


def test_new_rows_that_lack_a_column_are_predicted_and_it_is_said(there: Dojo, trained: Path) -> None:
    table(trained / "new.csv", ["1,2"], "alpha,Beta")
    said = there("predict", "last", "new.csv")
    assert said.code == 0
    assert "lacks 1 of the 2 columns that the model learned from (beta): read as missing" in " ".join(said.err.split())


def test_every_new_row_that_is_left_out_is_listed(there: Dojo, trained: Path) -> None:
    table(trained / "new.csv", ["1,2", *["1"] * 5], "alpha,beta")
    said = there("predict", "last", "new.csv", "-o", "out.csv")
    assert said.code == 0
    listed = (trained / "out.rejected.csv").read_text(encoding="utf-8").splitlines()
    assert listed[0] == "file,line,id,reason"
    assert [line.split(",")[1] for line in listed[1:]] == ["3", "4", "5", "6", "7"]
    assert "out.rejected.csv" in said.err


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["predict", "last", "t.csv", "-o", "x.xlsx"], "x.xlsx: this is no kind of table; let it end in .csv,"),
        (["predict", "last", "tt.csv"], "tt.csv: there is no such file or folder; did you mean 't.csv'?"),
        (["new", "q", "--from", "t.csv", "--target", "label", "--metric", "acuracy"], "did you mean 'accuracy'?"),
        (["new", "q", "--from", "t.csv", "--target", "label", "--metric", "rmse"], "take one of: accuracy,"),
        (["train", "p", "--set", "train.batch_size=0"], "train.batch_size: input should be greater than 0, got 0"),
        (["train", "p", "--set", "split.fold=9"], "split.fold is 9, but split.folds is not given; give both"),
    ],
)
def test_faults_are_named(there: Dojo, trained: Path, args: list[str], sentence: str) -> None:
    said = there(*args)
    assert said.code == 2
    assert sentence in " ".join(said.err.split())
    assert not (trained / "q").exists()


def test_the_user_s_own_projects_are_offered(dojo: Dojo, tmp_path: Path) -> None:
    (tmp_path / "reviews").mkdir()
    (tmp_path / "reviews/project.toml").write_text("")
    assert "did you mean 'reviews'?" in dojo("check", "reviws").err


def test_a_metric_that_does_not_exist_is_said_by_check(dojo: Dojo, tmp_path: Path) -> None:
    table(tmp_path / "t.csv", rows())
    assert dojo("new", "p", "--from", "t.csv", "--target", "label").code == 0
    file = tmp_path / "p/project.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('"accuracy"', '"acuracy"'), encoding="utf-8")
    for command in ("check", "train"):
        said = dojo(command, "p")
        assert said.code == 2
        assert "no metric is named 'acuracy'; did you mean 'accuracy'?" in said.err


def test_the_next_step_can_be_copied(dojo: Dojo, tmp_path: Path) -> None:
    table(tmp_path / "t.csv", rows())
    assert "dojo check 'my 项目'" in dojo("new", "my 项目", "--from", "t.csv", "--target", "label").out


def test_a_recipe_that_does_not_fit_leaves_no_run_behind(there: Dojo, trained: Path) -> None:
    before = sorted((trained / "p/runs").iterdir())
    said = there("train", "p", "--set", "model.name=cnn")
    assert said.code == 2
    assert "cnn does not fit tabular-classification" in said.err
    assert sorted((trained / "p/runs").iterdir()) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("p", "--seeds", "0"), "--seeds: 0 seeds cannot be trained; give 1 to 1,000"),
        (("p", "--seeds", "two"), 'unable to convert "two" into int'),
        (("p", "--folds", "1"), "--folds: 1 folds are no cross-validation; give 2 or more"),
        (("p", "--folds", "0"), "--folds: 0 folds are no cross-validation"),
        (("p", "--folds"), "--folds: the project has no folds of its own; say how many: --folds 5"),
        (("p", "--folds", "121"), "120 different rows cannot make 121 folds"),
        (("p", "--refit"), "--refit: there are no folds to choose the epochs by; give --folds too"),
        (("--resume", "last", "--seeds", "3"), "--seeds: --seeds does not go with --resume"),
        (("--resume", "last", "--folds", "3"), "--folds: --folds does not go with --resume"),
        (("--resume", "last", "--refit"), "the run has no folds to choose the epochs by"),
    ],
)
def test_several_trainings_that_cannot_be(there: Dojo, trained: Path, options: tuple[str, ...], said: str) -> None:
    before = sorted((trained / "p/runs").iterdir())
    found = there("train", *options, "--json")
    assert found.code == 2
    assert said in found.err
    assert json.loads(found.out).keys() == {"error", "where", "todo"}
    assert sorted((trained / "p/runs").iterdir()) == before


def test_folds_from_training_to_predicting(there: Dojo) -> None:
    quick = ["--set", "train.epochs=2", "--no-explain", "--no-baselines", "--json"]
    said = there("train", "p", "--folds", "2", "--seeds", "2", *quick)
    assert said.code == 0
    summary = json.loads(said.out)
    assert (summary["n"], summary["seeds"], summary["folds"], summary["refit"]) == (120, 2, 2, None)
    run = Path(summary["run"]).name
    refused = there("predict", run, "t.csv")
    assert refused.code == 2
    assert f"train that one with dojo train --resume {run} --refit" in refused.err
    assert there("train", "--resume", run, "--refit").code == 0
    assert len(json.loads(there("predict", run, "t.csv", "--json").out)) == 120
    board = json.loads(there("board", "p", "--json").out)
    assert [(row["seeds"], row["folds"], row["n"]) for row in board if row["rank"] == 1] == [(2, 2, 120)]
    assert "±" in there("board", "p").out
    assert there("show", run).code == 0
    assert there("reproduce", f"{run}/seeds/1/folds/0").code == 0
    assert f"{run} has no part 'seeds/7'" in there("report", f"{run}/seeds/7").err


def test_several_files_for_predict_are_refused_with_the_folder_as_the_way_out(there: Dojo) -> None:
    refused = there("predict", "last", "a.png", "b.png", "c.png")
    assert refused.code == 2
    assert "3 files are given, and one file or one folder is read" in refused.err
    assert "put them into one folder" in refused.err
