"""`--from`: a run or a checkpoint gives weights, shape and tokenizer; what does not fit is said in a sentence."""

from __future__ import annotations

import csv
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import deepdojo as dd
from deepdojo.errors import RecipeError, RunError, UnknownNameError, UsageError
from deepdojo.runs import find_run
from tests.data.test_pretrained_tokenizer import PIECES, bert_folder

QUICK: dict[str, Any] = {"baselines": False, "explain": False, "report": False}
GOOD, BAD, OTHER = ["film", "the", "plot"], ["bad", "dull", "grim"], ["a", "of", "and", "it", "was"]
SMALL = {"model.width": 8, "model.num_heads": 2, "model.num_layers": 2, "train.batch_size": 16}


def reviews(folder: Path, n: int = 120, seed: int = 0, classes: tuple[str, str] = ("yes", "no")) -> Path:
    draw = random.Random(seed)
    folder.mkdir(parents=True)
    with (folder / "rows.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["text", "label"])
        for i in range(n):
            y = i % 2
            words = draw.choices(GOOD if y else BAD, k=2) + draw.choices(OTHER, k=4) + [f"{i}"]
            out.writerow([" ".join(words), classes[y]])
    dd.new(folder / "made", folder / "rows.csv", target="label")
    return folder / "made"


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory) -> Any:
    """A run of hidden words, two steps long."""
    folder = tmp_path_factory.mktemp("hidden")
    draw = random.Random(1)
    lines = [" ".join(draw.choices(GOOD + BAD + OTHER, k=12)) for _ in range(200)]
    (folder / "text.txt").write_text("\n".join(lines), encoding="utf-8")
    dd.new(folder / "fox", folder / "text.txt", task="masked-language-modelling")
    return dd.train(
        folder / "fox", set={**SMALL, "train.steps": 2, "task.context": 16, "model.activation": "relu"}, **QUICK
    )


def tuned(project: Path, source: Any, **changes: Any) -> Any:
    how = {"train.epochs": 1, "train.batch_size": 16, **changes}
    return dd.train(project, "bert", set=how, from_=source, **QUICK)


def weights(run: Any) -> dict[str, torch.Tensor]:
    return load_file(run.folder / "model" / "model.safetensors")


def test_weights_shape_and_tokenizer_come_from_the_run(tmp_path, pretrained):
    project = reviews(tmp_path / "r")
    run = tuned(
        project, pretrained.folder, **{"train.freeze": ["embedding", "layers", "positions", "segments", "norm"]}
    )
    theirs, ours = weights(pretrained), weights(run)
    same = [name for name in ours if name in theirs and torch.equal(ours[name], theirs[name])]
    assert {name.split(".")[0] for name in same} == {"embedding", "segments", "positions", "norm", "layers"}
    assert not any(name.startswith("words.") for name in ours)
    source, own = (json.loads((r.folder / "task.json").read_text()) for r in (pretrained, run))
    assert own["tokenizer"] == source["tokenizer"]
    assert run.run.info["model"]["width"] == 8  # the recipe named none of these
    assert run.run.info["model"]["activation"] == "relu"
    assert "new: head (18), pooler (72)" in run.run.info["chosen"]["weights"]
    assert run.run.score["cost"]["trained"] == 18 + 72
    (row,) = dd.board(project)
    assert row["name"].startswith("bert from fox ")
    assert row["trained"] == 90


def test_the_run_says_where_it_came_from_and_is_reproduced(tmp_path, pretrained):
    run = tuned(reviews(tmp_path / "r"), pretrained.folder)
    record = run.run.info["from"]
    assert record == {
        "path": str((pretrained.folder / "model").resolve()), "kind": "run", "name": "fox", "project": "fox",
        "run": pretrained.id, "share": 1.0, "seed": 0, "sha256": record["sha256"],
    }  # fmt: skip
    import hashlib

    assert (
        record["sha256"] == hashlib.sha256((pretrained.folder / "model" / "model.safetensors").read_bytes()).hexdigest()
    )
    assert dd.reproduce(run.folder).same_weights
    from deepdojo.recipes import Recipe

    again = Recipe.parse({"model": run.run.info["model"]}, where="run.toml")
    assert again.model.source == record["path"]


