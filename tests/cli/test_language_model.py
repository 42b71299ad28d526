"""A language model from the text file of a stranger to its own text, through the real commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deepdojo.cli import main

from .conftest import Dojo

TEXT = "".join(f"The {word} fox {n} jumps over the lazy dog.\n" for n in range(40) for word in ("quick", "brown"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a project `fox`, trained for a moment."""
    folder = tmp_path_factory.mktemp("fox")
    (folder / "fox.txt").write_text(TEXT, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["new", "fox", "--from", "fox.txt", "--task", "language-modelling"]) == 0
        sizes = ["model.width=16", "model.num_layers=1", "task.context=16", "train.steps=30", "train.batch_size=4"]
        assert main(["train", "fox", *(part for size in sizes for part in ("--set", size))]) == 0
    return folder


@pytest.fixture
def there(trained: Path, dojo: Dojo, monkeypatch: pytest.MonkeyPatch) -> Dojo:
    monkeypatch.chdir(trained)
    return dojo


def test_the_run_has_what_a_report_shows(there: Dojo, trained: Path) -> None:
    run = next((trained / "fox" / "runs").glob("*-default-*"))
    samples = json.loads((run / "samples.json").read_text())
    assert [sample["temperature"] for sample in samples] == [0.5, 0.8, 1.0]
    passage = json.loads((run / "examples.json").read_text())[0]
    text = "".join(piece for piece, _ in passage["pieces"])
    assert text in TEXT
    assert sum(nats for _, nats in passage["pieces"]) / len(text) == pytest.approx(passage["loss"], rel=1e-6)
    score = json.loads((run / "score.json").read_text())
    assert [floor["name"] for floor in score["baselines"]] == ["uniform", "unigram", "five_gram"]
    assert set(score["others"]) == {"nats_per_character", "word_perplexity"}
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "What surprises it" in page
    assert "temperature 0.8" in page
    board = json.loads(there("board", "fox", "--json").out)
    assert {row["kind"] for row in board} == {"run", "baseline"}


def test_it_writes_on_and_the_same_seed_writes_the_same(there: Dojo) -> None:
    first = there("predict", "last", "--prompt", "The ", "--count", "40")
    assert first.code == 0
    assert first.out.startswith("The ")
    assert len(first.out.rstrip("\n")) == len("The ") + 40 or "\n" in first.out
    assert there("predict", "last", "--prompt", "The ", "--count", "40").out == first.out
    other = json.loads(there("predict", "last", "--prompt", "The ", "--count", "40", "--seed", "1", "--json").out)
    assert other["text"] != first.out
    likeliest = there("predict", "last", "--prompt", "", "--count", "9", "--temperature", "0", "--top-k", "1")
    assert (likeliest.code, len(likeliest.out) > 0) == (0, True)


def test_nats_of_new_text(there: Dojo, trained: Path) -> None:
    (trained / "new.txt").write_text(TEXT[:900] + "\u00e9\u4e00", encoding="utf-8")
    rows = json.loads(there("predict", "last", "new.txt", "--json").out)
    assert [set(row) for row in rows] == [{"id", "nll_nats"}]
    (trained / "texts" / "deep").mkdir(parents=True, exist_ok=True)
    for name in ("a.txt", "deep/b.txt"):
        (trained / "texts" / name).write_text(TEXT[:200], encoding="utf-8")
    assert len(json.loads(there("predict", "last", "texts", "--json").out)) == 2
    import deepdojo as dd

    found = dd.load("last").predict([TEXT[:200]])
    assert found[0]["nll_nats"] == pytest.approx(
        json.loads(there("predict", "last", "texts", "--json").out)[0]["nll_nats"]
    )


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["predict", "last"], "give ROWS to predict, or a --prompt"),
        (["predict", "last", "fox.txt", "--prompt", "x"], "give ROWS to predict, or a --prompt"),
        (["predict", "last", "--prompt", "x", "-o", "y.csv"], "-o: it goes with ROWS alone"),
        (["predict", "last", "--prompt", "x", "--count", "0"], "count is 0; it must be at least 1"),
        (["predict", "last", "--prompt", "x", "--temperature", "-1"], "temperature is -1; it must be 0 or more"),
        (["predict", "last", "--prompt", "x", "--top-p", "2"], "top_p is 2; it must lie above 0"),
        (["predict", "last", "empty.txt"], "empty.txt: the file is empty"),
        (["predict", "last", "binary.txt"], "binary.txt: this is no text"),
        (["predict", "last", "none"], "there are no text files in it"),
        (["score", "fox", "fox/runs/table.csv"], "a table from outside proves nothing here"),
        (["explain", "last"], "has no single decisions to explain"),
        (["new", "p", "--from", "short.txt", "--task", "language-modelling"], "the text has 1 characters"),
        (["new", "p", "--from", "none", "--task", "language-modelling"], "there are no text files in it"),
        (["new", "p", "--from", "fox.txt", "--task", "language-modelling", "--target", "x"], "names a column"),
        (["train", "fox", "--set", "task.units=letters"], "'letters' are no units of text"),
        (["train", "fox", "--set", "task.stride=200"], "the stride must lie from 1 to the context"),
        (["train", "fox", "--set", "model.name=text_cnn"], "text_cnn does not fit language-modelling"),
    ],
)
def test_mistakes_are_one_sentence(there: Dojo, trained: Path, args: list[str], said: str) -> None:
    (trained / "empty.txt").write_bytes(b"")
    (trained / "binary.txt").write_bytes(b"\x01\x00\x02" * 500)
    (trained / "short.txt").write_text("a")
    (trained / "none").mkdir(exist_ok=True)
    answer = there(*args)
    assert answer.code == 2
    assert said in answer.err
    assert "Traceback" not in answer.err
