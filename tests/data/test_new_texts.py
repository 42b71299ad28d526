"""`dojo new` for questions in SQuAD's JSON and for translation: files side by side, and tables of two texts."""

from __future__ import annotations

import gzip
import json

import pytest

import deepdojo as dd
from deepdojo.data.check import check
from deepdojo.data.dataset import load_dataset
from deepdojo.errors import DataError, UnknownNameError, UsageError


def squad(path, articles, paragraphs=4, first=0):
    data = []
    for a in range(articles):
        of = []
        for p in range(paragraphs):
            number = first + 100 * a + p
            context = f"Station {number} lies on line {number % 7} near the river."
            answers = [{"text": f"line {number % 7}", "answer_start": context.index("line")}]
            asked = [
                {"id": f"{number}-{k}", "question": f"{w} of {number}?", "answers": answers} for k, w in enumerate("ab")
            ]
            of.append({"context": context, "qas": asked})
        data.append({"title": f"Article {first + a}", "paragraphs": of})
    text = json.dumps({"data": data})
    path.write_bytes(gzip.compress(text.encode()) if path.name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize(("articles", "group"), [(12, "title"), (4, "context")])
@pytest.mark.parametrize("task", [None, "question-answering"])
def test_squads_json_is_a_project_of_questions(tmp_path, articles, group, task):
    project, said = dd.new(tmp_path / "p", squad(tmp_path / "q.json", articles), task=task)
    assert (project.spec.task, project.spec.data.id, project.spec.split.group) == ("question-answering", "id", group)
    data = load_dataset(project)
    assert data.n == 8 * articles
    assert all(len(data.rows(split)) for split in ("train", "validation", "test"))
    assert f"q.json: {8 * articles} questions with answers on {4 * articles} paragraphs" in said
    assert not check(data).errors


def test_a_second_file_of_questions_is_held_out(tmp_path):
    train, test = squad(tmp_path / "q.json.gz", 12), squad(tmp_path / "dev.json", 2, first=5000)
    data = load_dataset(dd.new(tmp_path / "p", train, test=test)[0])
    assert {row["id"].split("-")[0] for row in data.rows("test")} == {
        str(5000 + 100 * a + p) for a in (0, 1) for p in range(4)
    }


def test_contexts_on_both_sides_are_told_and_parts_of_speech_are_not(tmp_path):
    project, _ = dd.new(tmp_path / "p", squad(tmp_path / "q.json", 12, paragraphs=1), group="id")
    told = [p for p in check(load_dataset(project)).problems if p.kind == "shared inputs"]
    assert ["have the context of a row that is learned from" in p.what for p in told] == [True]
    kept_together, _ = dd.new(tmp_path / "q", tmp_path / "q.json")
    assert "shared inputs" not in {p.kind for p in check(load_dataset(kept_together)).problems}
    (tmp_path / "t.conll").write_text("".join(f"w{k} NN O\nv{k} VB B-X\n\n" for k in range(60)))
    tagged, _ = dd.new(tmp_path / "r", tmp_path / "t.conll")
    assert "pos" in tagged.spec.columns
    assert "shared inputs" not in {p.kind for p in check(load_dataset(tagged)).problems}


def test_what_is_no_file_of_questions_is_a_sentence(tmp_path):
    (tmp_path / "other.json").write_text('{"rows": []}')
    with pytest.raises(UsageError, match="write one object a line"):
        dd.new(tmp_path / "p", tmp_path / "other.json")
    with pytest.raises(DataError, match="there is no list 'data'"):
        dd.new(tmp_path / "p", tmp_path / "other.json", task="question-answering")
    with pytest.raises(UsageError, match="--target names a column"):
        dd.new(tmp_path / "p", squad(tmp_path / "q.json", 2), target="answers")


def lines(folder, *names, n=40):
    folder.mkdir(exist_ok=True)
    for name in names:
        language = name.removesuffix(".gz").rpartition(".")[2]
        text = "".join(f"{language} {name.partition('.')[0]} sentence {k}\n" for k in range(n))
        (folder / name).write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return folder


def test_a_folder_of_files_side_by_side_is_a_translation(tmp_path):
    folder = lines(
        tmp_path / "par", "train.de", "train.en", "val.de.gz", "val.en.gz", "test_2016.de", "test_2016.en", "notes.md"
    )
    project, said = dd.new(tmp_path / "p", folder, task="translation")
    data = load_dataset(project)
    assert [len(data.rows(split)) for split in ("train", "validation", "test")] == [40, 40, 40]
    assert data.rows("train")[0]["source"].startswith("de t")
    assert "from de to en (the other way: --target de)" in said
    other, _ = dd.new(tmp_path / "q", folder, task="translation", target="de", copy=True)
    assert load_dataset(other).rows("test")[0]["source"].startswith("en t")
    assert (tmp_path / "q" / "data" / "val.de.gz").is_file()


@pytest.mark.parametrize("held_out", [None, "b.en"])
def test_one_file_finds_the_one_beside_it(tmp_path, held_out):
    folder = lines(tmp_path / "par", "a.de", "a.en", "b.de", "b.en")
    test = None if held_out is None else folder / held_out
    project, said = dd.new(tmp_path / "p", folder / "a.en", task="translation", test=test)
    data = load_dataset(project)
    assert "from en to de (as given)" in said
    assert data.n == (40 if test is None else 80)
    assert all(row["source"].startswith("en") for split in ("train", "validation", "test") for row in data.rows(split))
    if test is not None:
        assert {row["source"][3] for row in data.rows("test")} == {"b"}


def test_files_that_do_not_go_side_by_side_are_a_sentence(tmp_path):
    with pytest.raises(DataError, match="no files that go side by side; name files by their language"):
        dd.new(tmp_path / "p", lines(tmp_path / "a", "train.de", "test.en"), task="translation")
    with pytest.raises(DataError, match="cannot be told from their names"):
        dd.new(tmp_path / "p", lines(tmp_path / "b", "x.de", "x.en", "y.de", "y.en"), task="translation")
    three = lines(tmp_path / "c", "train.de", "train.en", "train.fr")
    with pytest.raises(DataError, match=r"files of two languages are needed, and there are 3 \(de, en, fr\)"):
        dd.new(tmp_path / "p", three, task="translation")
    with pytest.raises(UnknownNameError, match="no language is named 'it'"):
        dd.new(tmp_path / "p", three / "train.de", task="translation", target="it")
    _, said = dd.new(tmp_path / "p", three / "train.de", task="translation", target="fr")
    assert "from de to fr (as given)" in said
    lines(tmp_path / "c", "train.en", n=39)
    with pytest.raises(DataError, match="they are not parallel"):
        dd.new(tmp_path / "q", three / "train.de", task="translation", target="en")
    with pytest.raises(DataError, match="no file of another language stands beside it"):
        dd.new(tmp_path / "q", lines(tmp_path / "d", "only.de") / "only.de", task="translation")


def test_a_table_of_two_texts_is_a_translation_though_no_target_repeats(tmp_path):
    rows = "".join(f"das ist der satz {k},this is the sentence {k}\n" for k in range(40))
    (tmp_path / "t.csv").write_text("de,en\n" + rows)
    project, _ = dd.new(tmp_path / "p", tmp_path / "t.csv", task="translation", target="en")
    assert load_dataset(project).rows("train")[0]["source"].startswith("das ist")
    with pytest.raises(DataError, match="like an id or free text"):
        dd.new(tmp_path / "q", tmp_path / "t.csv", target="en")
