"""What a project says of its parts, labels and texts holds, or is refused in one sentence."""

from __future__ import annotations

import json

import pytest

from deepdojo.data.codecs.tokenizer_byte_pairs import BytePairTokenizer, to_learn_from
from deepdojo.data.codecs.tokenizer_wordpiece import WordPieceTokenizer
from deepdojo.data.dataset import load_dataset
from deepdojo.data.infer.source import infer
from deepdojo.data.new import create
from deepdojo.data.project import save_project
from deepdojo.errors import DataError


@pytest.mark.parametrize("part", ["test", "validation"])
def test_a_given_part_without_a_usable_row_is_refused_and_never_drawn_from_the_others(tmp_path, part):
    (tmp_path / "a.csv").write_text("x,y\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(50)))
    (tmp_path / "b.csv").write_text("x,y\n" + "".join(f"{i},\n" for i in range(9)))
    data = {"split": {"train": {"file": "a.csv"}, part: {"file": "b.csv"}}}
    spec = {"task": "tabular-classification", "data": data, "columns": {"label": "y"}}
    with pytest.raises(DataError, match=rf"the {part} part has no row .* of 9 items .* the label is missing"):
        load_dataset(save_project(tmp_path, spec))


def test_half_a_surrogate_pair_in_json_is_a_replacement_sign_in_every_cell(tmp_path):
    lines = [json.dumps({"text": f"a\ud83d{i}", "label": "p\ud800" if i % 2 else "n"}) for i in range(40)]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    create(tmp_path / "p", tmp_path / "t.jsonl", task="text-classification", target="label")
    rows = load_dataset(save_project(tmp_path / "q", {
        "task": "text-classification", "source": {"path": "../t.jsonl"}, "data": {"file": "t.jsonl"},
    })).rows("train")  # fmt: skip
    assert {row["label"] for row in rows} == {"p\ufffd", "n"}
    assert all("a\ufffd" in row["text"] for row in rows)


def test_lists_of_words_with_lists_of_tags_are_a_tagging_project(tmp_path):
    lines = [json.dumps({"tokens": ["a", "b", f"c{i}"], "ner_tags": ["B-X", "O", "O"]}) for i in range(30)]
    (tmp_path / "t.jsonl").write_text("\n".join([*lines, json.dumps({"tokens": ["a"], "ner_tags": ["O", "O"]})]))
    found = infer(tmp_path / "t.jsonl")
    assert found.spec["task"] == "tagging"
    assert found.spec["columns"] == {"words": "tokens", "tags": "ner_tags"}
    assert infer(tmp_path / "t.jsonl", task="tagging", target="ner_tags").spec["columns"] == found.spec["columns"]
    create(tmp_path / "p", tmp_path / "t.jsonl")
    from deepdojo.data.project import open_project

    rejected = load_dataset(open_project(tmp_path / "p")).rejected
    assert [item.line for item in rejected] == [31]


def test_lists_of_numbers_are_no_sentences(tmp_path):
    lines = [json.dumps({"signal": [0.1 * i, 1.0], "other": [1, 2], "x": i, "label": "ab"[i % 2]}) for i in range(30)]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    assert infer(tmp_path / "t.jsonl").spec["task"] != "tagging"


def test_a_text_file_with_a_word_and_a_tag_a_line_is_no_table(tmp_path):
    (tmp_path / "t.txt").write_text("\n\n".join("The O\ncat B-X\nsat O" for _ in range(30)) + "\n")
    assert infer(tmp_path / "t.txt").spec["task"] == "tagging"


def test_grades_in_words_need_their_order(tmp_path):
    lines = [f"text number {i} says so,{('low', 'medium', 'high')[i % 3]}" for i in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["text,grade", *lines]))
    found = infer(tmp_path / "t.csv", task="ordinal-text-classification", target="grade")
    assert found.spec["labels"]["names"] == {"high": "1", "low": "2", "medium": "3"}
    assert found.spec["metric"] == "quadratic_kappa"
    assert any("BY THE ALPHABET" in sentence for sentence in found.said)
    spec = {"task": "ordinal-text-classification", "data": {"file": "t.csv"}, "columns": {"label": "grade"}}
    with pytest.raises(DataError, match="the grade 'low' is no number"):
        load_dataset(save_project(tmp_path, spec))
    named = {"names": {"low": "1", "medium": "2", "high": "3"}}
    rows = load_dataset(save_project(tmp_path, {**spec, "labels": named})).rows("train")
    assert {row["label"] for row in rows} == {"1", "2", "3"}


def test_the_sign_between_labels_is_chosen_once_for_a_column(tmp_path):
    lines = [f'text {i},"{("Arts, Crafts;Cars", "Arts, Crafts", "Cars", "")[i % 4]}"' for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["text,labels", *lines]))
    create(tmp_path / "p", tmp_path / "t.csv", task="multi-label-classification")
    from deepdojo.data.project import open_project

    data = load_dataset(open_project(tmp_path / "p"))
    seen = {label for part in ("train", "validation") for row in data.rows(part) for label in row["labels"]}
    assert seen == {"Arts, Crafts", "Cars"}
    assert not data.rejected
    said = infer(tmp_path / "t.csv", task="multi-label-classification").said
    assert any("10 rows have none" in sentence for sentence in said)


@pytest.mark.parametrize("kind", [BytePairTokenizer, WordPieceTokenizer])
def test_a_million_signs_without_a_blank_are_learned_from_in_no_time(kind):
    texts = ["some words to learn from", "x" * 1_000_000, " " * 1_000_000 + "y"]
    found = kind.fit(texts, vocab_size=400, min_count=1)  # quadratic: minutes
    assert len(found) > 20


def test_only_long_runs_are_parted_before_learning():
    assert to_learn_from("short words stay") == "short words stay"
    assert max(map(len, to_learn_from("x" * 1000).split())) == 256
