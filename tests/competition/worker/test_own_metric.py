"""A host's own metric judges submissions in the sandbox, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deepdojo.competition.database.boards import board, submission
from deepdojo.competition.database.engine import open_database
from deepdojo.competition.database.events import event_of
from deepdojo.competition.worker.process import ScoringLimits
from tests.competition.arena import Arena

METRIC = """
class ParticipantVisibleError(Exception): ...

def score(solution, submission, row_id_column_name):
    said = list(submission["label"])
    if set(said) == {"amber"}:
        raise ParticipantVisibleError("say more than amber")
    if set(said) == {"beige"}:
        raise ValueError("the first answer is " + list(solution["label"])[0])
    return sum(a == b for a, b in zip(list(solution["label"]), said)) / len(said)
"""


@pytest.fixture
def arena(tmp_path: Path):
    database = open_database(tmp_path / "server.sqlite")
    made = Arena(database, tmp_path / "events", n=30)
    private = made.events / made.name / "private"
    facts = json.loads((private / "solution.json").read_text())
    (private / "solution.json").write_text(json.dumps({**facts, "metric": "python:metric.py"}))
    (private / "metric.py").write_text(METRIC)
    yield made
    database.close()


def told(arena: Arena, names: list[str], *, host: bool = False) -> list[dict[str, object]]:
    with arena.database.read() as connection:
        return [submission(connection, name, host=host) for name in names]


def table(arena: Arena, said: list[str]) -> bytes:
    """All columns of the task: no metric of ours says that one is enough."""
    rows = zip(arena.ids, said, strict=True)
    return "".join(json.dumps({"id": a, "label": b, "probabilities": {b: 1.0}}) + "\n" for a, b in rows).encode()


def mostly_right(arena: Arena) -> bytes:
    return table(arena, [*arena.truth[:25], "amber", "coral", "beige", "amber", "coral"])


def all_of(arena: Arena, label: str) -> bytes:
    return table(arena, [label] * arena.n)


def test_a_hosts_metric_judges_in_the_sandbox(arena: Arena, tmp_path: Path):
    from deepdojo.competition.sandbox import Sandbox, SandboxError

    try:
        Sandbox().run(["/bin/true"])
    except SandboxError as error:
        pytest.skip(f"no sandbox here: {error}")
    good = arena.send("ada", mostly_right(arena), name="mine.jsonl")
    visible, leaking = (
        arena.send("bob", all_of(arena, "amber"), name="a.jsonl"),
        arena.send("cy", all_of(arena, "beige"), name="b.jsonl"),
    )
    worker = arena.worker(limits=ScoringLimits(custom_wall_s=60))
    try:
        arena.drain(worker, 300)
    finally:
        worker.close()
    scored, refused, failed = told(arena, [good, visible, leaking])
    assert (scored["state"], refused["state"], failed["state"]) == ("scored", "refused", "failed")
    assert "say more than amber" in str(refused["fault"])
    assert "answer" not in str(failed)
    assert "the first answer is" in str(told(arena, [leaking], host=True)[0]["fault_host"])
    with arena.database.read() as connection:
        assert [row["rank"] for row in board(connection, event_of(connection, arena.name))] == [1]


def test_without_a_sandbox_the_metric_does_not_run_and_the_host_reads_why(
    arena: Arena, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("PATH", str(tmp_path))  # no bwrap there
    (arena.events / arena.name / "private" / "metric.py").write_text("open('ran', 'w').close()\n" + METRIC)
    monkeypatch.chdir(tmp_path)
    sent = arena.send("ada", mostly_right(arena), name="mine.jsonl")
    worker = arena.worker()
    try:
        arena.drain(worker)
    finally:
        worker.close()
    assert told(arena, [sent])[0]["state"] == "failed"
    assert "bubblewrap is not installed" in str(told(arena, [sent], host=True)[0]["fault_host"])
    assert not list(tmp_path.rglob("ran"))
