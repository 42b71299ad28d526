"""Rows that do not stay in memory are the same rows; packs are reused, repaired, resumed, and made anew when needed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepdojo.columns import ColumnBuilder
from deepdojo.data import reading
from deepdojo.data.dataset import SPLITS, load_dataset
from deepdojo.data.digests import digest_of_lines
from deepdojo.data.project import open_project, save_project
from deepdojo.data.rowset import ById, Parts
from deepdojo.errors import DataError
from deepdojo.packs import find_pack, packed_folder, packing
from deepdojo.places import cache_folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("DEEPDOJO_CACHE", str(tmp_path_factory.mktemp("cache")))
    cache_folder.cache_clear()
    yield
    cache_folder.cache_clear()


def table(n: int = 120) -> str:
    lines = [
        f"{i},{i * 37 % 101}.5,{'ab'[i % 2]},g{i // 3},2024-01-{1 + i % 28:02d},{'xyz'[i * 7 % 3]}" for i in range(n)
    ]
    lines[5], lines[40] = '5,1,a,"broken', "40,,a,g13,2024-01-02,"  # a stray quotation mark, a missing label
    return "id,size,word,group,day,label\n" + "\n".join(lines) + "\n"


def pictures(folder: Path) -> None:
    generator = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (folder / label).mkdir(parents=True)
        for i in range(20):
            shade = generator.integers(0, 255, size=(8, 8, 3), dtype=np.uint8)
            Image.fromarray(shade).save(folder / label / f"{i}.{'png' if i % 2 else 'jpg'}")
    (folder / "cat" / "3.png").write_bytes(b"")  # left out


RAGGED = "".join(
    json.dumps({"a": i, **({"b": f"w{i}"} if i % 3 else {}), **({"c": True} if i == 77 else {}), "label": "pq"[i % 2]})
    + "\n"
    for i in range(90)
)
COLUMNS = {"columns": {"features": ["size", "word"]}, "task": "tabular-classification"}
CASES = {
    "table": ({"t.csv": table()}, {"data": {"file": "t.csv"}, **COLUMNS}),
    "ids": ({"t.csv": table()}, {"data": {"file": "t.csv", "id": "id"}, **COLUMNS}),
    "groups": ({"t.csv": table()}, {"data": {"file": "t.csv"}, "split": {"group": "group"}, **COLUMNS}),
    "by time": ({"t.csv": table()}, {"data": {"file": "t.csv"}, "split": {"order": "day"}, **COLUMNS}),
    "by value": (
        {"t.csv": table()},
        {"data": {"file": "t.csv"}, "split": {"test": {"column": "word", "values": ["b"]}}, **COLUMNS},
    ),
    "folds": ({"t.csv": table()}, {"data": {"file": "t.csv"}, "split": {"folds": 4, "fold": 2}, **COLUMNS}),
    "given parts": (
        {"a.csv": table(), "b.csv": table(50)},
        {"data": {"split": {"train": {"file": "a.csv"}, "test": {"file": "b.csv"}}}, **COLUMNS},
    ),
    "ragged": ({"t.jsonl": RAGGED}, {"data": {"file": "t.jsonl"}, "task": "tabular-classification"}),
    "texts": (
        {"t.csv": "text,label\n" + "".join(f"wört {i} 狗,{'ab'[i % 2]}\n" for i in range(50))},
        {"data": {"file": "t.csv"}, "task": "text-classification"},
    ),
    "numbers": (
        {"t.csv": "x,value\n" + "".join(f"{i},{i / 7!r}\n" for i in range(50))},
        {"data": {"file": "t.csv"}, "task": "tabular-regression"},
    ),
    "series": (
        {"t.csv": "y\n" + "".join(f"{i * 37 % 101 if i % 30 else 'x'}\n" for i in range(90))},
        {
            "data": {
                "reader": "series",
                "file": "t.csv",
                "context": 4,
                "horizon": 2,
                "id": "id",
                "season": 1,
                "split": {"train": {"stop": 0.7}, "test": {"start": 0.7}},
            },
            "task": "forecasting",
        },
    ),
    "pictures": (
        {},
        {
            "data": {"reader": "files", "glob": "*/*.{png,jpg}"},
            "columns": {"label": "folder", "image": "file"},
            "task": "image-classification",
        },
    ),
}


def project(folder: Path, case: str):
    files, spec = CASES[case]
    if not (folder / "project.toml").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        if case == "pictures":
            pictures(folder)
        save_project(folder, {"name": "t", **spec})
    return open_project(folder)


def load(folder: Path, case: str = "table", *, memory: int | None = None, monkeypatch=None, **more):
    if monkeypatch is not None and memory is not None:
        monkeypatch.setenv("DEEPDOJO_IN_MEMORY_ROWS", str(memory))
    return load_dataset(project(folder, case), **more)


def plain(cell):
    if isinstance(cell, np.ndarray):
        return cell.tobytes()
    return cell.read() if hasattr(cell, "read") else cell


def content(data):
    rows = {s: [{k: plain(v) for k, v in row.items()} for row in data.rows(s)] for s in SPLITS}
    places = {row["id"]: data.where(row["id"]) for s in SPLITS for row in data.rows(s)}
    groups = {s: None if data.groups(s) is None else data.groups(s).tolist() for s in SPLITS}
    truth = {s: [{k: plain(v) for k, v in row.items()} for row in data.truth(s)] for s in SPLITS}
    return rows, places, groups, truth, list(data.rejected), data.split_of, data.files, [data.digest(s) for s in SPLITS]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("memory", [0, 17])
def test_packed_rows_are_the_rows(tmp_path, monkeypatch, case, memory):
    kept = load(tmp_path, case, memory=1000, monkeypatch=monkeypatch)
    packed = load(tmp_path, case, memory=memory, monkeypatch=monkeypatch)
    assert kept.packed is None
    assert "are packed" in packed.packed
    assert content(packed) == content(kept)
    again = load(tmp_path, case)
    assert "before" in again.packed
    assert content(again) == content(kept)
    if case == "folds":
        assert [content(d) for d in again.folds()] == [content(d) for d in kept.folds()]


def test_rows_are_chosen_and_left_out_alike(tmp_path, monkeypatch):
    kept, packed = (load(tmp_path, memory=memory, monkeypatch=monkeypatch) for memory in (1000, 0))
    rows = packed.rows("train")
    assert [dict(r) for r in rows[3:9:2]] == kept.rows("train")[3:9:2]
    assert dict(rows[-1]) == kept.rows("train")[-1]
    gone = rows[4]["id"]
    for data in (kept, packed):
        data.reject(gone, "no reason")
        data.reject(gone, "twice")
    assert content(packed) == content(kept)
    assert packed.rejected[-1].reason == "no reason"
    recorded = Parts(kept.split_of.items())
    assert content(load(tmp_path, split_of={**kept.split_of, gone: "train"}))[0] != content(kept)[0]
    with pytest.raises(DataError, match="1 rows are not in the recorded split"):
        load(tmp_path, split_of=recorded)


def no_reading(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("the files were read again")

    monkeypatch.setattr(reading, "read", refuse)


def test_the_second_start_reads_no_file_and_other_times_alone_change_nothing(tmp_path, monkeypatch):
    first = content(load(tmp_path, memory=0, monkeypatch=monkeypatch))
    os.utime(tmp_path / "t.csv", (1, 1))
    no_reading(monkeypatch)
    assert content(load(tmp_path)) == first


def test_equal_rows_of_changed_data_are_other_rows(tmp_path, monkeypatch):
    """What was made from rows (the split, examples) must not be found when one cell of the file has changed."""
    before = load(tmp_path, memory=0, monkeypatch=monkeypatch).rows("train")
    (tmp_path / "t.csv").write_text(table().replace(".5,", ".7,"), encoding="utf-8")
    after = load(tmp_path).rows("train")
    assert before.select(np.arange(3)).identity() != after.select(np.arange(3)).identity()


@pytest.mark.parametrize("case", ["table", "pictures"])
def test_changed_data_are_packed_anew(tmp_path, monkeypatch, case):
    before = load(tmp_path, case, memory=0, monkeypatch=monkeypatch)
    if case == "table":
        (tmp_path / "t.csv").write_text(table(130), encoding="utf-8")
    else:
        Image.new("RGB", (8, 8), "red").save(tmp_path / "dog" / "new.png")
    after = load(tmp_path, case)
    assert "are packed" in after.packed
    assert after.n > before.n
    monkeypatch.setenv("DEEPDOJO_CACHE", str(tmp_path / "empty"))
    cache_folder.cache_clear()
    kept = load(tmp_path, case, memory=1000, monkeypatch=monkeypatch)
    assert kept.packed is None
    assert content(kept) == content(after)


def test_a_picture_that_was_missing_and_came_is_seen(tmp_path, monkeypatch):
    pictures(tmp_path / "images")
    names = [f"images/cat/{i}.jpg" for i in range(0, 20, 2)] + ["images/cat/late.jpg"]
    (tmp_path / "t.csv").write_text("image,label\n" + "".join(f"{n},{'ab'[i % 2]}\n" for i, n in enumerate(names)))
    save_project(tmp_path, {"name": "t", "task": "image-classification", "data": {"file": "t.csv"}})
    monkeypatch.setenv("DEEPDOJO_IN_MEMORY_ROWS", "0")
    assert len(load_dataset(open_project(tmp_path)).rejected) == 1
    (tmp_path / "images/cat/0.jpg").rename(tmp_path / "images/cat/late.jpg")
    later = load_dataset(open_project(tmp_path))
    assert [r.line for r in later.rejected] == [2]


@pytest.mark.parametrize("how", ["flipped", "cut", "no meta"])
def test_a_damaged_pack_is_made_anew(tmp_path, monkeypatch, how):
    first = content(load(tmp_path, memory=0, monkeypatch=monkeypatch))
    (pack,) = packed_folder().glob("rows-*")
    data = bytearray((pack / "features").read_bytes())
    if how == "flipped":
        data[100] ^= 1
        (pack / "features").write_bytes(data)
    elif how == "cut":
        (pack / "features").write_bytes(data[:-1])
    else:
        (pack / "meta.json").write_text("{")
    again = load(tmp_path)
    assert "are packed" in again.packed
    assert content(again) == first


def test_doubled_ids_are_found_whether_packed_now_or_before(tmp_path, monkeypatch):
    text = table().replace("\n90,", "\n7,")
    folder = tmp_path / "p"
    project(folder, "ids")
    (folder / "t.csv").write_text(text, encoding="utf-8")
    said = []
    for memory in (1000, 0, 0):
        with pytest.raises(DataError) as error:
            load(folder, "ids", memory=memory, monkeypatch=monkeypatch)
        said.append(str(error.value))
    assert said[0] == said[1] == said[2]
    assert "t.csv:9 and t.csv:92" in said[0]


KILLED = """
import os, signal, sys
from pathlib import Path
from deepdojo import packs
from deepdojo.data import packed_rows
from deepdojo.data.dataset import load_dataset
from deepdojo.data.project import open_project
packs.COMMIT_EVERY_S, packed_rows._CHUNK = -1.0, 8
add = packed_rows.RowWriter.add
def killing(self, row, *arguments, **options):
    if self.n == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    add(self, row, *arguments, **options)
