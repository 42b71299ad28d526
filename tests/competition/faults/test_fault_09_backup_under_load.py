"""A backup taken while teams send and workers score, restored elsewhere: the same board; a wrong byte is refused."""

from __future__ import annotations

import hashlib
import random
import shutil
import sys
import time
from pathlib import Path

import pytest

from deepdojo.competition.audit import audit_event
from deepdojo.competition.backup import back_up, restore
from deepdojo.competition.database.engine import open_database
from deepdojo.competition.database.events import event_of
from deepdojo.errors import DojoError
from tests.competition.faults import both
from tests.competition.faults.processes import Site, site
from tests.competition.faults.under_fire import sending

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9 on Windows")


def has_pg_dump() -> bool:
    return bool(shutil.which("pg_dump") or list(Path("/usr/lib/postgresql").glob("*/bin/pg_dump")))


@both
def test_fault_09_a_backup_under_load_gives_an_equal_board_elsewhere(
    address: str, tmp_path: Path, request: pytest.FixtureRequest
):
    db = address if address.startswith("postgresql") else None
    if db is not None and not has_pg_dump():
        pytest.skip("pg_dump is not installed")
    with site(address, tmp_path / "store") as served:
        served.web()
        served.worker()
        with sending(served, 3, 0.05) as senders:
            time.sleep(1.5)
            older = [name for sender in senders for name in list(sender.acknowledged.values())]
            back_up(served.arena.database, served.store, tmp_path / "under load.zip", db=db)
        served.drained()
        back_up(served.arena.database, served.store, tmp_path / "at rest.zip", db=db)
        board, ids = served.board().json, served.ids()
    for name, all_of in (("under load", older), ("at rest", ids)):
        other = request.getfixturevalue("postgresql_server").fresh() if db is not None else None
        place = tmp_path / name
        restore(tmp_path / f"{name}.zip", place, db=other)
        with elsewhere(other or str(place / "server.sqlite"), place, served) as again:
            again.web()
            again.worker()
            again.drained()
            assert set(all_of) <= set(again.ids())
            if name == "at rest":
                assert again.board().json["rows"] == board["rows"]
            with again.arena.database.read() as connection:
                event = event_of(connection, "reviews")
            found = audit_event(again.arena.database, place / "events", event)
            assert found["different"] == []
            assert found["submissions"] == len(again.ids())


class elsewhere:
    """The restored store with processes of its own."""

    def __init__(self, address: str, place: Path, like: Site) -> None:
        self.database = open_database(address, create=False)
        arena = like.arena.__class__.__new__(like.arena.__class__)
        arena.__dict__ = like.arena.__dict__ | {"database": self.database, "events": place / "events"}
        self.site = Site(arena, address, place, place / "logs", tokens=dict(like.tokens))

    def __enter__(self) -> Site:
        return self.site

    def __exit__(self, *_: object) -> None:
        self.site.end()
        self.database.close()


def tree(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_fault_09_a_wrong_byte_anywhere_is_refused_or_without_any_effect(tmp_path: Path):
    """Bytes that no checksum covers are dates and rights of members, which restoring does not read."""
    with site(str(tmp_path / "store" / "server.sqlite"), tmp_path / "store") as served:
        served.arena.send("ada", served.arena.table(0.6))
        back_up(served.arena.database, served.store, tmp_path / "b.zip")
    good = (tmp_path / "b.zip").read_bytes()
    restore(tmp_path / "b.zip", tmp_path / "whole")
    wanted, draws, refused = tree(tmp_path / "whole"), random.Random(9), 0
    for number in range(60):
        bad = bytearray(good)
        at = draws.randrange(len(good)) if number % 2 else len(good) - 1 - draws.randrange(min(1500, len(good)))
        bad[at] ^= 1 << draws.randrange(8)
        (tmp_path / "bad.zip").write_bytes(bad)
        target = tmp_path / f"try {number}"
        try:
            restore(tmp_path / "bad.zip", target)
        except DojoError:
            refused += 1
            assert not target.exists()
        else:
            assert tree(target) == wanted, at
    assert refused > 30
