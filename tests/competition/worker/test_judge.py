"""Scores of both parts from one reading, equal to those that the solution itself gives; faults word for word."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from deepdojo.competition.database.engine import open_database
from deepdojo.competition.hosting.solution import read_solution, write_solution
from deepdojo.competition.worker.judge import Judge
from deepdojo.competition.worker.process import ScoringLimits, ScoringProcess
from deepdojo.contracts import contract_of
from deepdojo.errors import ScoreError
from deepdojo.tables import Table, write_table
from tests.competition.arena import LABELS, Arena


@pytest.fixture(params=[False, True], ids=["single rows", "groups"])
def arena(request: pytest.FixtureRequest, tmp_path: Path):
    database = open_database(tmp_path / "server.sqlite")
    yield Arena(database, tmp_path / "events", n=90, grouped=request.param)
    database.close()


def private(arena: Arena) -> Path:
    return arena.events / arena.name / "private"


def same(judge: Judge, data: bytes, name: str, tmp_path: Path) -> None:
    """What a Judge says of a file is what `Solution.score` says, part by part."""
    found = judge.score(judge.read(data, name), ("public", "private"))
    solution = read_solution(judge.solution.folder)
    path = tmp_path / name
    path.write_bytes(data)
    table = solution.read(path)
    for part, mask in (("public", solution.public), ("private", ~solution.public)):
        wanted = solution.score(table, mask)
        assert {key: found[part][key] for key in wanted.as_json()} == wanted.as_json()
        assert np.array_equal(found[part]["influence"], wanted.influence)


def test_every_form_of_a_table_gets_the_scores_of_the_solution(arena: Arena, tmp_path: Path):
    judge, data = Judge(private(arena)), arena.table(0.7)
    lines = data.decode().splitlines()
    same(judge, data, "plain.csv", tmp_path)
    same(judge, "\n".join([lines[0], *lines[:0:-1]]).encode(), "backwards.csv", tmp_path)
    same(judge, b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"), "mark.csv", tmp_path)
    same(judge, data.decode().encode("utf-16"), "wide.csv", tmp_path)
    same(judge, data.replace(b",", b"\t"), "tabs.tsv", tmp_path)
    rows = [line.split(",") for line in lines[1:]]
    same(judge, "\n".join(json.dumps({"id": a, "label": b}) for a, b in rows).encode(), "lines.jsonl", tmp_path)
    write_table(tmp_path / "made.parquet", Table({"id": [a for a, _ in rows], "label": [b for _, b in rows]}),
                {"label": "label"})  # fmt: skip
    same(judge, (tmp_path / "made.parquet").read_bytes(), "made2.parquet", tmp_path)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("predictions.csv", data)
    same(judge, packed.getvalue(), "packed.zip", tmp_path)


def test_numbers_get_the_scores_of_the_solution(tmp_path: Path):
    draws = np.random.default_rng(5)
    contract = contract_of("tabular-regression")
    target = next(iter(contract.targets))
    column = next(name for name, kind in contract.predictions.items() if kind == "number")
    rows = [{"id": f"r{k:03d}", target: float(x)} for k, x in enumerate(draws.normal(size=120))]
    folder = tmp_path / "private"
    folder.mkdir()
    write_solution(
        folder, contract=contract, task="tabular-regression", metric="rmse", rows=rows, public=np.arange(120) % 3 == 0,
        groups=None, labels=None, key=b"k" * 32, facts={},
    )  # fmt: skip
    text = f"id,{column}\n" + "".join(f"{row['id']},{row[target] + 0.1 * draws.normal()!r}\n" for row in rows)
    same(Judge(folder), text.encode(), "numbers.csv", tmp_path)
    with pytest.raises(ScoreError, match="not a finite number"):
        Judge(folder).read(text.replace("r000,", "r000,nan#", 1).replace("nan#", "nan\nr999,").encode(), "x.csv")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace("r000001,", ""), r"mine.csv, line 3.*has 1 cells, the header has 2"),
        (lambda text: text.replace("r000001", "r000000"), r"1 id is doubled \('r000000'\)"),
        (lambda text: text + "r999999,amber\n", r"1 id is not asked for \('r999999'\)"),
        (lambda text: "\n".join(text.splitlines()[:-1]), r"1 id is missing"),
        (lambda text: text.replace("label", "lable", 1), r"rename 'lable' to 'label'"),
        (lambda text: "id,label\n" + text.split("\n", 1)[1].replace(",amber", ",ambre", 1),
         r"line \d+, id 'r\d+', column 'label'.*'ambre' is not among the known ones; take a label of the training"),
        (lambda text: text.replace(",amber", ",=1+1", 1), r"'=1\+1' is not among the known ones; take a label of"),
        (lambda text: text.replace(",amber", ",", 1), r"column 'label'.*the label is missing"),
        (lambda text: "", r"the file is empty"),
    ],
)  # fmt: skip
def test_faults_name_file_line_and_column(tmp_path: Path, change, told: str):
    database = open_database(tmp_path / "server.sqlite")
    arena = Arena(database, tmp_path / "events", n=30)
    database.close()
    with pytest.raises(ScoreError, match=told):
        Judge(private(arena)).read(change(arena.table(1.0).decode()).encode(), "mine.csv")


def test_no_fault_offers_a_label_that_the_sender_did_not_write(tmp_path: Path):
    database = open_database(tmp_path / "server.sqlite")
    arena = Arena(database, tmp_path / "events", n=30)
    database.close()
    judge, good = Judge(private(arena)), arena.table(1.0).decode()
    for near in ("ambe", "Amber", "beigee", "corall"):
        line = good.splitlines()[3]
        bad = good.replace(line, f"{line.split(',')[0]},{near}").encode()
        with pytest.raises(ScoreError) as caught:
            judge.read(bad, "mine.csv")
        assert near in str(caught.value)
        assert not [name for name in LABELS if name in str(caught.value) and name not in near]


def test_a_fault_that_quotes_an_answer_is_recognised(tmp_path: Path):
    database = open_database(tmp_path / "server.sqlite")
    arena = Arena(database, tmp_path / "events", n=30)
    database.close()
    judge = Judge(private(arena))
    said = Table({"id": ["r000000"], "label": ["amber"]}, "beige.csv")
    assert judge.tells(ScoreError("the answer is coral"), said)
    assert judge.tells(ScoreError("the answer is coral"), ["amber"])
    assert not judge.tells(ScoreError("'coral' is odd"), ["coral"])
    assert not judge.tells(ScoreError("'amber' is odd", where="beige.csv, line 2"), said)
    assert not judge.tells(ScoreError("a row is missing"), said)


@pytest.mark.parametrize(
    "name", ["../../x.csv", "/etc/passwd", "a\\b.csv", "x\x00.csv", "", ".csv", "a" * 300, "x.exe"]
)
def test_a_hostile_file_name_is_only_a_name(tmp_path: Path, name: str):
    database = open_database(tmp_path / "server.sqlite")
    arena = Arena(database, tmp_path / "events", n=30)
    database.close()
    with pytest.raises(ScoreError) as caught:
        Judge(private(arena)).read(b"id,label\nr000000\n", name)
    assert not set("/\\\0") & set(str(caught.value.where).split(", ")[0])


def packed(members: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return held.getvalue()


def wide_parquet(folder: Path) -> bytes:
    import duckdb

    path = folder / "wide.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 'a' AS id, 'amber' AS label FROM range(30000000)) TO '{path}'")
    return path.read_bytes()


@pytest.mark.parametrize(
    ("make", "name", "told"),
    [
        (lambda _: b"id,label\n" + b"a,amber\n" * 5_000_000, "x.csv", "5,000,001 lines, and 30 rows"),
        (lambda _: b"id,label" + b",c" * 1_000_000 + b"\n", "x.csv", "1,000,002 columns"),
        (lambda _: b"id,label\n" + b"a" * 40_000_000, "x.csv", "has 1 cells"),
        (lambda _: b'id,label\nr000000,"' + b"a" * 40_000_000, "x.csv", "not a table|not among|missing"),
        (lambda _: packed({"predictions.csv": bytes(500 << 20)}), "x.zip", "500 MiB unpacked, more than 64"),
        (lambda _: packed({"predictions.csv": b"a,b\n" * 10_000_000}), "x.zip", "10,000,000 lines"),
        (lambda _: packed({"../../x": b"", "predictions.csv": b"id,label\n"}), "x.zip", "points outside"),
        (lambda folder: wide_parquet(folder), "x.parquet", "30,000,000 rows"),
        (lambda _: b"PK\x03\x04" + b"rubbish" * 1000, "x.zip", "not a zip"),
        (lambda _: b"PAR1" + b"rubbish" * 1000, "x.parquet", "not a Parquet"),
        (lambda _: b"\xff\xfe" + b"\x00\xd8" * 1000, "x.csv", "missing"),
        (lambda _: b"\x00" * 100_000, "x.csv", "missing"),
        (lambda _: b"[" * 100_000, "x.jsonl", "not JSON"),
    ],
)  # fmt: skip
def test_what_would_take_too_much_room_is_refused_within_limits(tmp_path: Path, make, name: str, told: str):
    """In a scoring process with 1.5 GiB of addresses; within five seconds of processor time."""
    database = open_database(tmp_path / "server.sqlite")
    arena = Arena(database, tmp_path / "events", n=30)
    database.close()
    process = ScoringProcess(ScoringLimits(wall_s=100, cpu_s=5, memory_bytes=3 << 29))
    data = make(tmp_path)
    head = {"ask": "score", "private": str(private(arena)), "encoding": "raw", "bytes": len(data), "name": name,
            "parts": ["public"], "most_bytes": 64 << 20}  # fmt: skip
    try:
        answer, _ = process.ask(head, data)
    finally:
        process.close()
    assert re.search(told, answer.get("refused", {}).get("error", "")), answer
