"""The squad reader, and tables of questions: where answers stand, what is left out and why."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

import deepdojo as dd
from deepdojo.data.check import check
from deepdojo.data.dataset import load_dataset
from deepdojo.data.files import Files
from deepdojo.data.new_rows import load_rows
from deepdojo.data.project import find_project, save_project
from deepdojo.data.readers import read
from deepdojo.errors import DataError

CONTEXT = "The Nile flows north. It is 6,650 km long, says Ana 😀. 尼罗河很长。"


def question(text="How long is it?", answers=(("6,650 km", 28),), **more):
    return {"question": text, "answers": [{"text": a, "answer_start": at} for a, at in answers], **more}


def squad(*articles):
    return {"data": [{"title": title, "paragraphs": paragraphs} for title, paragraphs in articles]}


def raw(folder, content, name="q.json"):
    text = content if isinstance(content, str) else json.dumps(content)
    opened = gzip.open if name.endswith(".gz") else open
    with opened(folder / name, "wt", encoding="utf-8") as file:
        file.write(text)
    return list(read("squad", Files([folder]), file=name))


@pytest.mark.parametrize("name", ["q.json", "q.json.gz"])
def test_a_row_is_a_question_with_its_paragraph_answers_and_article(tmp_path, name):
    second = question("Who says so?", [("Ana", 48), ("Ana 😀", 48)], id="b")
    rows = raw(tmp_path, squad(("Nile", [{"context": CONTEXT, "qas": [question(id="a"), second]}])), name)
    assert [row.cells["id"] for row in rows] == ["a", "b"]
    assert rows[1].cells["answers"] == ["Ana", "Ana 😀"]
    assert rows[1].cells["starts"] == [48, 48]
    assert {row.cells["title"] for row in rows} == {"Nile"}
    assert [row.line for row in rows] == [1, 2]
    assert CONTEXT[28:].startswith("6,650 km")


def test_impossible_questions_are_left_out_and_unanswered_ones_have_no_answers(tmp_path):
    impossible = question(is_impossible=True, answers=(), plausible_answers=[{"text": "north", "answer_start": 15}])
    rows = raw(tmp_path, squad(("", [{"context": CONTEXT, "qas": [impossible, {"question": "Who?"}, 7]}])))
    assert [row.reject for row in rows] == [
        "the question has no answer in its paragraph (is_impossible)", None, "the question is no object",
    ]  # fmt: skip
    assert rows[1].cells["answers"] is None
    assert (rows[1].cells["id"], rows[1].cells["title"]) == ("2", "1")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is empty"),
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "no list 'data'"),
        ({"data": [{"paragraphs": [{"context": "x"}]}]}, "no list 'qas'"),
        ({"data": [7]}, "no list 'paragraphs'"),
        ({"data": []}, "holds no question"),
    ],
)
def test_a_file_of_another_form_is_one_sentence(tmp_path, content, sentence):
    with pytest.raises(DataError, match=sentence):
        raw(tmp_path, content)


def project(folder, *paragraphs, **more):
    folder.mkdir()
    (folder / "q.json").write_text(json.dumps(squad(*((f"t{i}", [p]) for i, p in enumerate(paragraphs)))))
    spec = {"task": "question-answering", "source": {"path": "."}, "data": {"reader": "squad", "file": "q.json"}}
    return save_project(folder / "p", {**spec, "source": {"path": ".."}, **more})


def test_what_cannot_be_used_is_left_out_with_a_reason(tmp_path):
    odd = [
        question("Where?", [("Danube", 4)]), question(" ", [("Ana", 48)]), {"question": "Who?"},
        question(None, [("Ana", 48)]), question("Whose?", [("", 0)]), question("Fits", [("nile", 4)]),
    ]  # fmt: skip
    good = [question(), question("Which way?", [("north", 99_999)]), question("Who?", [("Ana", None)])]
    data = load_dataset(project(tmp_path / "a", {"context": CONTEXT, "qas": [*odd, *good]}))
    assert [r.reason for r in data.rejected] == [
        "none of the answers stands in the context", "the question is empty", "the answers are empty",
        "the question is empty", "the answers are empty", "none of the answers stands in the context",
    ]  # fmt: skip
    assert [r.line for r in data.rejected] == [1, 2, 3, 4, 5, 6]
    assert data.n == 3
    impossible = [question("Who?", (), is_impossible=True, id="a7"), question("Why?", (), is_impossible=True)]
    data = load_dataset(
        project(
            tmp_path / "c",
            {"context": CONTEXT, "qas": [*impossible, *good]},
            data={"reader": "squad", "file": "q.json", "id": "id"},
        )
    )
    assert [r.id for r in data.rejected] == ["a7", "2"]
    with pytest.raises(DataError, match="the context is empty"):
        load_dataset(project(tmp_path / "b", {"context": " \n", "qas": [question()]}))


def test_a_test_file_without_answers_is_one_sentence(tmp_path):
    bare = {"context": CONTEXT, "qas": [{"question": "Who?", "id": "x"}, {"question": "Where?", "id": "y"}]}
    with pytest.raises(DataError, match="none of the 2 rows can be used; the first one: the answers are empty"):
        load_dataset(project(tmp_path / "a", bare))
    made = project(tmp_path / "b", {"context": CONTEXT, "qas": [question()]})
    rows, left_out = load_rows(made, tmp_path / "a" / "q.json")
    assert [row["question"] for row in rows] == ["Who?", "Where?"]
    assert not left_out


def test_a_table_of_question_context_and_answer_needs_no_starts(tmp_path):
    table = "question,context,answer\n" + "".join(f'who {i}?,"It was Ana{i} here.",Ana{i}\n' for i in range(40))
    (tmp_path / "t.csv").write_text(table + "who?,It was nobody.,Ana\n" + 'two?,It was Bo.,"[""Bo"", ""Cy""]"\n')
    dd.new(tmp_path / "p", tmp_path / "t.csv")
    made = find_project(tmp_path / "p")
    assert made.spec.task == "question-answering"
    assert made.spec.columns == {"question": "question", "context": "context", "answers": "answer"}
    assert made.spec.split.group == "context"
    data = load_dataset(made)
    assert [r.reason for r in data.rejected] == ["none of the answers stands in the context"]
    rows = [row for split in ("train", "validation") for row in data.rows(split)]
    assert all(row["starts"] is None for row in rows)
    assert {"answers": ["Bo", "Cy"]}.items() <= next(
        row for split in ("train", "validation", "test") for row in data.truth(split) if "Bo" in row["answers"]
    ).items()


def test_starts_in_a_table_are_read_and_odd_ones_passed_over(tmp_path):
    (tmp_path / "t.jsonl").write_text(
        "".join(
            json.dumps({"question": f"q{i}", "context": "aa b", "answers": ["a"], "starts": starts}) + "\n"
            for i, starts in enumerate([[1], "1", "x", None, [None]])
        )
    )
    spec = {"task": "question-answering", "source": {"path": ".."}, "data": {"file": "t.jsonl"}}
    data = load_dataset(save_project(tmp_path / "p", spec))
    found = {row["question"]: row["starts"] for split in ("train", "validation") for row in data.rows(split)}
    for name, wanted in {"q0": [1], "q1": [1], "q2": None, "q3": None, "q4": None}.items():
        if name in found:
            assert found[name] is None if wanted is None else np.array_equal(found[name], wanted)


def test_rows_in_memory_and_packed_are_the_same(tmp_path, monkeypatch):
    qas = [question(f"How long {i}?", id=str(i)) for i in range(30)]
    made = project(tmp_path / "a", {"context": CONTEXT, "qas": qas})
    plain = load_dataset(made)
    monkeypatch.setenv("DEEPDOJO_IN_MEMORY_ROWS", "5")
    again = load_dataset(made)
    for split in ("train", "validation", "test"):
        for a, b in zip(plain.rows(split), again.rows(split), strict=True):
            assert {k: np.asarray(v).tolist() for k, v in dict(a).items()} == {
                k: np.asarray(v).tolist() for k, v in dict(b).items()
            }


def test_check_finds_equal_questions_and_contexts_in_both_parts(tmp_path):
    paragraphs = [
        {"context": f"{CONTEXT} {i}", "qas": [question(f"How long is number {i} and {k}?") for k in range(4)]}
        for i in range(30)
    ]
    paragraphs[3]["qas"].append(dict(paragraphs[3]["qas"][0], answers=[{"text": "north", "answer_start": 15}]))
    kinds = {problem.kind for problem in check(load_dataset(project(tmp_path / "a", *paragraphs))).problems}
    assert {"shared inputs", "duplicates", "two labels"} <= kinds
    grouped = load_dataset(project(tmp_path / "b", *paragraphs, split={"group": "title"}))
    kinds = {problem.kind for problem in check(grouped).problems}
    assert "shared inputs" not in kinds
    assert "two labels" in kinds
