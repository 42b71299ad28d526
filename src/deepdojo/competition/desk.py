"""The host's desk: people, queue, Ladders, copies, scoring anew. Beside `service.py`, which all others use as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from deepdojo.competition.database import accounts, copies, desk, events, rescore
from deepdojo.competition.database.people import Person
from deepdojo.competition.refusal import Refusal

if TYPE_CHECKING:
    from deepdojo.competition.service import Service

__all__ = ["Desk"]


class Desk:
    """What a host does and sees beyond the rules. Each function raises Refusal for anybody else."""

    def __init__(self, service: Service) -> None:
        self.service = service

    # ---- people ----

    def people(self, name: str, viewer: Person) -> list[dict[str, Any]]:
        """`database.accounts.everybody`."""
        database = self.service.database
        return self._read(name, viewer, lambda c, event: accounts.everybody(c, event, database.now(c)))

    def hand_out(self, name: str, viewer: Person, who: str, role: str | None = None) -> dict[str, Any]:
        """A token, shown this once: event, name, role, token."""
        person, token = self._write(
            name, viewer, lambda c, event: accounts.hand_out(self.service.database, c, event, who, role, viewer)
        )
        return {"event": name, "name": person.name, "role": person.role, "token": token}

    def revoke(self, name: str, viewer: Person, who: str) -> dict[str, Any]:
        """End somebody's token and sessions: event, name, role."""
        person = self._write(
            name, viewer, lambda c, event: accounts.revoke_person(self.service.database, c, event, who, viewer)
        )
        return {"event": name, "name": person.name, "role": person.role}

    def renew_code(self, name: str, viewer: Person) -> str:
        """`database.accounts.renew_code`."""
        return self._write(name, viewer, lambda c, event: accounts.renew_code(self.service.database, c, event, viewer))

    def set_password(self, name: str, viewer: Person, kept: str | None) -> None:
        """Of the host who asks; `kept` is what `passwords.hashed` gives."""
        self._write(name, viewer, lambda c, event: accounts.set_password(self.service.database, c, event, viewer, kept))

    # ---- looking ----

    def queue(self, name: str, viewer: Person) -> dict[str, Any]:
        """`database.desk.queue`."""
        database = self.service.database
        return self._read(name, viewer, lambda c, event: desk.queue(c, event, database.now(c)))

    def ladders(self, name: str, viewer: Person, most: int = 1000) -> list[dict[str, Any]]:
        """`database.desk.ladder_states`."""
        return self._read(name, viewer, lambda c, event: desk.ladder_states(c, event, most))

    def ladder(self, name: str, viewer: Person, team: str) -> dict[str, Any]:
        """`database.desk.ladder`."""
        return self._read(name, viewer, lambda c, event: desk.ladder(c, event, team))

    def copies(self, name: str, viewer: Person) -> dict[str, Any]:
        """files and addresses that several teams share, of `database.copies`."""
        return self._read(name, viewer, lambda connection, event: {
            "files": copies.same_files(connection, event.id), "addresses": copies.same_addresses(connection, event.id),
        })  # fmt: skip

    # ---- scoring anew ----

    def anew(self, name: str, viewer: Person) -> dict[str, Any]:
        """Versions, the preview's number (None without one), how far it is, and who would move."""
        return self._read(name, viewer, _standing)

    def apply(self, name: str, viewer: Person) -> int:
        """Let the preview count; its number."""
        return self._write(name, viewer, lambda c, event: rescore.apply(self.service.database, c, event, viewer.name))

    def cancel(self, name: str, viewer: Person) -> int:
        """Leave the valid version valid; the preview's number."""
        return self._write(name, viewer, lambda c, event: rescore.cancel(self.service.database, c, event, viewer.name))

    # ---- within ----

    def _read(self, name: str, viewer: Person, what: Callable[[sa.Connection, events.Event], Any]) -> Any:
        _only_host(viewer)
        with self.service.database.read() as connection:
            return what(connection, events.event_of(connection, name))

    def _write(self, name: str, viewer: Person, what: Callable[[sa.Connection, events.Event], Any]) -> Any:
        _only_host(viewer)
        return self.service.change(lambda connection: what(connection, events.event_of(connection, name)))


def _only_host(viewer: Person) -> None:
    if viewer.role != "host":
        raise Refusal("forbidden", "only the host may do this", todo="ask the host")


def _standing(connection: sa.Connection, event: events.Event) -> dict[str, Any]:
    versions = rescore.versions(connection, event)
    number = next((row["version"] for row in versions if row["state"] == "preview"), None)
    state, moves = {"waiting": 0, "done": 0, "failed": 0}, []
    if number is not None:
        state = rescore.progress(connection, event, number)
        moves = rescore.moves(connection, event, number)
    told = [{key: value for key, value in row.items() if key != "team_id"} for row in moves]
    return {"event": event.name, "metric": event.rules.metric, "valid": event.rubric, "preview": number,
            "progress": state, "moves": told, "versions": versions}  # fmt: skip