packed_rows.RowWriter.add = killing
load_dataset(open_project(Path(sys.argv[1])))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize(
    ("case", "at"), [("table", 31), ("given parts", 31), ("ragged", 31), ("pictures", 31), ("series", 55)]
)
def test_a_killed_packing_goes_on_where_it_was(tmp_path, monkeypatch, case, at):
    kept = content(load(tmp_path, case, memory=1000, monkeypatch=monkeypatch))
    monkeypatch.setenv("DEEPDOJO_IN_MEMORY_ROWS", "0")
    child = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(at)], capture_output=True, check=False)
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    assert [p.name.endswith(".partial") for p in packed_folder().glob("rows-*")] == [True]
    made = []
    take = reading.take
    monkeypatch.setattr(reading, "take", lambda *a, **k: made.append(1) or take(*a, **k))
    packed = load(tmp_path, case)
    assert content(packed) == kept
    raws = packed.n + len(packed.rejected)
    assert len(made) <= raws - 24  # three chunks of eight were committed


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_packing_that_is_killed_while_it_writes_what_was_in_memory_loses_no_row(tmp_path, monkeypatch):
    """The walk is 40 rows ahead of what is written: where it is says nothing of what is safe on the disk."""
    kept = content(load(tmp_path, "table", memory=1000, monkeypatch=monkeypatch))
    monkeypatch.setenv("DEEPDOJO_IN_MEMORY_ROWS", "40")
    child = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), "31"], capture_output=True, check=False)
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    assert content(load(tmp_path, "table")) == kept


