"""What the host's desk shows: queue, Ladders, copies, scoring anew, people, with figures written out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepdojo.competition.database.people import Person
from deepdojo.competition.refusal import Refusal
from deepdojo.competition.service import Service
from deepdojo.report.figures import Unit, duration, unit_of

__all__ = ["desk_view"]

_PEOPLE, _MOVES, _COPIES, _LADDERS = 500, 100, 50, 200


def desk_view(service: Service, name: str, viewer: Person, team: str | None = None) -> dict[str, Any]:
    """Everything below the forms of the desk.

    Args:
        team: whose Ladder is shown step by step.

    Raises:
        Refusal: the viewer is no host.
    """
    desk = service.desk
    log = service.audit(name, viewer)  # first: it refuses those who are no hosts
    anew = desk.anew(name, viewer)
    unit = unit_of(str(anew["metric"]))
    queue = desk.queue(name, viewer)
    people = desk.people(name, viewer)
    return {
        "log": log[:200], "queue": {**queue, "oldest": duration(queue["oldest_s"])},
        "ladders": [_summary(row, unit) for row in desk.ladders(name, viewer, _LADDERS)],
        "ladder": _steps(service, name, viewer, team, unit),
        "copies": {kind: rows[:_COPIES] for kind, rows in desk.copies(name, viewer).items()},
        "anew": {**anew, "moves": [_move(row, unit) for row in anew["moves"][:_MOVES]],
                 "changed": sum(row["old_rank"] != row["new_rank"] for row in anew["moves"])},
        "people": people[:_PEOPLE], "people_in_all": len(people),
    }  # fmt: skip


def _summary(row: Mapping[str, Any], unit: Unit) -> dict[str, Any]:
    return {**row, "shown": unit.score(row["shown"]), "last": unit.score(row["last"])}


def _steps(service: Service, name: str, viewer: Person, team: str | None, unit: Unit) -> dict[str, Any] | None:
    if not team:
        return None
    try:
        told = service.desk.ladder(name, viewer, team[:100])
    except Refusal:
        return None
    told["offers"] = [
        {**offer, "value": unit.score(offer["value"]), "gain": unit.difference(offer["gain"], None, None),
         "needed": unit.difference(offer["needed"], None, None)}
        for offer in told["offers"]
    ]  # fmt: skip
    return told


def _move(row: Mapping[str, Any], unit: Unit) -> dict[str, Any]:
    return {**row, "old_value": unit.score(row["old_value"]), "new_value": unit.score(row["new_value"])}
