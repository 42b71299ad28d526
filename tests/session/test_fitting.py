"""Pieces of words are learned from as much text as a budget has time for; what was taken is kept in the run."""

from __future__ import annotations

import random
import string
import time
from pathlib import Path

import pytest

import deepdojo as dd
from deepdojo.data.codecs import learning_share
from deepdojo.data.codecs.learning_share import LearningShare, learn_from, sharing
from deepdojo.errors import UsageError

QUICK = {"baselines": False, "explain": False, "report": False}


@pytest.fixture
def short_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_share, "PROBE_CHARACTERS", 500)


def seen(texts, share):
    with sharing(share):
        return learn_from(texts, list)


def test_without_a_clock_all_is_learned_from() -> None:
    texts = ["ab" * 20] * 100
    assert learn_from(texts, list) == texts
    assert seen(iter(texts), LearningShare()) == texts


def test_short_texts_are_learned_from_whole_whatever_the_clock_says(short_probe: None) -> None:
    share = LearningShare(seconds=0.0)
    assert seen(["abcd"] * 100, share) == ["abcd"] * 100
    assert (share.characters, share.total) == (None, 0)


def test_a_clock_that_has_no_time_takes_an_even_part_and_says_how_much(short_probe: None) -> None:
    share = LearningShare(seconds=0.0)
    texts = [f"{i:04}" for i in range(1000)]
    found = seen(texts, share)
    assert (share.characters, share.total) == (500, 4000)
    assert found == texts[::8]
    assert seen(texts, LearningShare(characters=500)) == found  # done again without a clock


def test_one_long_text_is_cut_and_a_part_is_never_too_large(short_probe: None) -> None:
    assert seen(["x" * 9_000], LearningShare(seconds=0.0)) == ["x" * 500]
    texts = ["y" * random.Random(i).randrange(1, 90) for i in range(300)]
    assert 0 < sum(map(len, seen(texts, LearningShare(characters=700)))) <= 700


def reviews(folder: Path) -> Path:
    draw = random.Random(3)
    words = ["".join(draw.choices(string.ascii_lowercase, k=draw.randint(2, 9))) for _ in range(300)]
    lines = [f"{' '.join(draw.choices(words, k=12))} {'fine' if i % 2 else 'poor'},{'yes' if i % 2 else 'no'}"
             for i in range(240)]  # fmt: skip
    (folder / "reviews.csv").write_text("text,label\n" + "\n".join(lines) + "\n")
    dd.new(folder / "p", folder / "reviews.csv", target="label")
    return folder / "p"


def test_a_run_with_a_budget_keeps_what_its_pieces_were_learned_from_and_is_reproduced(
    tmp_path: Path, short_probe: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepdojo.session.fitting.SHARE", 0.0)
    settings = {"task.tokens": "bpe", "task.vocab_size": 400, "train.epochs": 1}
    run = dd.train(reviews(tmp_path), "text_cnn", set=settings, budget=600.0, **QUICK)
    assert run.run.info["pieces_from"] == 500
    assert run.run.info["chosen"]["pieces of words"].startswith("learned from 500 of ")
    assert dd.reproduce(run).same_weights


def test_a_budget_that_ends_while_rows_are_encoded_is_refused_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepdojo.session.train import Session

    monkeypatch.setattr(Session, "deadline", property(lambda session: time.monotonic() - 1.0))
    with pytest.raises(UsageError, match=r"a budget of 60 s is too short"):
        dd.train(reviews(tmp_path), "text_cnn", budget=60.0, **QUICK)
