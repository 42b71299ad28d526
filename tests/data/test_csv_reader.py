"""The csv reader: every spelling that people export, and one rejected line for every broken one."""

from __future__ import annotations

import csv
import gzip
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepdojo.data.files import Files
from deepdojo.data.readers import options_of, read
from deepdojo.data.readers.sniff import sniff
from deepdojo.data.readers.tokens import Dialect, records
from deepdojo.errors import DataError, SourceError, UnknownNameError


def rows_of(folder, data, name="t.csv", **options):
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return list(read("csv", Files([folder]), file=name, **options))


def cells_of(folder, data, **options):
    rows = rows_of(folder, data, **options)
    assert [r.reject for r in rows] == [None] * len(rows)
    return [r.cells for r in rows]


TABLE = "größe;preis;text\n1;3,5;ja\n2;4,25;né\n"
EXPECTED = [{"größe": "1", "preis": "3,5", "text": "ja"}, {"größe": "2", "preis": "4,25", "text": "né"}]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_encodings_are_found(tmp_path, encoding):
    assert cells_of(tmp_path, TABLE.encode(encoding)) == EXPECTED


def test_chinese_gb18030_is_found_and_accents_are_not_taken_for_it(tmp_path):
    text = "标签,文本\n好,这家酒店的服务非常好\n坏,房间很脏而且吵\n"
    assert cells_of(tmp_path, text.encode("gb18030"))[0] == {"标签": "好", "文本": "这家酒店的服务非常好"}
    accents = "a,b\nété,déjà vu à côté\nÉÈ,çà et là\n"
    assert cells_of(tmp_path, accents.encode("latin-1"))[0] == {"a": "été", "b": "déjà vu à côté"}


def test_a_late_latin_1_byte_is_found(tmp_path):
    data = b"a,b\n" + b"1,x\n" * 400_000 + b"2,caf\xe9\n"
    assert cells_of(tmp_path, data)[-1] == {"a": "2", "b": "café"}


@pytest.mark.parametrize(
    ("delimiter", "name"), [(",", "t.csv"), (";", "t.csv"), ("\t", "t.tsv"), ("|", "t.txt"), (" ", "t.txt")]
)
def test_delimiters_are_found(tmp_path, delimiter, name):
    data = "\n".join(delimiter.join(row) for row in (["a", "b", "c"], ["1", "x", "2"], ["3", "y", "4"]))
    assert cells_of(tmp_path, data, name=name) == [{"a": "1", "b": "x", "c": "2"}, {"a": "3", "b": "y", "c": "4"}]


@pytest.mark.parametrize(
    ("text", "decimal"),
    [
        ("a;b\n1,5;x\n2,5;y\n", ","),
        ("a;b\n1.5;x\n2.5;y\n", "."),
        ('a,b\n"1,5",x\n"2,25",y\n', ","),
        ("a;b\n1.234,5;x\n", ","),
        ('a,b\n"1,234.5",x\n"2,000",y\n', "."),
        ("a;b\n1,234;x\n", ","),  # parted by semicolons: the comma is decimal
        ('a,b\n"1,234",x\n', "."),  # parted by commas: digit groups
        ("a,b\n1,x\n", "."),
    ],
)
def test_the_decimal_sign_is_found(tmp_path, text, decimal):
    (tmp_path / "t.csv").write_text(text)
    assert sniff(Files([tmp_path]), "t.csv").decimal == decimal


def test_what_is_given_is_authoritative(tmp_path):
    rows = rows_of(tmp_path, "a;b,c\n1;2,3\n", delimiter=",", decimal=",")
    assert rows[0].cells == {"a;b": "1;2", "c": "3"}
    assert rows[0].decimal == ","


def test_one_column_with_commas_inside_stays_one_column(tmp_path):
    assert cells_of(tmp_path, "text\nwell, well, well\nno\n") == [{"text": "well, well, well"}, {"text": "no"}]


