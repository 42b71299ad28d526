"""What is taken in, and what is refused without a trace."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from deepdojo.competition.database.tables import jobs, payloads, submissions
from deepdojo.competition.packing import pack, unpack
from deepdojo.competition.refusal import Refusal


def counted(room, table):
    with room.database.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_a_submission_is_kept_whole_with_its_job(room):
    text = "id,label\n" + "".join(f"{i},good\n" for i in range(2000))
    public_id, before = room.send(text)
    assert not before
    with room.database.read() as connection:
        row = connection.execute(sa.select(submissions)).mappings().one()
        kept = connection.execute(sa.select(payloads)).mappings().one()
    assert row["public_id"] == public_id
    assert row["bytes"] == len(text)
    assert row["state"] == "queued"
    assert unpack(kept["data"], kept["encoding"]).decode() == text
    assert len(kept["data"]) < len(text) / 4
    assert counted(room, jobs) == 1


def test_the_same_key_is_the_same_submission(room):
    first = room.send(key="one")
    assert room.send(key="one") == (first[0], True)
    assert counted(room, submissions) == counted(room, jobs) == 1


def test_a_key_that_came_with_another_file_is_refused(room):
    room.send("id,label\n1,a\n", key="one")
    with pytest.raises(Refusal) as refused:
        room.send("id,label\n1,b\n", key="one")
    assert refused.value.code == "key_reused"


def test_the_same_file_again_uses_no_quota(room):
    first, _ = room.send(key="one")
    with pytest.raises(Refusal, match=first) as refused:
        room.send(key="two")
    assert refused.value.code == "already_sent"
    assert counted(room, submissions) == 1


def test_a_refused_file_may_be_sent_again_and_does_not_count(room):
    room.send(key="one")
    with room.database.write() as connection:
        connection.execute(submissions.update().values(state="refused", counted=False))
    room.send(key="two")
    for i in range(2):
        room.send(f"id,label\n1,{i}\n")
    with pytest.raises(Refusal) as refused:
        room.send("id,label\n1,z\n")
    assert refused.value.code == "quota"
    assert 0 < refused.value.retry_after_s <= 86_400


def test_before_the_start_and_after_the_end_nothing_is_taken(room):
    early = room.rules.model_copy(update={"starts": 4e9})
    late = room.rules.model_copy(update={"ends": 1e9})
    for rules, code in ((early, "not_started"), (late, "ended")):
        with pytest.raises(Refusal) as refused:
            room.send(rules=rules)
        assert refused.value.code == code
    assert counted(room, submissions) == counted(room, payloads) == 0


def test_twenty_at_once_never_pass_the_quota(room):
    def one(i):
        try:
            return room.send(f"id,label\n1,{i}\n")[1]
        except Refusal as refused:
            return refused.code

    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(one, range(20)))
    assert found.count(False) == 3
    assert found.count("quota") == 17
    assert counted(room, submissions) == 3


def test_a_team_that_sends_much_waits_behind_the_others(room):
    for i in range(3):
        room.send(f"id,label\n1,{i}\n")
    with room.database.read() as connection:
        turns = connection.execute(sa.select(jobs.c.order_key).order_by(jobs.c.id)).scalars().all()
    assert turns[1] - turns[0] > 0.9
    assert turns[2] - turns[1] > 0.9


@pytest.mark.parametrize("name", ["key", "file_name", "note"])
def test_absurdly_long_words_are_refused(room, name):
    with pytest.raises(Refusal, match="shorten it") as refused:
        room.send(**{name: "x" * 5000})
    assert refused.value.where == name


@pytest.mark.parametrize("data", [b"", b"\x00" * 100_000, bytes(range(256)) * 3, "id,label\n1,好\n".encode()])
def test_packing_loses_nothing(data):
    packed = pack(data)
    assert unpack(packed.data, packed.encoding) == data
    assert packed.size_bytes == len(data)