def test_a_packing_whose_data_changed_begins_again(tmp_path, monkeypatch):
    if not hasattr(signal, "SIGKILL"):
        pytest.skip("this system has no SIGKILL")
    project(tmp_path, "table")
    monkeypatch.setenv("DEEPDOJO_IN_MEMORY_ROWS", "0")
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), "40"], capture_output=True, check=False)
    (tmp_path / "t.csv").write_text(table(60).replace(".5", ".25"), encoding="utf-8")
    packed = content(load(tmp_path))
    assert packed == content(load(tmp_path, memory=1000, monkeypatch=monkeypatch))


TOGETHER = """
import sys
from pathlib import Path
from deepdojo.data.dataset import load_dataset
from deepdojo.data.project import open_project
print(load_dataset(open_project(Path(sys.argv[1]))).digest("test"))
"""


def test_two_processes_pack_the_same_rows_once(tmp_path, monkeypatch):
    digest = load(tmp_path, memory=1000, monkeypatch=monkeypatch).digest("test")
    monkeypatch.setenv("DEEPDOJO_IN_MEMORY_ROWS", "0")
    command = [sys.executable, "-c", TOGETHER, str(tmp_path)]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [child.communicate()[0].strip() for child in children] == [digest] * 2
    assert len(list(packed_folder().glob("rows-*"))) == 1