def test_a_source_that_changed_is_not_gone_on_from(tmp_path, pretrained):
    copy = tmp_path / "copy"
    shutil.copytree(pretrained.folder, copy)
    run = tuned(reviews(tmp_path / "r"), copy)
    tensors = load_file(copy / "model" / "model.safetensors")
    save_file({name: value + 1 for name, value in tensors.items()}, copy / "model" / "model.safetensors")
    with pytest.raises(RunError, match="have changed since"):
        dd.reproduce(run.folder)
    shutil.rmtree(copy)
    with pytest.raises((RunError, RecipeError), match="no run and no folder"):
        dd.reproduce(run.folder)
    assert len(dd.load(run.folder).predict(["film the plot"])) == 1  # the run itself needs it no longer


def test_a_head_is_kept_where_the_question_is_the_same(tmp_path, pretrained):
    first = tuned(reviews(tmp_path / "a"), pretrained.folder)
    second = tuned(reviews(tmp_path / "b", seed=3), first.folder)
    other = tuned(reviews(tmp_path / "c", seed=3, classes=("left", "right")), first.folder)
    assert second.run.info["chosen"]["weights"].endswith("new: nothing")
    assert other.run.info["chosen"]["weights"].endswith("new: head (18)")


def test_adapters_learn_and_are_merged(tmp_path, pretrained):
    run = tuned(
        reviews(tmp_path / "r"), pretrained.folder, **{"model.lora_rank": 2, "model.lora_on": ["query", "linear1"]}
    )
    theirs, ours = weights(pretrained), weights(run)
    assert not any("apply_linear" in name for name in ours)
    moved = {name for name in ours if name in theirs and not torch.equal(ours[name], theirs[name])}
    assert moved == {f"layers.{i}.{part}" for i in (0, 1) for part in ("self_attn.in_proj_weight", "linear1.weight")}
    width = theirs["layers.0.self_attn.in_proj_weight"].shape[1]
    assert torch.equal(
        ours["layers.0.self_attn.in_proj_weight"][width:], theirs["layers.0.self_attn.in_proj_weight"][width:]
    )
    assert run.run.score["cost"]["trained"] == 2 * (2 * 8 * 2 + 2 * (8 + 32)) + 90
    assert run.run.info["model"]["lora_rank"] == 2
    assert dd.reproduce(run.folder).same_weights


@pytest.mark.parametrize("changes", [
    {"model.lora_rank": 2}, {"train.freeze": ["embedding", "layers.0"]}, {"train.layer_decay": 0.5},
])  # fmt: skip
def test_a_killed_fine_tuning_goes_on_bit_for_bit(tmp_path, monkeypatch, pretrained, changes):
    from tests.tasks.test_masked_language_modelling import Killed

    project = reviews(tmp_path / "r")
    monkeypatch.setattr("deepdojo.training.loop.CHECKPOINT_EVERY_S", -1.0)
    whole = tuned(project, pretrained.folder, **changes)
    with pytest.raises(KeyboardInterrupt):
        dd.train(project, "bert", set={"train.epochs": 1, "train.batch_size": 16, **changes}, from_=pretrained.folder,
                 listener=Killed(3), **QUICK)  # fmt: skip
    (left,) = (project / "runs").glob("*.partial")
    again = dd.train(resume=left)
    ours, theirs = weights(whole), weights(again)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_seeds_and_a_recipe_that_names_its_source(tmp_path, pretrained):
    project = reviews(tmp_path / "r")
    (project / "recipes").mkdir()
    (project / "recipes" / "on.toml").write_text(
        f'[model]\nname = "auto"\nfrom = "{pretrained.folder.as_posix()}"\n[train]\nepochs = 1\n', encoding="utf-8"
    )
    run = dd.train(project, "on", seeds=2, **QUICK)
    assert run.run.info["from"]["name"] == "fox"
    assert [member.info["from"]["run"] for member in run.run.members()] == [pretrained.id] * 2
    assert run.run.info["model"]["name"] == "bert"


def checkpoint(folder: Path, **config: Any) -> Path:
    from transformers import BertConfig, BertForMaskedLM

    torch.manual_seed(0)
    model = BertForMaskedLM(BertConfig(
        vocab_size=len(PIECES), hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=12, **config,
    ))  # fmt: skip
    model.save_pretrained(folder)
    return bert_folder(folder)


def test_a_folder_of_transformers_gives_weights_and_ids(tmp_path):
    folder = checkpoint(tmp_path / "bert")
    run = tuned(reviews(tmp_path / "r"), folder, **{"train.freeze": ["layers"], "model.pooling": "first"})
    theirs, ours = load_file(folder / "model.safetensors"), weights(run)
    assert torch.equal(ours["layers.1.linear2.weight"], theirs["bert.encoder.layer.1.output.dense.weight"])
    assert run.run.info["from"]["kind"] == "checkpoint"
    assert run.run.info["task_options"]["max_tokens"] == 12  # places that the network knows
    from transformers import BertTokenizer

    (example,) = run.run.task().encode({"text": "the film, a plot"}, learn=False)
    assert example["tokens"].tolist() == BertTokenizer.from_pretrained(folder)("the film, a plot")["input_ids"]
    assert len(run.predict(["the film " * 40])) == 1


