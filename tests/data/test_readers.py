"""The readers beside csv."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from deepdojo.data.files import Files
from deepdojo.data.readers import READERS, RawRow, options_of, read
from deepdojo.errors import ConsentError, DataError, ProjectError, SourceError, UnknownNameError


def rows_of(reader, folder, **options):
    return list(read(reader, Files([folder]), **options))


def test_every_reader_is_there():
    assert all("files" not in (options_of(name) or []) for name in READERS)
    assert options_of("python:x.py") is None
    with pytest.raises(UnknownNameError, match="did you mean 'parquet'"):
        options_of("parket")


# ----- jsonl


def test_jsonl(tmp_path):
    (tmp_path / "t.jsonl").write_text(
        '{"a": 1, "b": "x"}\n\n{"a": null}\n[1]\n{"a": \n{"é": [1, 2]}\n', encoding="utf-16"
    )
    rows = rows_of("jsonl", tmp_path, file="t.jsonl")
    assert [(r.line, r.cells) for r in rows if not r.reject] == [
        (1, {"a": 1, "b": "x"}),
        (3, {"a": None}),
        (6, {"é": [1, 2]}),
    ]
    assert [(r.line, r.reject.split(" (")[0]) for r in rows if r.reject] == [
        (4, "the line holds no object but a list"),
        (5, "the line is no JSON"),
    ]


def test_jsonl_that_is_one_list_or_empty(tmp_path):
    (tmp_path / "t.jsonl").write_text('[\n{"a": 1}\n]')
    with pytest.raises(DataError, match="one JSON list"):
        rows_of("jsonl", tmp_path, file="t.jsonl")
    (tmp_path / "t.jsonl").write_text("\n")
    with pytest.raises(DataError, match="empty"):
        rows_of("jsonl", tmp_path, file="t.jsonl")


# ----- parquet


def parquet(path, query):
    import duckdb

    target = path.parent / "made.parquet"
    with duckdb.connect(":memory:") as database:
        database.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet)")
    target.rename(path)


def test_parquet_with_types_and_an_odd_name(tmp_path):
    folder = tmp_path / "a [b] 图"
    folder.mkdir()
    query = "SELECT 1 AS i, 2.5::DECIMAL(4,1) AS d, 'x' AS s, NULL AS n, DATE '2024-01-02' AS t, true AS b, [1,2] AS l"
    parquet(folder / "t*.parquet", query)
    parquet(folder / "tt.parquet", "SELECT 9 AS i")
    rows = rows_of("parquet", folder, file="t*.parquet")
    assert rows == [
        RawRow({"i": 1, "d": 2.5, "s": "x", "n": None, "t": "2024-01-02", "b": True, "l": [1, 2]}, "t*.parquet", 1)
    ]
    (folder / "x.parquet.gz").write_bytes(gzip.compress((folder / "tt.parquet").read_bytes()))
    assert rows_of("parquet", folder, file="x.parquet.gz")[0].cells == {"i": 9}


def test_parquet_that_is_none_or_empty(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"no parquet")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        rows_of("parquet", tmp_path, file="t.parquet")
    (tmp_path / "t.parquet").write_bytes(b"")
    with pytest.raises(DataError, match="empty"):
        rows_of("parquet", tmp_path, file="t.parquet")
    parquet(tmp_path / "e.parquet", "SELECT 1 AS a WHERE false")
    with pytest.raises(DataError, match="no rows"):
        rows_of("parquet", tmp_path, file="e.parquet")


# ----- files


def test_files_give_names_folders_and_groups(tmp_path):
    for name in ("train/cat/1 a.png", "train/狗/2.png", "odd.png", "train/cat/.DS_Store"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    rows = rows_of("files", tmp_path, glob="**/*", pattern=r"^train/(?P<label>[^/]+)/")
    assert [(r.file, r.line, r.cells.get("label"), r.reject) for r in rows] == [
        ("odd.png", None, None, "the name does not match data.pattern"),
        ("train/cat/1 a.png", None, "cat", None),
        ("train/狗/2.png", None, "狗", None),
    ]
    assert rows[1].cells["folder"] == "cat"
    assert rows[1].cells["stem"] == "1 a"
    with pytest.raises(SourceError, match="no file matches"):
        rows_of("files", tmp_path, glob="*.jpg")
    with pytest.raises(ProjectError, match="names no group"):
        rows_of("files", tmp_path, glob="**/*", pattern="train")
    with pytest.raises(ProjectError, match="no regular expression"):
        rows_of("files", tmp_path, glob="**/*", pattern="(")


# ----- idx


def idx(array, kind=0x08):
    return struct.pack(">HBB", 0, kind, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def test_idx(tmp_path):
    images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "i.gz").write_bytes(gzip.compress(idx(images)))
    (tmp_path / "l").write_bytes(idx(np.array([7, 0], dtype=np.uint8)))
    rows = rows_of("idx", tmp_path, inputs="i.gz", labels="l")
    assert np.array_equal(np.stack([r.cells["image"] for r in rows]), images)
    assert [(r.line, r.cells["label"]) for r in rows] == [(1, "7"), (2, "0")]
    assert "label" not in rows_of("idx", tmp_path, inputs="i.gz")[0].cells
    (tmp_path / "i4").write_bytes(idx(np.array([256, 1], dtype=">i4"), 0x0C))
    assert [r.cells["label"] for r in rows_of("idx", tmp_path, inputs="i.gz", labels="i4")] == ["256", "1"]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "no IDX file"),
        (b"text, no idx", "no IDX file"),
        (idx(np.zeros((2, 3, 4), np.uint8))[:-1], "its head says 24"),
        (idx(np.zeros((0, 3, 4), np.uint8)), "no picture"),
        (idx(np.zeros(5, np.uint8)), "expected pictures"),
        (b"\0\0\x08\x03\0\0", "cut short"),
    ],
)
def test_idx_that_is_broken(tmp_path, data, sentence):
    (tmp_path / "i").write_bytes(data)
    with pytest.raises(DataError, match=sentence):
        rows_of("idx", tmp_path, inputs="i")


def test_idx_of_unequal_lengths(tmp_path):
    (tmp_path / "i").write_bytes(idx(np.zeros((2, 3, 4), np.uint8)))
    (tmp_path / "l").write_bytes(idx(np.zeros(3, np.uint8)))
    with pytest.raises(DataError, match="holds 2 pictures"):
        rows_of("idx", tmp_path, inputs="i", labels="l")


# ----- lines


def test_lines(tmp_path):
    (tmp_path / "t.all").write_bytes("0 bad\x85 film\n1 good\r\n\nodd\n".encode("latin-1"))
    rows = rows_of("lines", tmp_path, file="t.all", pattern=r"(?P<label>\d) (?P<text>.*)", encoding="latin-1")
    assert [(r.line, r.cells) for r in rows if not r.reject] == [
        (1, {"label": "0", "text": "bad\x85 film"}),
        (2, {"label": "1", "text": "good"}),
    ]
    assert [(r.line, r.reject) for r in rows if r.reject] == [(4, "the line does not match data.pattern")]
    assert rows_of("lines", tmp_path, file="t.all", skip=3)[0].cells == {"text": "odd"}


# ----- python


def test_python_readers_run_by_consent_only(tmp_path):
    (tmp_path / "r.py").write_text(
        "def read(files, n):\n    for i in range(n):\n        yield {'a': str(i), 'b': files.bytes('x').decode()}\n"
    )
    (tmp_path / "x").write_text("hi")
    with pytest.raises(ConsentError, match="--trust"):
        rows_of("python:r.py", tmp_path, n=2)
    rows = rows_of("python:r.py", tmp_path, trusted=True, n=2)
    assert [(r.cells, r.file, r.line) for r in rows] == [
        ({"a": "0", "b": "hi"}, "r.py", 1),
        ({"a": "1", "b": "hi"}, "r.py", 2),
    ]
    with pytest.raises(ProjectError, match="does not take these options"):
        rows_of("python:r.py", tmp_path, trusted=True, m=2)


def test_python_readers_may_have_options_of_any_name(tmp_path):
    (tmp_path / "r.py").write_text("def read(files, file, name):\n    yield {file: name}")
    (row,) = rows_of("python:r.py", tmp_path, trusted=True, file="a", name="b")
    assert row.cells == {"a": "b"}


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("1/0", "fails when it is loaded .ZeroDivisionError"),
        ("x = 1", "defines no function read"),
        ("def read(files):\n    yield 1/0", "its read.. fails .ZeroDivisionError"),
        ("def read(files):\n    yield [1]", "row 1 is a list"),
    ],
)
def test_python_readers_that_fail(tmp_path, code, sentence):
    (tmp_path / "r.py").write_text(code)
    with pytest.raises(ProjectError, match=sentence):
        rows_of("python:r.py", tmp_path, trusted=True)


def test_an_option_that_a_reader_needs_is_asked_for_by_name(tmp_path):
    (tmp_path / "rows.csv").write_text("a,label\n1,x\n")
    with pytest.raises(ProjectError, match="the csv reader needs 'file'"):
        rows_of("csv", tmp_path)
