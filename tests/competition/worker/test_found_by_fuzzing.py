"""Found by fuzzing: faults that repeat what the sender wrote reach the sender, whatever the file is packed in."""

from __future__ import annotations

import io
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import sqlalchemy as sa

from deepdojo.competition.database.engine import Database
from deepdojo.competition.database.lease import fail, lease
from deepdojo.competition.database.tables import submissions
from deepdojo.competition.worker.scoring import _answer
from deepdojo.errors import ScoreError
from deepdojo.tables import Table, write_table
from tests.competition.arena import Arena
from tests.competition.fuzzing.hosted import Hosted, host


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Hosted:
    return host(tmp_path_factory.mktemp("hosted"), "text-classification", "accuracy")


def said_of(hosted: Hosted, data: bytes, name: str = "mine.csv") -> dict[str, object]:
    head = {"ask": "score", "private": str(hosted.private), "encoding": "raw", "bytes": len(data), "name": name,
            "parts": ("public", "private"), "most_bytes": 1 << 20}  # fmt: skip
    return _answer(OrderedDict({str(hosted.private): hosted.judge}), head, data)[0]


def packed(data: bytes, **members: bytes) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("predictions.csv", data)
        for name, more in members.items():
            archive.writestr(name, more)
    return kept.getvalue()


def wrong(hosted: Hosted, form: str, tmp_path: Path) -> bytes:
    """A label that is none, around one that is an answer."""
    text = hosted.whole[".csv"].decode().replace("amber", "burnt amber", 1)
    if form == "Parquet":
        rows = [line.split(",") for line in text.splitlines()[1:]]
        table = Table({"id": [a for a, _ in rows], "label": [b for _, b in rows]})
        write_table(tmp_path / "t.parquet", table, {"label": "label"})
        return (tmp_path / "t.parquet").read_bytes()
    return {"UTF-8": text.encode(), "UTF-16": text.encode("utf-16"), "zip": packed(text.encode())}[form]


@pytest.mark.parametrize("form", ["UTF-8", "UTF-16", "zip", "Parquet"])
def test_a_wrong_label_that_holds_an_answer_is_named_in_every_form(hosted: Hosted, form: str, tmp_path: Path):
    data = wrong(hosted, form, tmp_path)
    said = said_of(hosted, data)
    assert "'burnt amber' is not among the known ones" in said["refused"]["error"]


def test_a_metric_that_would_tell_an_answer_does_not(hosted: Hosted, monkeypatch: pytest.MonkeyPatch):
    def tell(*_: object) -> None:
        raise ScoreError("coral is asked for in row 3")

    monkeypatch.setattr(hosted.judge, "score", tell)
    data = hosted.whole[".csv"]
    assert "failed" in said_of(hosted, data.replace(b"coral", b"amber"))
    assert "refused" in said_of(hosted, data)


def test_a_zip_whose_directory_lies_about_a_place_is_refused(hosted: Hosted):
    """zipfile raises ValueError: negative seek value."""
    data = bytearray(packed(hosted.whole[".csv"]))
    at = data.rfind(b"PK\x05\x06")
    data[at + 16 : at + 20] = (at + 5000).to_bytes(4, "little")  # where the directory begins
    said = said_of(hosted, bytes(data), "mine.zip")
    assert "zip" in said["refused"]["error"]


def test_a_header_of_one_endless_name_does_not_come_back_as_a_fault(hosted: Hosted):
    said = said_of(hosted, b"x" * 500_000 + b"\n1\n")
    assert max(len(part or "") for part in said["refused"].values()) <= 4000


def test_a_reason_that_no_database_takes_is_kept_as_far_as_it_can_be(database: Database, tmp_path: Path):
    arena = Arena(database, tmp_path / "events", n=30)
    arena.send("ada", arena.table(0.5))
    for _ in range(3):
        fail(database, lease(database, 1)[0], "a\0b \ud800")
    with database.read() as connection:
        assert connection.execute(sa.select(submissions.c.fault_host)).scalar_one() == "a\ufffdb ?"