def test_hidden_words_go_on_from_a_folder_with_its_head(tmp_path):
    folder = checkpoint(tmp_path / "bert")
    (tmp_path / "text.txt").write_text("the film a plot , abc .\n" * 200, encoding="utf-8")
    dd.new(tmp_path / "fox", tmp_path / "text.txt", task="masked-language-modelling")
    run = dd.train(tmp_path / "fox", set={"train.steps": 2, "train.batch_size": 4}, from_=folder, **QUICK)
    assert run.run.info["chosen"]["weights"].endswith("new: nothing")
    assert run.run.task().window == 10  # of 12 places two are for the signs around a text
    examples = list(run.run.task().encode({"text": "the film a plot " * 9}, learn=False))
    assert {e["tokens"][0] for e in examples} == {7}
    assert {e["tokens"][-1] for e in examples} == {8}
    assert not any(e["hidden"][[0, -1]].any() for e in examples)


@pytest.mark.parametrize(
    ("source", "changes", "error", "said"),
    [
        ("nothing-here", {}, RecipeError, "no run and no folder"),
        (".", {}, RecipeError, "config.json is not there"),
        ("run", {"model.width": 16}, RecipeError, "embedding.weight is .* there and .* here"),
        ("run", {"model.lora_rank": 2, "model.lora_on": ["qery"]}, UnknownNameError, "did you mean 'query'"),
        ("run", {"train.freeze": ["layer.0"]}, UnknownNameError, "did you mean 'layers.0'"),
        ("run", {"train.layer_decay": 0.0}, RecipeError, "layer_decay"),
        (None, {"model.lora_rank": 2}, RecipeError, "give --from"),
    ],
)
def test_what_cannot_be_gone_on_from_is_one_sentence(tmp_path, pretrained, source, changes, error, said):
    given = pretrained.folder if source == "run" else tmp_path if source == "." else source
    with pytest.raises(error, match=said):
        tuned(reviews(tmp_path / "r"), given, **changes)


def test_other_networks_and_resume_are_refused(tmp_path, pretrained):
    project = reviews(tmp_path / "r")
    with pytest.raises(RecipeError, match=r"the weights are of bert, the recipe's network is text_cnn"):
        dd.train(project, "text_cnn", from_=pretrained.folder, **QUICK)
    with pytest.raises(UsageError, match="--from does not go with --resume"):
        dd.train(resume="last", from_=pretrained.folder)


def test_a_pickled_checkpoint_is_never_opened(tmp_path):
    folder = checkpoint(tmp_path / "bert")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(RecipeError, match="can run any code"):
        tuned(reviews(tmp_path / "r"), folder)


def test_a_table_needs_the_columns_that_the_run_had(tmp_path):
    def table(name: str, columns: list[str]) -> Path:
        draw = random.Random(0)
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            out = csv.writer(file)
            out.writerow([*columns, "label"])
            for _ in range(80):
                x = [draw.gauss(0, 1) for _ in columns]
                out.writerow([*(f"{v:.4f}" for v in x), "up" if sum(x) > 0 else "down"])
        dd.new(tmp_path / name, tmp_path / f"{name}.csv", target="label")
        return tmp_path / name

    first = dd.train(table("a", ["x", "y"]), set={"train.epochs": 1}, **QUICK)
    again = dd.train(table("b", ["x", "y"]), set={"train.epochs": 1}, from_=first.folder, **QUICK)
    assert again.run.info["chosen"]["weights"].endswith("new: nothing")
    with pytest.raises(RecipeError, match="other columns"):
        dd.train(table("c", ["x", "z"]), set={"train.epochs": 1}, from_=first.folder, **QUICK)


@pytest.mark.parametrize("reference", ["", "/nowhere/at/all"])
def test_what_names_no_run_is_not_the_only_run_there_is(tmp_path, monkeypatch, pretrained, reference):
    shutil.copytree(pretrained.folder, tmp_path / "runs" / "one" / pretrained.folder.name)
    monkeypatch.chdir(tmp_path)
    assert find_run(pretrained.folder.name).id == pretrained.folder.name
    with pytest.raises(UnknownNameError):
        find_run(reference)
