"""Floors of question answering: the sentence most like the question, the words near the question's."""

from __future__ import annotations

import pytest

from deepdojo.baselines import floors_for, run_floors

CONTEXT = "The Nile flows north. The Nile Ana Sato measured was long. Lakes are near."


def row(question, context=CONTEXT, key="1"):
    return {"id": key, "question": question, "context": context}


def answers(*rows):
    train = [{**row("Who?"), "answers": ["Ana Sato"]}, {**row("What?", "The sea is the sea."), "answers": ["sea"]}]
    found = run_floors("question-answering", train, rows)
    return {result.name: [cells["answer"] for cells in result.predictions] for result in found}


def test_they_serve_question_answering_alone():
    assert floors_for("question-answering") == ["best_sentence", "sliding_window"]
    assert not {"best_sentence", "sliding_window"} & set(floors_for("text-classification"))


def test_the_best_sentence_whole_and_the_words_beside_those_of_the_question():
    found = answers(row("Who measured the Nile?"), row("What are near?", key="2"))
    assert found["best_sentence"] == [
        "The Nile Ana Sato measured was long.",
        "Lakes are near.",
    ]
    assert found["sliding_window"] == ["Ana Sato", "Lakes"]


@pytest.mark.parametrize("context", ["?", "the the", "Nile", "😀", "中文。", "a" * 5000, "Who measured the Nile?"])
def test_odd_contexts_give_an_answer_that_stands_in_them(context):
    for (said,) in answers(row("Who measured the Nile?", context)).values():
        assert said in context
