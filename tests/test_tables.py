"""Tables of predictions: every kind through every format to the same bits, and hostile files to one sentence each."""

from __future__ import annotations

import codecs
import errno
import json
import math
import os
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepdojo.contracts import CONTRACTS
from deepdojo.errors import DojoError, ScoreError, UsageError
from deepdojo.scoring.score import score
from deepdojo.tables import Table, TableBuilder, align, check_cells, read_table, write_table

CLASSIFIED = CONTRACTS["text-classification"].predictions
KINDS = {"label": "label", "note": "text", "value": "number", "p": "distribution", "row": "record"}
FORMATS = ["csv", "tsv", "jsonl", "parquet"]
STRANGE = [
    'a,b;c\t"d"',
    "line\nbreak",
    "carriage\rreturn",
    "  spaces ",
    "中文 ünï \u2028 \x85",
    "007",
    "1.0",
    "nan",
    "-",
]


def strange_table():
    floats = [0.1, 1 / 3, -0.0, 1e308, 5e-324, 123456789.123456789, -1.5, 2.0**53 + 2, 7.0]
    return Table(
        {
            "id": [f"{i}/{s}" for i, s in enumerate(STRANGE)],
            "label": STRANGE,
            "note": [*STRANGE[1:], ""],
            "value": floats,
            "p": [{s: 1 / 3, "b": 2 / 3} for s in STRANGE],
            "row": [{"A": s, "B": None, "C": f} for s, f in zip(STRANGE, floats, strict=True)],
        }
    )


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_kind_comes_back_the_same(tmp_path, suffix):
    table = strange_table()
    path = tmp_path / f"out.{suffix}"
    write_table(path, table, KINDS)
    back = read_table(path, KINDS)
    assert back.columns == table.columns
    assert [math.copysign(1, v) for v in back.columns["value"]] == [math.copysign(1, v) for v in table.columns["value"]]
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # no temporary file is left


@pytest.mark.parametrize("names", [STRANGE, [*STRANGE[1:], None]])
def test_words_alone_come_back_the_same_from_parquet(tmp_path, names):
    table = Table({"id": [f"{i}/{s}" for i, s in enumerate(STRANGE)], "label": names})
    write_table(tmp_path / "words.parquet", table, {"label": "label"})
    back = read_table(tmp_path / "words.parquet", {"label": "label"})
    assert back.columns["id"] == table.columns["id"]
    assert back.columns["label"] == names


@pytest.mark.parametrize("suffix", FORMATS)
def test_missing_cells_and_unusual_numbers(tmp_path, suffix):
    table = Table({"id": ["1", "2", "3"], "value": [None, math.nan, math.inf], "label": ["x", None, "y"]})
    kinds = {"value": "number", "label": "label"}
    write_table(tmp_path / f"t.{suffix}", table, kinds)
    back = read_table(tmp_path / f"t.{suffix}", kinds)
    assert back.columns["label"] == ["x", None, "y"]
    assert back.columns["value"][0] is None
    assert math.isnan(back.columns["value"][1])
    assert back.columns["value"][2] == math.inf


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_table_without_rows(tmp_path, suffix):
    write_table(tmp_path / f"t.{suffix}", Table({"id": [], "label": []}), {"label": "label"})
    if suffix == "jsonl":  # no line, so no column either
        with pytest.raises(ScoreError, match="the file is empty"):
            read_table(tmp_path / "t.jsonl", {"label": "label"})
    else:
        assert read_table(tmp_path / f"t.{suffix}", {"label": "label"}).columns == {"id": [], "label": []}


def test_all_formats_give_the_same_score(tmp_path):
    rng = np.random.default_rng(0)
    names = ["ant", "bee", 'c"a,t;']
    p = rng.dirichlet([1, 1, 1], size=200)
    truth = [{"id": f"r{i}", "label": names[k]} for i, k in enumerate(rng.integers(3, size=200))]
    table = Table(
        {
            "id": [row["id"] for row in truth][::-1],
            "label": [names[k] for k in p.argmax(axis=1)],
            "probabilities": [dict(zip(names, map(float, row), strict=True)) for row in p],
        }
    )
    contract = CONTRACTS["text-classification"]
    for metric in ("accuracy", "macro_f1", "log_loss", "roc_auc", "ece"):
        found = set()
        for suffix in FORMATS:
            write_table(tmp_path / f"t.{suffix}", table, CLASSIFIED)
            s = score(contract, metric, truth, read_table(tmp_path / f"t.{suffix}", CLASSIFIED))
            found.add((s.value, s.low, s.high))
        assert len(found) == 1


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.text(min_size=1), st.text(), st.floats(allow_nan=False)), max_size=8, unique_by=lambda r: r[0]
    )
)
def test_any_text_and_number_survives(tmp_path_factory, rows):
    rows = [(i, t, v) for i, t, v in rows if i.strip() and _encodable(i + t)]
    table = Table({"id": [r[0] for r in rows], "note": [r[1] for r in rows], "value": [r[2] for r in rows]})
    folder = tmp_path_factory.mktemp("any")
    for suffix in FORMATS if rows else ["csv"]:
        write_table(folder / f"t.{suffix}", table, {"note": "text", "value": "number"})
        assert read_table(folder / f"t.{suffix}", {"note": "text", "value": "number"}).columns == table.columns


