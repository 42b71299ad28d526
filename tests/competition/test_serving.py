"""What `dojo serve` says before it serves."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import pytest

from deepdojo.competition.database.boards import submission
from deepdojo.competition.database.engine import Database, open_database
from deepdojo.competition.serving import _places, serve_store
from deepdojo.errors import DojoError
from tests.competition.arena import Arena
from tests.competition.databases import postgresql


def test_the_room_is_told_names_first_and_a_loopback_alone_where_nothing_else_answers() -> None:
    named = _places("0.0.0.0", 8000, ["gpu-box"], secure=True)
    assert named[0] == "https://gpu-box:8000"
    assert named[-1] == "https://127.0.0.1:8000"
    assert _places("127.0.0.1", 8000, ["room.example.org"], secure=False) == ["http://127.0.0.1:8000"]
    assert _places("::1", 8000, [], secure=False) == ["http://[::1]:8000"]


@pytest.mark.parametrize(
    "options",
    [{"port": 0}, {"port": 70_000}, {"workers": -1}, {"certificate": Path("c.pem")},
     {"certificate": Path("nowhere.pem"), "key": Path("nowhere.pem")}, {}],
)  # fmt: skip
def test_options_that_cannot_be_are_refused_before_anything_is_made(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(DojoError) as caught:
        serve_store(tmp_path / "none", **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "none").exists()


def test_workers_alone_need_a_database_for_several_machines_and_the_answers(tmp_path: Path) -> None:
    for options, said in (({}, "--db"), ({"db": "postgresql://nowhere/x", "workers": 0}, "take 1"),
                          ({"db": "postgresql://nowhere/x"}, "share the server's folder")):  # fmt: skip
        with pytest.raises(DojoError, match=said):
            serve_store(tmp_path / "none", pages=False, **options)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_second_machine_scores_what_the_first_took_in(tmp_path: Path) -> None:
    """Workers alone, over PostgreSQL and a copy of the store's folder; no web process is started."""
    with postgresql() as server:
        address = server.fresh()
        database = open_database(address)
        arena = Arena(database, tmp_path / "first" / "events", n=60)
        sent = arena.send("ada", arena.table(0.6))
        shutil.copytree(tmp_path / "first", tmp_path / "second")
        stop, up = threading.Event(), threading.Event()
        options = {"pages": False, "workers": 1, "stop": stop, "ready": lambda _: up.set(), "say": lambda _: None}
        thread = threading.Thread(target=serve_store, args=(tmp_path / "second", address), kwargs=options)
        thread.start()
        try:
            assert up.wait(60)
            end = time.monotonic() + 60
            while state_of(database, sent) == "queued" and time.monotonic() < end:
                time.sleep(0.1)
            assert state_of(database, sent) == "scored"
        finally:
            stop.set()
            thread.join(30)
            database.close()


def state_of(database: Database, sent: str) -> str:
    with database.read() as connection:
        return str(submission(connection, sent)["state"])


def test_a_certificate_that_does_not_fit_its_key_is_one_sentence(tmp_path: Path) -> None:
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).write_text("-----BEGIN NOTHING-----\n")
    with pytest.raises(DojoError, match="certificate and key do not go together") as caught:
        serve_store(tmp_path / "none", certificate=tmp_path / "c.pem", key=tmp_path / "k.pem")
    assert "\n" not in str(caught.value)
