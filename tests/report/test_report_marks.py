"""Marked stretches of a text: overlaps, hostile text, marks that do not fit."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from deepdojo.report.marks import _TITLES, marked


def drawn(text, marks):
    return str(marked(text, marks, lambda sentence, **_: sentence))


def test_overlapping_marks_are_parted_where_they_begin_and_end():
    html = drawn("abcdef", [[1, 4, "true"], [3, 5, "said"]])
    assert html == (
        'a<mark class="true" title="a right answer">bc</mark>'
        '<mark class="agreed" title="the prediction, which is right">d</mark>'
        '<mark class="said" title="the prediction">e</mark>f'
    )


def test_text_is_escaped_inside_and_outside_of_marks():
    html = drawn("<b>&", [[0, 3, "true"]])
    assert "<b>" not in html
    assert "&lt;b&gt;</mark>&amp;" in html


@pytest.mark.parametrize("mark", [[2, 2, "true"], [-1, 2, "true"], [0, 99, "said"], [0, 1, "odd"], [0, 1], 7])
def test_marks_that_do_not_fit_are_passed_over(mark):
    assert drawn("abc", [mark]) == "abc"


def test_no_mark_has_the_class_of_another_element():
    """A class that style.css gives to a box would break the line of the text."""
    style = (resources.files("deepdojo.report") / "templates" / "style.css").read_text("utf-8")
    for kind in _TITLES:
        assert not re.search(rf"(?<![\w-])\.{kind}\b", style), kind