def _encodable(text):
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def put(tmp_path, text, name="p.csv", encoding="utf-8", mark=b""):
    path = tmp_path / name
    path.write_bytes(mark + (text if isinstance(text, bytes) else text.encode(encoding)))
    return path


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16", b""),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
        ("latin-1", b""),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_encodings_and_delimiters(tmp_path, encoding, mark, delimiter, newline):
    lines = [delimiter.join(cells) for cells in (("id", "label"), ("1", "café"), ("2", "é"))]
    path = put(tmp_path, newline.join(lines) + newline, encoding=encoding, mark=mark)
    assert read_table(path, {"label": "label"}).columns == {"id": ["1", "2"], "label": ["café", "é"]}


def test_decimal_comma_and_thousands(tmp_path):
    path = put(tmp_path, "id;value\n1;3,5\n2;-0,25\n3;1e3\n4; 7 \n")
    assert read_table(path, {"value": "number"}).columns["value"] == [3.5, -0.25, 1000.0, 7.0]
    for cell in ("1.000,5", "1_000", "0x10", "1,2,3", "ten"):
        with pytest.raises(
            ScoreError, match=r"p.csv, line 2, column 'value': .* is not a number; the form is: a decimal"
        ):
            read_table(put(tmp_path, f"id;value\n1;{cell}\n"), {"value": "number"})


def test_ids_and_labels_are_strings(tmp_path):
    import duckdb

    duckdb.execute(
        f"COPY (SELECT 7 AS id, 3.0::DOUBLE AS label, "
        f"{{'a': 0.25::DOUBLE, 'b': 0.75::DOUBLE, 'c': NULL::DOUBLE}} AS probabilities, 1 AS extra) "
        f"TO '{tmp_path / 'pandas.parquet'}'"
    )
    table = read_table(tmp_path / "pandas.parquet", CLASSIFIED)
    assert table.columns == {"id": ["7"], "label": ["3"], "probabilities": [{"a": 0.25, "b": 0.75}]}
    line = json.dumps({"id": 7, "label": 3, "probabilities": {"3": 1}})
    assert read_table(put(tmp_path, line, "p.jsonl"), CLASSIFIED).rows() == [
        {"id": "7", "label": "3", "probabilities": {"3": 1.0}}
    ]


