"""The reader conll: sentences, columns, documents; what cannot be used is rejected at its line."""

from __future__ import annotations

import zipfile

import pytest

from deepdojo.data.files import Files
from deepdojo.data.readers import read
from deepdojo.errors import DataError

PLAIN = "The DT B-NP\ncat NN I-NP\n\nsat VBD B-VP\n"


def rows_of(folder, text, *, encoding="utf-8", name="t.conll", **options):
    (folder / name).write_bytes(text.encode(encoding))
    return list(read("conll", Files([folder]), file=name, **options))


def test_a_row_is_a_sentence_and_a_cell_a_list(tmp_path):
    rows = rows_of(tmp_path, PLAIN, names=["word", "pos", "chunk"])
    assert [(row.line, row.reject) for row in rows] == [(1, None), (4, None)]
    assert rows[0].cells == {
        "word": ["The", "cat"], "pos": ["DT", "NN"], "chunk": ["B-NP", "I-NP"], "document": "t.conll:sentence 1",
    }  # fmt: skip


def test_columns_have_numbers_without_names(tmp_path):
    assert list(rows_of(tmp_path, PLAIN)[0].cells) == ["1", "2", "3", "document"]


def test_a_line_with_a_column_too_many_costs_its_sentence_alone(tmp_path):
    rows = rows_of(tmp_path, PLAIN.replace("cat NN I-NP", "black cat NN I-NP"))
    assert [(row.line, row.reject) for row in rows] == [(2, "the line has 4 columns, the first line has 3"), (4, None)]


def test_columns_beyond_the_names_are_left_out(tmp_path):
    assert list(rows_of(tmp_path, PLAIN, names=["word"])[0].cells) == ["word", "document"]


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace("\n", "\r\n"), "\ufeff" + PLAIN, PLAIN.replace(" ", "\t"), PLAIN.replace(" ", "  \t "),
        PLAIN.replace("\n\n", "\n \t \n\t\n\n"), PLAIN.strip("\n"), "\n\n" + PLAIN + "\n\n",
    ],
    ids=["CRLF", "BOM", "tabs", "many blanks", "blank lines that hold blanks", "no last newline", "empty lines around"],
)  # fmt: skip
def test_the_same_sentences_however_they_are_written(tmp_path, text):
    found = [[row.cells[c] for c in "123"] for row in rows_of(tmp_path, text)]
    assert found == [[["The", "cat"], ["DT", "NN"], ["B-NP", "I-NP"]], [["sat"], ["VBD"], ["B-VP"]]]


def test_a_line_with_a_tab_alone_ends_a_sentence_where_tabs_part_cells(tmp_path):
    rows = rows_of(tmp_path, "a b\tO\n\t\nc\tO\n", delimiter="\t")
    assert [row.cells["1"] for row in rows] == [["a b"], ["c"]]


def test_documents_have_numbers_and_their_lines_are_no_words(tmp_path):
    text = "-DOCSTART- -X- O O\n\nA a O O\n\nB b O O\n\n-DOCSTART- -X- O O\nC c O O\n"
    assert [row.cells["document"] for row in rows_of(tmp_path, text)] == ["t.conll:1", "t.conll:1", "t.conll:2"]


def test_comments_are_left_out_only_where_they_are_asked_for(tmp_path):
    text = "# text = x\nA O\n# O\n"
    with_all = rows_of(tmp_path, text, names=["word", "tag"])
    assert with_all[0].cells["word"] == ["#", "A", "#"]
    assert rows_of(tmp_path, text, names=["word", "tag"], comment="#")[0].cells["word"] == ["A"]


def test_a_sentence_with_too_few_columns_is_rejected_at_its_line(tmp_path):
    rows = rows_of(tmp_path, "A O\nB O\n\nC O\nD\nE O\n\nF O\n", names=["word", "tag"])
    assert [(row.line, row.reject) for row in rows] == [
        (1, None), (5, "the line has 1 column, 2 are needed (word, tag)"), (8, None),
    ]  # fmt: skip


def test_signs_that_are_blanks_elsewhere_are_words(tmp_path):
    rows = rows_of(tmp_path, "\u3000 O\n\u00a0 O\n🙂 O\nمرحبا O\n中 B-X\n")
    assert rows[0].cells["1"] == ["\u3000", "\u00a0", "🙂", "مرحبا", "中"]


def test_a_file_inside_an_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("c/train.txt", PLAIN)
    rows = list(read("conll", Files([tmp_path]), file="c.zip!c/train.txt"))
    assert len(rows) == 2


def test_a_file_without_words_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match="the file is empty"):
        rows_of(tmp_path, "\n \n\t\n")


def test_an_old_encoding_is_found(tmp_path):
    assert rows_of(tmp_path, "中国 B-LOC\n" * 20, encoding="gb18030")[0].cells["1"][0] == "中国"