def test_quotes_newlines_and_escapes(tmp_path):
    data = 'a,b\n"x, ""y""","two\nlines"\nplain "quoted" word,2\n'
    assert cells_of(tmp_path, data) == [{"a": 'x, "y"', "b": "two\nlines"}, {"a": 'plain "quoted" word', "b": "2"}]
    rows = rows_of(tmp_path, data)
    assert [r.line for r in rows] == [2, 4]
    assert cells_of(tmp_path, 'a,b\n"say \\"hi\\" now",1\n"x \\"y\\" z",2\n')[0] == {"a": 'say "hi" now', "b": "1"}
    assert cells_of(tmp_path, 'a\tb\n"good" film\t1\n"bad one\t2\n', name="t.tsv")[0] == {"a": '"good" film', "b": "1"}


def test_a_few_broken_quotes_do_not_make_quotation_marks_ordinary(tmp_path):
    data = "a,b\n" + '"word","other"\n' * 50 + '"bro"ken,x\n' * 3
    rows = rows_of(tmp_path, data)
    assert rows[0].cells == {"a": "word", "b": "other"}
    assert sum(r.reject is not None for r in rows) == 3


def test_carriage_returns_and_old_mac_files(tmp_path):
    want = [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]
    assert cells_of(tmp_path, b"a,b\r\n1,x\r\n2,y\r\n") == want
    assert cells_of(tmp_path, b"a,b\r1,x\r2,y\r") == want


def test_lines_are_cut_at_newlines_only(tmp_path):
    assert cells_of(tmp_path, "a,b\n1,x\x85y\u2028z\x0cq\n".encode())[0] == {"a": "1", "b": "x\x85y\u2028z\x0cq"}


def test_ragged_and_broken_lines_are_rejected_one_by_one(tmp_path):
    data = 'a,b\n1,x\n2\n3,y,z\n"4"x,w\n5,ok\n\n6,"never closed\n7,fine\n'
    rows = rows_of(tmp_path, data, quote='"')
    good = [(r.line, r.cells) for r in rows if r.reject is None]
    assert good == [(2, {"a": "1", "b": "x"}), (6, {"a": "5", "b": "ok"}), (9, {"a": "7", "b": "fine"})]
    bad = {r.line: r.reject for r in rows if r.reject is not None}
    assert sorted(bad) == [3, 4, 5, 8]
    assert "1 cell, 2 are expected" in bad[3]
    assert "3 cells" in bad[4]
    assert "closing quotation mark" in bad[5]
    assert "never closed" in bad[8]


def test_a_stray_quote_does_not_swallow_the_rows_up_to_the_next_one(tmp_path):
    lines = ["id,text", *[f"{i},word {i}" for i in range(1, 200)]]
    lines[10] = '10,"stray'
    lines[150] = '150,end"'
    rows = rows_of(tmp_path, "\n".join(lines) + "\n", delimiter=",", quote='"')
    assert [r.line for r in rows if r.reject] == [11]
    assert len(rows) == 199


def test_long_quoted_texts_are_no_stray_quotes(tmp_path):
    mail = "\n".join(f"line {i} of a mail, with {'a comma, ' * (i % 4)}or not" for i in range(300))
    assert cells_of(tmp_path, f'id,text\n1,"{mail}"\n')[0]["text"] == mail


def test_skip_names_and_no_header(tmp_path):
    assert cells_of(tmp_path, "2,3\n1,x\n2,y\n", skip=1, header=False, names=["n", "w"]) == [
        {"n": "1", "w": "x"},
        {"n": "2", "w": "y"},
    ]
    assert cells_of(tmp_path, "1,x\n", header=False) == [{"0": "1", "1": "x"}]
    assert cells_of(tmp_path, "a,a\n1,x\n", names=["n", "w"]) == [{"n": "1", "w": "x"}]
    assert rows_of(tmp_path, "junk\n\na,b\n1,x\n", skip=2)[0].line == 4


def test_files_below_one_another(tmp_path):
    (tmp_path / "part-2.csv").write_text("b;a\n4;3\n")
    (tmp_path / "part-1.csv").write_text("a,b\n1,2\n")
    rows = list(read("csv", Files([tmp_path]), file="part-*.csv"))
    assert [(r.file, r.cells["a"], r.cells["b"]) for r in rows] == [("part-1.csv", "1", "2"), ("part-2.csv", "3", "4")]