HOSTILE = {
    "empty.csv": (b"", "the file is empty"),
    "blank.csv": (b"\n\n", "the file is empty"),
    "marked.csv": (codecs.BOM_UTF8, "the file is empty"),
    "noid.csv": (b"label\ncat\n", "the column 'id' is missing"),
    "near.csv": (b"id,Label\n1,a\n", "the column 'label' is missing; rename 'Label' to 'label'"),
    "twice.csv": (b"id,label,label\n1,a,b\n", "the column 'label' stands twice"),
    "ragged.csv": (b"id,label\n1,a\n2,b,c\n", r"ragged.csv, line 3: has 3 cells, the header has 2"),
    "short.csv": (b"id,label\n1\n", "line 2: has 1 cells"),
    "quote.csv": (b'id,label\n1,"a\n', "line 2: is not a table"),
    "blankid.csv": (b"id,label\n ,a\n", r"line 2, column 'id': the id is missing"),
    "list.jsonl": (b"[1, 2]\n", "line 1: is not a JSON object"),
    "cut.jsonl": (b'{"id": "1", "label": "a"}\n{"id":', "line 2: is not JSON"),
    "deep.jsonl": (b"[" * 100_000, "line 1: is not JSON"),
    "digits.jsonl": (b'{"id": "1", "label": ' + b"9" * 9999 + b"}", "line 1: is not JSON"),
    "nested.jsonl": (b'{"id": "1", "label": ["a"]}', "line 1, column 'label'"),
    "text.parquet": (b"id,label\n1,a\n", "is not a Parquet file"),
    "magic.parquet": (b"PAR1" + b"\0" * 100 + b"PAR1", "is not a Parquet file"),
    "what.xlsx": (b"PK", "the suffix '.xlsx' is none of"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_one_sentence(tmp_path, name):
    data, sentence = HOSTILE[name]
    with pytest.raises(ScoreError, match=sentence) as caught:
        read_table(put(tmp_path, data, name), {"label": "label"})
    assert "\n" not in str(caught.value)
    assert caught.value.where is not None


def test_missing_file_and_folder(tmp_path):
    for name in ("no.csv", "no.parquet"):
        with pytest.raises(ScoreError, match="does not exist"):
            read_table(tmp_path / name, {})
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ScoreError, match="is a folder"):
        read_table(tmp_path / "folder.csv", {})
    (tmp_path / "folder.parquet").mkdir()
    with pytest.raises(ScoreError):
        read_table(tmp_path / "folder.parquet", {})


def test_only_the_judged_column_may_be_required(tmp_path):
    path = put(tmp_path, "id,label\n1,a\n")
    with pytest.raises(ScoreError, match="the column 'probabilities' is missing"):
        read_table(path, CLASSIFIED)
    assert read_table(path, CLASSIFIED, required=["label"]).columns == {"id": ["1"], "label": ["a"]}


BAD_DISTRIBUTIONS = {
    '{"a": 0.5, "b": 0.6}': "sum to 1.1, not to 1",
    '{"a": -0.1, "b": 1.1}': "probability of 'a' is -0.1",
    '{"a": "NaN", "b": 0.5}': "probability of 'a' is nan",
    '{"a": 1e999}': "probability of 'a' is inf",
    "{}": "not an object of label to probability",
    "": "the distribution is missing",
    '{"z": 1.0}': "the label 'z' is not among the known ones",
}


@pytest.mark.parametrize("cell", BAD_DISTRIBUTIONS)
def test_bad_distributions_name_row_and_column(tmp_path, cell):
    quoted = '"' + cell.replace('"', '""') + '"'
    path = put(tmp_path, f'id,probabilities\nr1,"{{""a"": 1.0}}"\nr2,{quoted}\n')
    table = read_table(path, {"probabilities": "distribution"})
    with pytest.raises(ScoreError, match=BAD_DISTRIBUTIONS[cell]) as caught:
        check_cells(table, {"probabilities": "distribution"}, labels={"a", "b"})
    assert caught.value.where == "p.csv, line 3, id 'r2', column 'probabilities'"


@pytest.mark.parametrize(
    "cell", ["0.5", "[0.5, 0.5]", '{"a": 0.5, "a": 0.5}', '{"a": [1]}', "{'a': 1}", '{"a": true}', "{"]
)
def test_distributions_that_are_not_even_objects(tmp_path, cell):
    quoted = '"' + cell.replace('"', '""') + '"'
    with pytest.raises(ScoreError, match="line 2, column 'probabilities'"):
        read_table(put(tmp_path, f"id,probabilities\nr1,{quoted}\n"), {"probabilities": "distribution"})


@pytest.mark.parametrize(
    ("cells", "kind", "sentence"),
    [
        ([1.0, None], "number", "row 2, id 'b', column 'x': the number is missing"),
        ([1.0, math.nan], "number", "nan is not a finite number"),
        ([1.0, math.inf], "number", "inf is not a finite number"),
        ([1.0, True], "number", "True is not a finite number"),
        ([1.0, "2"], "number", "'2' is not a finite number"),
        (["a", ""], "label", "the label is missing"),
        (["a", 3], "label", "3 is not a label"),
        (["a", "q" * 500], "label", "the label 'qqq.*… is not among the known ones"),
        (["a", 3], "text", "3 is not text"),
        ([{}, 3], "record", "3 is not a record"),
    ],
)
def test_wrong_cells(cells, kind, sentence):
    with pytest.raises(ScoreError, match=sentence):
        check_cells(Table({"id": ["a", "b"], "x": cells}), {"x": kind}, labels={"a"})


def test_right_cells_pass():
    table = Table({"id": ["a"], "n": [3], "l": ["x"], "t": [""], "p": [{"x": 0.9995}], "r": [{"A": None}]})
    check_cells(table, {"n": "number", "l": "label", "t": "text", "p": "distribution", "r": "record"}, labels={"x"})
    with pytest.raises(ScoreError, match="the column 'q' is missing"):
        check_cells(table, {"q": "number"})


def test_align_brings_the_solutions_order(tmp_path):
    table = read_table(put(tmp_path, "id,value\nb,2\na,1\nc,nan\n"), {"value": "number"})
    lined_up = align(["a", "b", "c"], table)
    assert lined_up.columns["value"][:2] == [1.0, 2.0]
    with pytest.raises(ScoreError, match=r"p.csv, line 4, id 'c'"):  # the file's line, whatever the order now
        check_cells(lined_up, {"value": "number"})


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        (["a"], r"2 ids are missing \('b', 'c'\)"),
        (["a", "b"], r"1 id is missing \('c'\)"),
        (["a", "b", "c", "c", "a"], r"2 ids are doubled \('a', 'c'\)"),
        (["a", "b", "c", "d"], r"1 id is not asked for \('d'\)"),
        (["a", "b", "c", *"defg"], r"4 ids are not asked for \('d', 'e', 'f', …\)"),
        ([], r"3 ids are missing \('a', 'b', 'c'\)"),
        (["A", "b", "c"], r"1 id is missing \('a'\)"),
    ],
)
def test_align_counts_what_is_wrong(ids, sentence):
    with pytest.raises(ScoreError, match=sentence):
        align(["a", "b", "c"], Table({"id": ids}))


