"""Question answering: windows, places of answers, texts of any script, and the whole way from a table to a report."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import deepdojo as dd
from deepdojo.errors import DataError, RecipeError
from deepdojo.models import create_model
from deepdojo.tasks import load_task
from deepdojo.training.predictor import predict_rows
from deepdojo.training.store import Store

QA = load_task("question-answering")
CONTEXT = "The Nile flows north. Ana 😀 measured it in 1990. 尼罗河很长。The lake of Ana is blue, and Ana is 中文."


def row(question="Who measured it?", answer="Ana", context=CONTEXT, starts=None, key="1"):
    return {"id": key, "question": question, "context": context, "answers": [answer], "starts": starts}


def fitted(rows=None, **options):
    return QA.fit(rows or [row(), row("What is blue?", "The lake")], **{"min_count": 1, **options})


def taught(task, given):
    """The text of the right span in the examples that are learned from."""
    return [
        given["context"][ex["places"][ex["span"][0]][0] : ex["places"][ex["span"][0] + ex["span"][1]][1]]
        for ex in task.encode(given, learn=True)
    ]


def test_the_right_span_is_where_starts_says_else_where_the_question_is_like_the_sentence():
    task = fitted(sentences=0)
    spots = {}
    for name, starts in (
        ("none", None),
        ("first", [22.0]),
        ("last", [CONTEXT.rindex("Ana")]),
        ("wrong", [3.0]),
        ("nan", [-1.0]),
    ):
        (example,) = task.encode(row(starts=starts), learn=True)
        spots[name] = int(example["places"][example["span"][0]][0])
    assert spots == {"none": 22, "first": 22, "last": CONTEXT.rindex("Ana"), "wrong": 22, "nan": 22}
    assert int(next(task.encode(row("What lake is blue?"), learn=True))["places"][
        next(task.encode(row("What lake is blue?"), learn=True))["span"][0]
    ][0]) == CONTEXT.index("of Ana") + 3  # fmt: skip


@pytest.mark.parametrize("answer", ["Ana 😀", "1990", "很长", " Ana ", "中文", "blue, and Ana", "na 😀 measur"])
def test_answers_of_any_script_are_taught_whole(answer):
    (said,) = taught(fitted(), row(answer=answer))
    assert answer.strip() in said
    assert len(said) <= len(answer) + 4


@pytest.mark.parametrize("answer", ["north. Ana", CONTEXT, "Danube", ""])
def test_what_cannot_be_learned_gives_no_example(answer):
    assert not taught(fitted(), row(answer=answer))


def test_several_windows_make_one_row_and_the_best_one_answers():
    context = " ".join(f"Number {i} is the town of Place{i}." for i in range(40))
    given = row("Which town is number 31?", "Place31", context)
    task = fitted([given], sentences=0, max_tokens=30, max_span=4)
    examples = list(task.encode(given, learn=False))
    assert len(examples) > 10
    assert max(len(ex["passage"]) for ex in examples) <= 30
    tokens = [tuple(place) for ex in examples for place in ex["places"].tolist()]
    assert len(tokens) == len(set(tokens)) == 40 * 8
    assert taught(task, given) == ["Place31"]
    at = context.index("Place31")
    parts = [(0.5, 0, 6), (2.5, at, at + 7), (1.0, 7, 9)]
    assert task.decode(given, parts) == {"answer": "Place31"}
    torch.manual_seed(0)
    model = create_model("span_reader", task.dims()).eval()
    (found,) = predict_rows(task, model, [given])
    store = Store.of(task, examples, [0] * len(examples))
    best = max(task.predict(model, task.prepare(store.cut(torch.arange(len(examples))))), key=lambda part: part[0])
    assert found["answer"] == context[best[1] : best[2]]


def test_every_prediction_is_a_short_stretch_of_one_sentence_of_the_context():
    rng = np.random.default_rng(0)
    words = ["Ana", "the", "1990", ".", "!", "中", "😀", "blue", ",", "\n"]
    rows = [row("Who is it?", "Ana", " ".join(["Ana", *rng.choice(words, 60)]), key=str(k)) for k in range(20)]
    task = fitted(rows, max_span=5)
    model = create_model("span_reader", task.dims()).eval()
    for given, found in zip(rows, predict_rows(task, model, rows), strict=True):
        assert found["answer"] in given["context"]
        assert "\n" not in found["answer"]
        assert 1 <= len(found["answer"].split()) <= 5


def test_a_context_and_a_question_of_a_million_characters_are_read():
    long = "The answer is blue. " * 50_000
    task = fitted()
    for given in (row("What is the answer?", "blue", long), row("what " * 200_000, "blue", "It is blue.")):
        (example,) = task.encode(given, learn=True)
        assert len(example["passage"]) <= 400
        assert len(example["question"]) <= 60
    assert len(list(fitted(sentences=0, max_tokens=500).encode(row("Is it?", "blue", long), learn=False))) > 400


@pytest.mark.parametrize(("question", "context", "said"), [(" ", CONTEXT, "question"), ("Who?", "\u3000\n", "context")])
def test_empty_texts_are_one_sentence(question, context, said):
    with pytest.raises(DataError, match=f"the {said} is empty"):
        list(fitted().encode(row(question, context=context), learn=False))
    model = create_model("span_reader", fitted().dims())
    left: list[str] = []
    found = predict_rows(
        fitted(), model, [row(), row(question, context=context, key="2")], reject=lambda _, why: left.append(why)
    )
    assert (len(found), left) == (1, [f"the {said} is empty"])


def test_options_that_fit_no_answer_are_refused():
    with pytest.raises(RecipeError, match="fit into a window"):
        fitted(max_span=0)
    with pytest.raises(RecipeError, match="fit into a window"):
        fitted(max_span=9, max_tokens=8)


def test_without_matches_the_model_is_told_nothing_of_shared_words():
    (example,) = fitted(matches=False).encode(row(), learn=False)
    assert not example["numbers"].any()
    assert not example["passage_stems"].any()
    assert not example["question_stems"].any()


def test_pieces_are_the_words_of_question_and_context():
    task, given = fitted(sentences=0), row()
    (example,) = task.encode(given, learn=False)
    pieces = task.pieces(given, example)
    assert [p.label for p in pieces[:4]] == ["Who", "measured", "it", "?"]
    assert "".join(str(p.label) for p in pieces[4:]) == CONTEXT.replace(" ", "")
    assert all({"numbers", "passage"} <= set(p.where) for p in pieces[4:])


def test_a_report_marks_answers_and_new_questions_are_answered(tmp_path):
    names = ["Ana", "Bo", "Cy", "Di"]
    rows = [
        {
            "question": f"Who has {i} cats?",
            "context": f"Once {names[i % 4]} had {i} cats. Then it rained.",
            "answer": names[i % 4],
        }
        for i in range(60)
    ]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    dd.new(tmp_path / "p", tmp_path / "t.jsonl")
    run = dd.train(tmp_path / "p", set={"train.epochs": 2}, baselines=False, explain=False)
    examples = json.loads((run.folder / "examples.json").read_text())
    for example in examples:
        text = example["text"]
        assert {text[a:b] for a, b, kind in example["marks"] if kind == "true"} == {example["truth"]}
        assert {text[a:b] for a, b, kind in example["marks"] if kind == "said"} == {example["predicted"]}
    assert '<mark class="' in (run.folder / "report.html").read_text()
    model = dd.load(run.folder)
    new = [
        {"question": "Who has 3 cats?", "context": "Once Bo had 3 cats."},
        {"question": "Who?", "context": "Nobody 😀"},
    ]
    assert all(found["answer"] in given["context"] for given, found in zip(new, model.predict(new), strict=True))
    with pytest.raises(DataError, match="expected a mapping with question, context"):
        model.predict([{"question": "Who?"}])
    (tmp_path / "new.csv").write_text('question,context\nWho?,"Ana, of course"\n,nothing asked\n')
    assert len(model.predict(tmp_path / "new.csv")) == 1
