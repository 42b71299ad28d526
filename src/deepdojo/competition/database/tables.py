"""The tables, for SQLite and PostgreSQL alike. Times are seconds since 1970 by the database's own clock."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)  # fmt: skip

__all__ = [
    "OPEN_JOB", "SCHEMA_VERSION", "announcements", "audit", "boards", "events", "jobs", "ladders", "members", "meta",
    "metadata", "payloads", "people", "program_runs", "rubrics", "scores", "sessions", "submissions", "teams",
    "vectors",
]  # fmt: skip

SCHEMA_VERSION = 3
"""What changes it is told in migrate.py."""

metadata = MetaData()
# SQLite counts rows with INTEGER alone; PostgreSQL wants room beyond 2^31.
_Id = BigInteger().with_variant(Integer(), "sqlite")


def _table(name: str, *parts: Any) -> Table:
    return Table(name, metadata, *parts)


def _own() -> Column[int]:
    return Column("id", _Id, primary_key=True, autoincrement=True)


def _of(name: str, target: str, **more: object) -> Column[int]:
    return Column(name, _Id, ForeignKey(target), **more)  # type: ignore[arg-type]


meta = _table("meta", Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

events = _table(
    "events",
    _own(),
    Column("name", Text, nullable=False, unique=True),
    Column("rules", Text, nullable=False),
    Column("code", Text, nullable=False),  # in the join link
    Column("frozen_at", Double),
    Column("rubric", Integer, nullable=False, server_default="1"),
    Column("version", Integer, nullable=False, server_default="0"),  # of the boards: what caches are keyed by
    Column("shown_version", Integer, nullable=False, server_default="0"),  # of what entrants may see
    Column("ranked_version", Integer, nullable=False, server_default="0"),
    Column("created", Double, nullable=False),
    Column("closed_at", Double),  # the private board is shown from then on
)

people = _table(
    "people",
    _own(),
    Column("name", Text, nullable=False),
    Column("skeleton", Text, nullable=False, unique=True),  # names that look alike share it
    Column("role", Text, nullable=False),
    Column("token_sha256", Text, nullable=False, unique=True),
    Column("password_hash", Text),
    Column("created", Double, nullable=False),
    Column("revoked", Double),
    CheckConstraint("role IN ('host', 'entrant', 'viewer')", name="known_role"),
)

sessions = _table(
    "sessions",
    Column("id", Text, primary_key=True),  # SHA-256 of what the cookie holds
    _of("person_id", "people.id", nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False),
    Column("revoked", Double),
)

teams = _table(
    "teams",
    _own(),
    _of("event_id", "events.id", nullable=False),
    Column("name", Text, nullable=False),
    Column("skeleton", Text, nullable=False),
    Column("invite", Text, nullable=False),
    Column("created", Double, nullable=False),
    UniqueConstraint("event_id", "skeleton"),
)

members = _table(
    "members",
    _of("event_id", "events.id", nullable=False),
    _of("team_id", "teams.id", nullable=False),
    _of("person_id", "people.id", nullable=False),
    Column("joined", Double, nullable=False),
    PrimaryKeyConstraint("event_id", "person_id"),
    Index("members_of_team", "team_id"),
)

submissions = _table(
    "submissions",
    _own(),
    Column("public_id", Text, nullable=False, unique=True),
    _of("event_id", "events.id", nullable=False),
    _of("team_id", "teams.id", nullable=False),
    _of("person_id", "people.id", nullable=False),
    Column("key", Text, nullable=False),  # the sender's idempotency key
    Column("kind", Text, nullable=False),  # table, zip, code
    Column("file_name", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("manifest", Text),
    Column("sha256", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("version", Text, nullable=False),  # of DeepDojo
    Column("created", Double, nullable=False),
    Column("address", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="queued"),
    Column("counted", Boolean, nullable=False, server_default=text("true")),
    Column("fault", Text),  # JSON, for the sender
    Column("fault_host", Text),  # for the host alone
    Column("chosen", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("team_id", "key"),
    CheckConstraint("state IN ('queued', 'scored', 'refused', 'failed')", name="known_state"),
    Index("submissions_of_team", "team_id", "created"),
    Index("submissions_by_content", "event_id", "sha256"),
)

payloads = _table(
    "payloads",
    _of("submission_id", "submissions.id", primary_key=True),
    Column("encoding", Text, nullable=False),  # raw, zlib
    Column("data", LargeBinary, nullable=False),
)

# What came of running an entrant's program: its table is what is scored, ever again, so that it need not run twice.
program_runs = _table(
    "program_runs",
    _of("submission_id", "submissions.id", primary_key=True),
    Column("kind", Text, nullable=False),  # code: predict.py; run: of `dojo train`; lesson: its solution
    Column("seconds", Double, nullable=False),
    Column("peak_bytes", BigInteger, nullable=False),
    Column("log", Text, nullable=False),  # what it printed: for the host alone, since it can quote hidden inputs
    Column("file_name", Text, nullable=False),
    Column("encoding", Text),
    Column("data", LargeBinary),  # None: it came to none
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", Text),
)

jobs = _table(
    "jobs",
    _own(),
    Column("kind", Text, nullable=False),  # run (a program), score, rank, rescore, close
    _of("event_id", "events.id", nullable=False),
    _of("team_id", "teams.id"),
    _of("submission_id", "submissions.id"),
    Column("rubric", Integer, nullable=False),
    Column("state", Text, nullable=False, server_default="queued"),
    Column("token", Text),
    Column("lease_until", Double, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),  # leases; a killed worker costs one too
    Column("failures", Integer, nullable=False, server_default="0"),  # attempts that ended in a fault of scoring
    Column("order_key", Double, nullable=False),  # fair between teams: see database/lease.py
    Column("why", Text),
    CheckConstraint("state IN ('queued', 'leased', 'done', 'failed')", name="known_job_state"),
    UniqueConstraint("kind", "submission_id", "rubric"),
    Index("jobs_waiting_of_team", "team_id", sqlite_where=text("state IN ('queued', 'leased')"),
          postgresql_where=text("state IN ('queued', 'leased')")),
    Index(
        "jobs_open", "order_key", "id",
        sqlite_where=text("state IN ('queued', 'leased')"), postgresql_where=text("state IN ('queued', 'leased')"),
    ),
)  # fmt: skip

OPEN_JOB = text("jobs.state IN ('queued', 'leased')")
"""As the partial indexes have it, word for word: with bound values SQLite would not know that they fit, and would look
through all jobs there ever were."""

rubrics = _table(
    "rubrics",
    _of("event_id", "events.id", nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),  # active, preview, old, cancelled
    Column("reason", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("solution_sha256", Text, nullable=False),
    Column("folder", Text, nullable=False),  # below the event's private folder
    Column("created", Double, nullable=False),
    PrimaryKeyConstraint("event_id", "version"),
)

scores = _table(
    "scores",
    _of("submission_id", "submissions.id", nullable=False),
    Column("rubric", Integer, nullable=False),
    Column("part", Text, nullable=False),  # public, private
    Column("value", Double, nullable=False),
    Column("low", Double, nullable=False),
    Column("high", Double, nullable=False),
    Column("n", Integer, nullable=False),
    Column("interval", Text, nullable=False),
    # Of the public part, what the Ladder lets entrants see: the team's value after it, and whether it is this one's.
    Column("shown", Double),
    Column("moved", Boolean),
    Column("version", Text, nullable=False),  # of the metric
    Column("scored", Double, nullable=False),
    PrimaryKeyConstraint("submission_id", "rubric", "part"),
    # NaN sorts first on PostgreSQL, and infinity would win: only finite scores are scores.
    CheckConstraint("value > -1e308 AND value < 1e308", name="finite"),
)

vectors = _table(
    "vectors",
    _of("submission_id", "submissions.id", nullable=False),
    Column("rubric", Integer, nullable=False),
    Column("part", Text, nullable=False),  # frozen, private; of the public board the Ladder has them
    Column("data", LargeBinary, nullable=False),  # float32 pseudo-values (value + influence) of each row
    PrimaryKeyConstraint("submission_id", "rubric", "part"),
)

ladders = _table(
    "ladders",
    _of("event_id", "events.id", nullable=False),
    _of("team_id", "teams.id", nullable=False),
    Column("rubric", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("data", LargeBinary),
    PrimaryKeyConstraint("team_id", "rubric"),
)

boards = _table(
    "boards",
    _of("event_id", "events.id", nullable=False),
    _of("team_id", "teams.id", nullable=False),
    Column("rubric", Integer, nullable=False),
    Column("part", Text, nullable=False),  # public: the Ladder's; private: the final one; frozen: a copy of public
    _of("submission_id", "submissions.id", nullable=False),
    Column("value", Double, nullable=False),
    Column("low", Double, nullable=False),
    Column("high", Double, nullable=False),
    Column("n", Integer, nullable=False),
    Column("rank", Integer),
    Column("submissions", Integer, nullable=False),
    Column("moved", Double, nullable=False),
    PrimaryKeyConstraint("event_id", "part", "rubric", "team_id"),
)

announcements = _table(
    "announcements",
    _own(),
    _of("event_id", "events.id", nullable=False),
    Column("text", Text, nullable=False),
    Column("created", Double, nullable=False),
)

audit = _table(
    "audit",
    _own(),
    Column("at", Double, nullable=False),
    _of("event_id", "events.id"),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("detail", Text, nullable=False),
)