def test_tables_that_cannot_be():
    with pytest.raises(ScoreError, match="the column 'id' is missing"):
        Table({"x": [1]})
    with pytest.raises(ScoreError, match="differ in length"):
        Table({"id": ["a"], "x": []})
    assert Table.from_rows([], ["id", "label"]).columns == {"id": [], "label": []}
    rows = [{"id": "a", "x": 1}, {"id": "b"}]
    assert Table.from_rows(rows).rows() == [{"id": "a", "x": 1}, {"id": "b", "x": None}]


def test_writing_refuses_what_it_cannot_hold(tmp_path):
    table = Table({"id": ["a"], "x": [1.0]})
    with pytest.raises(UsageError, match="no column 'y'"):
        write_table(tmp_path / "t.csv", table, {"y": "number"})
    with pytest.raises(UsageError, match=r"suffix '.xlsx'"):
        write_table(tmp_path / "t.xlsx", table, {"x": "number"})
    with pytest.raises(UsageError, match="files"):
        write_table(tmp_path / "t.csv", table, {"x": "image"})


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_full_disk_leaves_the_old_table(tmp_path, suffix, monkeypatch):
    path, kinds = tmp_path / f"t.{suffix}", {"x": "number"}
    write_table(path, Table({"id": ["a"], "x": [1.0]}), kinds)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DojoError, match="the disk is full"):
            write_table(path, Table({"id": ["a"], "x": [2.0]}), kinds)
    assert read_table(path, kinds).columns["x"] == [1.0]
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_ten_thousand_rows_take_a_second(tmp_path, suffix):
    """CPU seconds; measured 0.15 to 0.3."""
    names = [f"class {i}" for i in range(10)]
    p = np.random.default_rng(0).dirichlet(np.ones(10), size=10_000)
    table = Table(
        {
            "id": [str(i) for i in range(10_000)],
            "label": [names[k] for k in p.argmax(axis=1)],
            "probabilities": [dict(zip(names, row, strict=True)) for row in p.tolist()],
        }
    )
    started = time.process_time()
    write_table(tmp_path / f"t.{suffix}", table, CLASSIFIED)
    back = align(table.ids, read_table(tmp_path / f"t.{suffix}", CLASSIFIED))
    check_cells(back, CLASSIFIED, labels=names)
    assert time.process_time() - started < 2
    assert back.columns == table.columns


def test_a_path_with_blanks_quotes_and_chinese(tmp_path):
    folder = tmp_path / "我的 o'clock folder"
    for suffix in FORMATS:
        write_table(folder / f"预测 1.{suffix}", Table({"id": ["a"], 'it\'s "x"': [1.0]}), {'it\'s "x"': "number"})
        assert len(read_table(folder / f"预测 1.{suffix}", {'it\'s "x"': "number"})) == 1


def test_a_cell_larger_than_the_csv_modules_limit(tmp_path):
    import csv

    before = csv.field_size_limit()
    names = {f"label number {i}": 1e-4 for i in range(10_000)}
    for suffix in FORMATS:
        write_table(tmp_path / f"t.{suffix}", Table({"id": ["a"], "p": [names]}), {"p": "distribution"})
        assert read_table(tmp_path / f"t.{suffix}", {"p": "distribution"}).columns["p"] == [names]
    assert csv.field_size_limit() == before


def test_duckdb_is_not_imported_for_csv(tmp_path):
    import subprocess

    put(tmp_path, "id,label\n1,a\n")
    code = (
        "import sys; from deepdojo.tables import read_table; "
        f"read_table({str(tmp_path / 'p.csv')!r}, {{'label': 'label'}}); print('duckdb' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_prediction_without_a_column_names_it():
    builder = TableBuilder({"label": "label"})
    with pytest.raises(ScoreError, match="a prediction has no 'label', only 'id', 'lable'"):
        builder.add({"id": "1", "lable": "a"})
