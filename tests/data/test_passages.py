"""Tokens, sentences, stems, question words and match features: by plain loops, and on hostile texts."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from deepdojo.data.codecs.match_features import FEATURES, MatchFeatures
from deepdojo.data.codecs.passages import LONGEST_SENTENCE, SHAPES, passage_of, shape_of, stem_of
from deepdojo.data.codecs.question_words import QUESTION_KINDS, focus_of, kind_of


def sentences(text):
    passage = passage_of(text)
    return [
        [word for word, number in zip(passage.words, passage.sentence, strict=True) if number == k]
        for k in range(passage.sentences)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "a",
        "Beyoncé's 24–10 win: $1,000.50 (U.S.)",
        "中文abc 日本語。",
        "a\u200bb 😀👩‍👩‍👧 İstanbul",
        "\ud800x",
        "e\u0301",
    ],
)
def test_tokens_are_what_stands_at_their_places_and_leave_out_blanks_alone(text):
    passage = passage_of(text)
    assert [text[a:b] for a, b in passage.spans] == passage.words
    assert "".join(passage.words) == "".join(text.split())
    sizes = {len(passage.words), len(passage.stems), len(passage.sentence), len(passage.shapes), len(passage.stops)}
    assert sizes == {len(passage)}


def test_tokens_part_numbers_signs_and_possessives():
    assert passage_of("Anna's 24–10 cost $1,000.50 in 1990s.").words == [
        "Anna", "'s", "24", "–", "10", "cost", "$", "1,000.50", "in", "1990s", ".",
    ]  # fmt: skip


def test_sentences_end_at_full_stops_but_not_after_initials_and_abbreviations():
    text = 'Dr. J. Smith left. "He ran!" she said. It was 3.5 km. and so on.\nNew line here'
    assert [part[0] for part in sentences(text)] == ["Dr", '"', "It", "New"]
    assert [part[0] for part in sentences("一。二！三？")] == ["一", "二", "三"]
    long = sentences("word " * (2 * LONGEST_SENTENCE + 3))
    assert [len(part) for part in long] == [LONGEST_SENTENCE, LONGEST_SENTENCE, 3]


@pytest.mark.parametrize(
    "same",
    [
        ("founded", "founding", "founder", "founders", "found"), ("city", "cities"), ("locate", "located", "location"),
        ("rule", "ruled", "rules"), ("study", "studies", "studied"), ("winning", "winner", "win"), ("played", "player"),
    ],
)  # fmt: skip
def test_words_of_one_stem(same):
    assert len({stem_of(word) for word in same}) == 1


def test_short_words_numbers_and_other_scripts_are_their_own_stems():
    assert [stem_of(w) for w in ("as", "THE", "1990s", "дома", "été", "ss")] == [
        "as",
        "the",
        "1990s",
        "дома",
        "été",
        "ss",
    ]


def test_shapes():
    words = {
        "the": "lower", "Nile": "Capital", "A": "Capital", "NASA": "UPPER", "iPod": "MixEd", "1990": "year",
        "42": "digits", "9999": "digits", "1,000": "number", ",": "sign", ".": "sentence end", "中": "other",
    }  # fmt: skip
    assert {word: SHAPES[shape_of(word)] for word in words} == words


@pytest.mark.parametrize(
    ("text", "kind", "focus"),
    [
        ("Who wrote it?", "who", "wrote"), ("In what year did it end?", "what year", "year"),
        ("How many people live there?", "how many", "people"), ("Which city is it?", "which", "city"),
        ("Name the river.", "other", "name"), ("???", "other", ""), ("What", "what", ""),
    ],
)  # fmt: skip
def test_what_a_question_asks_for(text, kind, focus):
    words = passage_of(text).words
    assert QUESTION_KINDS[kind_of(words)] == kind
    assert focus_of(words) == focus


CONTEXT = "The Nile flows north. Ana measured the Nile in 1990, and found it long. A lake is near."
QUESTION = "Who measured the Nile?"


def test_features_equal_plain_loops():
    fitted = MatchFeatures.fit([CONTEXT, CONTEXT, "the sea is wide", "the hill"])
    assert fitted.passages == 3
    assert fitted.rarity("nil") == 1 - math.log(2) / math.log(5) + math.log(2) / math.log(5)  # in one passage alone
    passage, question = passage_of(CONTEXT), passage_of(QUESTION)
    found = fitted.matches(question, passage)
    assert set(found.numbers) == {"measur", "nil"}
    hits = [stem in found.numbers for stem in passage.stems]
    assert (found.common > 0).tolist() == hits
    total = sum(map(fitted.rarity, found.numbers))
    for k in range(passage.sentences):
        there = {s for s, n in zip(passage.stems, passage.sentence, strict=True) if n == k and s in found.numbers}
        assert found.overlap[k] == pytest.approx(sum(map(fitted.rarity, there)) / total)
    assert found.ranked().tolist() == [1, 0, 2]
    table = fitted.features(passage, found, np.arange(len(passage)))
    assert table.shape == (len(passage), len(FEATURES))
    at = FEATURES.index
    for t, number in enumerate(passage.sentence):
        alike = [i for i in range(len(passage)) if passage.sentence[i] == number]
        near = [abs(i - t) for i in alike if hits[i] and i < t]
        wanted = 1 / (1 + math.log(min(near))) if near else 0
        assert table[t, at("left match near")] == pytest.approx(wanted)
        around = sum(fitted.rarity(passage.stems[i]) for i in alike if hits[i] and abs(i - t) <= 4)
        assert table[t, at("matches within 4")] == pytest.approx(around, rel=1e-5)
        assert table[t, at("same stem, no stop word")] == hits[t]
        assert table[t, at("first of the sentence")] == (t == alike[0])
        assert table[t, at("year")] == (passage.words[t] == "1990")
        assert table[t, at("comma follows")] == (t + 1 < len(passage) and passage.words[t + 1] == ",")
    chosen = np.flatnonzero(passage.sentence == 1)
    names = ["same in lower case", "pair with the left one", "rarity", "capital", "overlap of the sentence"]
    columns = [at(name) for name in names]
    assert np.array_equal(fitted.features(passage, found, chosen)[1:, columns], table[chosen][1:, columns])


@pytest.mark.parametrize("text", ["?", "the", "😀", "中文", "a" * 10_000, "x " * 50])
def test_any_question_and_context_give_finite_features(text):
    fitted = MatchFeatures.fit([CONTEXT])
    for context in (text, CONTEXT):
        passage = passage_of(context)
        found = fitted.matches(passage_of(text), passage)
        assert np.isfinite(fitted.features(passage, found, np.arange(len(passage)))).all()


def test_a_context_of_a_million_characters_takes_seconds():
    began = time.process_time()
    passage = passage_of("word " * 100_000 + "The answer is blue. " * 25_000)
    found = MatchFeatures.fit([CONTEXT]).matches(passage_of("What is blue?"), passage)
    assert found.ranked()[0] >= 1000
    assert time.process_time() - began < 20
