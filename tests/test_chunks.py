"""Chunks: equal to seqeval on any sequence of tags; every scheme gives back what it was given; schemes are found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from deepdojo.chunks import PLAIN, SCHEMES, chunks_of, loose_tags, scheme_of, tags_of

TAGS = ["O", *(f"{letter}-{kind}" for letter in "BIES" for kind in ("NP", "VP", "a-b"))]


@given(st.lists(st.sampled_from(TAGS), max_size=12))
def test_chunks_equal_seqevals_whatever_the_tags(tags):
    assert chunks_of(tags) == [(kind, start, end + 1) for kind, start, end in get_entities(tags)]


@given(st.lists(st.sampled_from(["O", "B", "I", "E", "S"]), max_size=12))
def test_tags_without_a_type_equal_seqevals_too(tags):
    assert chunks_of(tags) == [(kind, start, end + 1) for kind, start, end in get_entities(tags)]


@pytest.mark.parametrize("scheme", SCHEMES)
@given(st.lists(st.sampled_from(TAGS), max_size=12))
def test_every_scheme_keeps_the_chunks_and_is_tight(scheme, tags):
    chunks = chunks_of(tags)
    written = tags_of(chunks, len(tags), scheme)
    assert chunks_of(written) == chunks
    assert loose_tags(written, scheme) == []


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("iob1", "I-A I-A B-A O B-A I-A"),
        ("iob2", "B-A I-A B-A O B-A I-A"),
        ("iobes", "B-A E-A S-A O B-A E-A"),
        ("bmes", "B-A E-A S-A O B-A E-A"),
        ("bilou", "B-A L-A U-A O B-A L-A"),
    ],
)
def test_the_same_chunks_in_each_scheme(scheme, tags):
    chunks = [("A", 0, 2), ("A", 2, 3), ("A", 4, 6)]
    tags = tags.split()
    if scheme == "iob1":
        tags[4] = "I-A"
    assert tags_of(chunks, 6, scheme) == tags
    assert chunks_of(tags) == chunks


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_scheme_is_found_from_tags(scheme):
    rng = np.random.default_rng(0)
    sentences = [
        tags_of(chunks_of([str(t) for t in rng.choice(["O", "B-NP", "I-NP", "I-NP", "I-VP"], 9)]), 9, scheme)
        for _ in range(50)
    ]
    assert scheme_of(sentences) == scheme


def test_a_scheme_is_found_in_spite_of_a_few_loose_tags():
    good = [["B-A", "I-A", "O"]] * 20
    assert scheme_of([*good, ["O", "I-A", "I-A"]]) == "iob2"
    assert loose_tags(["O", "I-A", "I-A"], "iob2") == [1]


def test_parts_of_speech_are_no_chunks():
    assert scheme_of([["DT", "NN", "VBZ"], ["NNS", "O"]]) == PLAIN
    assert chunks_of(["DT", "NN", "NN"]) == [("DT", 0, 1), ("NN", 1, 2), ("NN", 2, 3)]
    assert loose_tags(["DT", "NN"], PLAIN) == []


def test_word_segmentation_has_tags_without_a_type():
    assert chunks_of(["B", "M", "E", "S"]) == [("_", 0, 3), ("_", 3, 4)]
    assert scheme_of([["B", "M", "E", "S"]]) == "bmes"
    assert tags_of([("_", 0, 3), ("_", 3, 4)], 4, "bmes") == ["B", "M", "E", "S"]