def test_room_is_made_for_new_packs(monkeypatch):
    monkeypatch.setenv("DEEPDOJO_PACKED_GB", "0.000001")
    for name in ("a", "b"):
        with packing(name) as work:
            work.append("x", b"1" * 2000)
            work.finish({})
        if name == "a":
            os.utime(packed_folder() / name, (1, 1))
    assert find_pack("a") is None
    assert find_pack("b").raw("x")[:2] == b"11"


def test_columns_keep_what_comes():
    cells = {
        "label": ["b", "a", "b"],
        "number": [1.5, float("inf"), -0.0],
        "id": ["狗", "", "x\udc80"],
        "distribution": [{"a": 0.25, "b": 0.75}, {"a": 1.0, "b": 0.0}],
        "text": ["x", "y"],
    }
    for kind, values in cells.items():
        for odd in ([], [None], [{"c": 1.0}]):
            builder = ColumnBuilder(kind)
            for value in [*values, *odd]:
                builder.append(value)
            assert builder.column() == [*values, *odd]
            assert builder.column()[1:] == [*values, *odd][1:]


def test_the_digest_of_many_lines_is_that_of_few(monkeypatch):
    lines = [f'{{"id": "{i * 7919 % 1000}"}}' for i in range(1000)]
    whole = digest_of_lines(lines)
    for at_once in (1, 7, 500, 1000):
        monkeypatch.setattr("deepdojo.data.digests._AT_ONCE", at_once)
        assert digest_of_lines(iter(lines)) == whole


def test_rows_by_id():
    rows = [{"id": f"r{i}", "n": i} for i in range(50)]
    found = ById(rows)
    assert found["r7"] == rows[7]
    assert "r50" not in found
    assert list(found) == [row["id"] for row in rows]
