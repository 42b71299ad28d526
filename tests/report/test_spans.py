"""Chunks as a report draws them: both lines, what differs marked, hostile words escaped, broken files no fault."""

from __future__ import annotations

from deepdojo.report.spans import lines


def plain(text, **values):
    return text.format(**values) if values else text


TAGGED = {
    "words": ["<b>EU</b>", "said", "so"], "blank": " ",
    "truth": [["ORG", 0, 1]], "predicted": [["ORG", 0, 1], ["X", 1, 3]],
}  # fmt: skip


def test_a_chunk_that_the_other_line_lacks_is_marked_and_words_are_escaped():
    true, said = lines(TAGGED, plain)
    assert (true["name"], said["name"]) == ("is", "read as")
    assert 'class="chunk"' in true["text"]
    assert "wrong" not in true["text"]
    assert said["text"].count('class="chunk wrong"') == 1
    assert "&lt;b&gt;EU&lt;/b&gt;" in true["text"]
    assert "<b>" not in true["text"]


def test_chunks_that_cannot_be_drawn_are_left_out():
    for bad in ([["A", 2, 9]], [["A"]], ["A"], None):
        true, _ = lines({**TAGGED, "truth": bad}, plain)
        assert "chunk" not in true["text"]


def test_nothing_to_draw_is_an_empty_line():
    assert [line["text"] for line in lines({}, plain)] == ["", ""]
