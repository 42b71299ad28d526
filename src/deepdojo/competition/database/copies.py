"""What a host sees of people who are several teams, or who hand each other's files in: equal files, equal addresses.

Neither proves anything: two may send the sample submission, and a room may have one address for all.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from deepdojo.competition.database.tables import submissions, teams

__all__ = ["same_addresses", "same_files"]

_MOST = 1000


def same_files(connection: sa.Connection, event_id: int) -> list[dict[str, Any]]:
    """Files that several teams sent, byte for byte: sha256, sent (team, submission, created, address; the first
    first)."""
    s = submissions.c
    found: dict[str, list[dict[str, Any]]] = {}
    for row in connection.execute(
        sa.select(s.sha256, teams.c.name, s.public_id, s.created, s.address)
        .join(teams, teams.c.id == s.team_id)
        .where(s.event_id == event_id, s.sha256.in_(_shared(s.sha256, event_id)))
        .order_by(s.id)
    ):
        sent = {"team": row.name, "submission": row.public_id, "created": row.created, "address": row.address}
        found.setdefault(row.sha256, []).append(sent)
    return [{"sha256": digest, "sent": sent} for digest, sent in found.items()]


def same_addresses(connection: sa.Connection, event_id: int) -> list[dict[str, Any]]:
    """Addresses from which several teams sent; the one of most teams first.

    Returns:
        address, teams (names), submissions (how many).
    """
    s = submissions.c
    found = connection.execute(
        sa.select(s.address, teams.c.name, sa.func.count())
        .join(teams, teams.c.id == s.team_id)
        .where(s.event_id == event_id, s.address.in_(_shared(s.address, event_id)))
        .group_by(s.address, teams.c.id, teams.c.name)
        .order_by(teams.c.name)
    ).all()
    groups: dict[str, dict[str, Any]] = {}
    for address, name, count in found:
        group = groups.setdefault(address, {"address": address, "teams": [], "submissions": 0})
        group["teams"].append(name)
        group["submissions"] += count
    return sorted(groups.values(), key=lambda group: -len(group["teams"]))


def _shared(column: Any, event_id: int) -> Any:
    """The values of a column that several teams of the event have."""
    teams_of = sa.func.count(sa.distinct(submissions.c.team_id))
    return (
        sa.select(column).where(submissions.c.event_id == event_id).group_by(column).having(teams_of > 1)
        .order_by(teams_of.desc()).limit(_MOST).scalar_subquery()
    )  # fmt: skip