def test_files_side_by_side(tmp_path):
    (tmp_path / "x.csv").write_text("a b\n1 2\n3 4\n")
    (tmp_path / "y.csv.gz").write_bytes(gzip.compress(b"1.5\n\n"))
    files = Files([tmp_path])
    beside = [{"file": "y.csv.gz", "header": False, "names": ["y"]}]
    with pytest.raises(DataError, match=r"x.csv has 2, y.csv.gz has 1"):
        list(read("csv", files, file="x.csv", beside=beside))
    (tmp_path / "y.csv.gz").write_bytes(gzip.compress(b"1.5\n2.5\n"))
    assert [r.cells for r in read("csv", files, file="x.csv", beside=beside)] == [
        {"a": "1", "b": "2", "y": "1.5"},
        {"a": "3", "b": "4", "y": "2.5"},
    ]
    (tmp_path / "z.csv").write_text("a\n1\n2\n")
    with pytest.raises(DataError, match="both have a column 'a'"):
        list(read("csv", files, file="x.csv", beside=[{"file": "z.csv"}]))


def test_a_broken_line_on_one_side_rejects_the_whole_row_and_shifts_nothing(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\nragged\n5,6\n")
    (tmp_path / "y.csv").write_text("y\n10\n20\n30\n")
    rows = list(read("csv", Files([tmp_path]), file="x.csv", beside=[{"file": "y.csv"}]))
    assert [r.cells.get("y") for r in rows] == ["10", None, "30"]
    assert rows[1].reject is not None


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "holds no line"),
        (b"a,b\n", "a header but no rows"),
        (b"a,b,a,b,c\n1,2,3,4,5\n", "more than one column is named 'a', 'b'"),
    ],
)
def test_files_without_rows_and_doubled_names(tmp_path, data, sentence):
    with pytest.raises(DataError, match=sentence) as caught:
        rows_of(tmp_path, data)
    assert "t.csv" in str(caught.value)


def test_missing_file_and_unknown_option(tmp_path):
    (tmp_path / "reviews.csv").write_text("a\n1\n")
    with pytest.raises(SourceError, match=r"did you mean 'reviews.csv'"):
        list(read("csv", Files([tmp_path]), file="review.csv"))
    with pytest.raises(UnknownNameError, match="delimiter"):
        list(read("csv", Files([tmp_path]), file="reviews.csv", delimeter=";"))
    assert "delimiter" in (options_of("csv") or [])


def test_a_wrong_encoding_is_a_sentence(tmp_path):
    with pytest.raises(DataError, match="not ascii"):
        rows_of(tmp_path, "a,b\n1,é\n", encoding="ascii")
    with pytest.raises(DataError, match="no encoding 'utf-9'"):
        rows_of(tmp_path, "a,b\n1,2\n", encoding="utf-9")


CELL = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x1f"), max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=8), st.sampled_from(",;\t|"))
def test_what_csv_writes_is_read_back(rows, delimiter):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    lines = [line + "\n" for line in out.getvalue().split("\n")[:-1]]
    assert [r.cells for r in records(lines, Dialect(delimiter), 3)] == rows


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from('a,"\n\r;\\ \0'), max_size=60))
def test_no_text_makes_the_tokenizer_fail_or_lose_a_line(text):
    lines = io.StringIO(text, newline="\n").readlines()
    found = list(records(lines, Dialect(","), 2))
    starts = [r.line for r in found]
    assert starts == sorted(set(starts))
    assert not starts or (starts[0] == 1 and starts[-1] <= len(lines))
    assert bool(found) == bool(lines)


def test_a_hundred_thousand_rows_are_read(tmp_path):
    row = ",".join(["12.5", "word", "3", "a longer cell of text", "0.25", "x"])
    (tmp_path / "t.csv").write_text("a,b,c,d,e,f\n" + (row + "\n") * 100_000)
    count = sum(1 for _ in read("csv", Files([tmp_path]), file="t.csv"))
    assert count == 100_000
