"""What can be done with a competition server, by whomever: pages, API and command line call these and nothing below.

Every function takes the viewer, and decides here what this viewer may see and do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from deepdojo.competition.cost import mark_fronts
from deepdojo.competition.database import accept as accepting
from deepdojo.competition.database import accounts, boards, events, people
from deepdojo.competition.database.engine import Database
from deepdojo.competition.database.events import Event
from deepdojo.competition.database.people import Person
from deepdojo.competition.database.tables import members, submissions, teams
from deepdojo.competition.desk import Desk
from deepdojo.competition.event import Rules
from deepdojo.competition.packing import Packed, unpack
from deepdojo.competition.passwords import TOKEN, is_password_of
from deepdojo.competition.refusal import Refusal

__all__ = ["Service"]

_PROGRAMS = ("programs", "send a zip with predict.py, or of a run")
_TABLES = ("tables", "send .csv, .parquet, or a .zip with one")
_PAST_S = 60.0
"""An end that is no longer past than this means now."""
HOST_ACTIONS = ("freeze", "unfreeze", "extend", "announce")
_Write = Callable[[Callable[[sa.Connection], Any]], Any]


class Service:
    """The verbs of one server.

    Args:
        folder: the server's store; `folder/events/NAME/public` is handed out.
        write: carries out a change; the web server gives its own, which takes all that wait into one transaction.
        missing: what the sandbox lacks for running programs.
    """

    def __init__(
        self, database: Database, folder: Path, write: Callable[[Any], Future[Any]] | None = None,
        missing: Callable[[], Sequence[str]] = lambda: (),
    ) -> None:  # fmt: skip
        self.database, self.folder = database, folder
        self._write, self._missing = write, missing

    # ---- who asks ----

    def by_token(self, token: str) -> Person:
        """Raises Refusal: unknown, revoked."""
        with self.database.read() as connection:
            return people.by_token(connection, token)

    def by_cookie(self, secret: str) -> Person | None:
        """Whose browser this is; None where nobody is signed in."""
        with self.database.read() as connection:
            return people.by_session(connection, secret, self.database.now(connection))

    def sign_in(self, secret: str) -> tuple[Person, str]:
        """The person of a token or of a host's password, and the secret for the browser's cookie.

        Trying a password costs 30 ms of a core: count the try before.

        Raises:
            Refusal: an unknown token or password; too many passwords are tried at once.
        """
        person = self.by_token(secret) if secret.startswith(TOKEN) else self._by_password(secret)

        def begin(connection: sa.Connection) -> str:
            if person.role == "host":
                events.log_daily(self.database, connection, person.name, "signed in")
            return people.make_session(connection, person, self.database.now(connection))

        return person, self.change(begin)

    def _by_password(self, password: str) -> Person:
        with self.database.read() as connection:
            hosts = accounts.with_password(connection)
        for person, kept in hosts:
            if is_password_of(kept, password):
                return person
        raise Refusal("wrong_token", "this token or password is not known, or was revoked",
                      todo="copy the whole of it, or ask the host for a new one")  # fmt: skip

    def sign_out(self, person: Person) -> None:
        """End all sessions of a person; the token stays."""
        self.change(lambda c: people.revoke(c, person.id, self.database.now(c), token=False))

    def me(self, person: Person) -> dict[str, Any]:
        """name, role, events (those in which the person takes part)."""
        with self.database.read() as connection:
            return {"name": person.name, "role": person.role, "events": people.events_of(connection, person.id)}

    @property
    def desk(self) -> Desk:
        """What only a host does and sees."""
        return Desk(self)

    # ---- events ----

    def events(self) -> list[dict[str, Any]]:
        """All events, the newest first."""
        with self.database.read() as connection:
            now = self.database.now(connection)
            return [_event_told(event, now) for event in events.all_events(connection)]

    def event(self, name: str, viewer: Person | None = None) -> dict[str, Any]:
        """Rules, state, announcements; for a host `join_code`, that of the join link, for an entrant the team."""
        with self.database.read() as connection:
            event = events.event_of(connection, name)
            told = _event_told(event, self.database.now(connection))
            told["announcements"] = events.news(connection, event.id)
            if viewer is not None and viewer.role == "host":
                told["join_code"] = event.code
            if viewer is not None and viewer.role == "entrant":
                team = people.team_of(connection, event.id, viewer.id)
                told["team"] = None if team is None else _team_name(connection, team)
        return told

    def version(self, name: str, viewer: Person | None = None) -> int:
        """Grows with every change of the board that this viewer may see."""
        with self.database.read() as connection:
            event = events.event_of(connection, name)
        return event.version if _is_host(viewer) else event.shown_version

    def board(self, name: str, viewer: Person | None = None, part: str = "public") -> dict[str, Any]:
        """The board with its head.

        Returns:
            event, title, metric, higher_is_better, part, frozen, closed, version, rows (`database.boards.board`, with
            `pareto`: the costs by which no other row is as good for as little), published (results that were not
            scored here).
        """
        host = _is_host(viewer)
        with self.database.read() as connection:
            event = events.event_of(connection, name)
            rows = boards.board(connection, event, part, host=host)
        for row in rows:
            row.pop("team_id", None)
        mark_fronts(rows, higher_is_better=event.rules.higher_is_better)
        return {
            "event": name, "title": event.rules.title, "metric": event.rules.metric,
            "higher_is_better": event.rules.higher_is_better, "part": part,
            "frozen": event.frozen_at is not None and event.closed_at is None, "closed": event.closed_at is not None,
            "version": event.version if host else event.shown_version, "rows": rows,
            "published": boards.published(self.public_folder(name), event.rules.metric),
        }  # fmt: skip

    def public_folder(self, name: str) -> Path:
        """What is handed out of an event."""
        return self.folder / "events" / name / "public"

    def may_fetch(self, name: str, viewer: Person | None, code: str | None = None) -> None:
        """Raises Refusal unless the viewer takes part, is a host or viewer, or brings the join link's code."""
        if viewer is not None and viewer.role in ("host", "viewer"):
            return
        with self.database.read() as connection:
            event = events.event_of(connection, name)
            if code is not None and people.same_secret(event.code, code):
                return
            if viewer is not None and people.team_of(connection, event.id, viewer.id) is not None:
                return
        raise Refusal("forbidden", "the data are for those who take part", todo="join with the host's link")

    # ---- taking part ----

    def join(self, name: str, code: str, who: str) -> dict[str, Any]:
        """A new person with a token, which is shown this once."""
        person, token, _ = self.change(lambda c: people.join(self.database, c, name, code, who))
        return {"event": name, "name": person.name, "token": token}

    def enter(self, name: str, code: str, viewer: Person) -> dict[str, Any]:
        """Join as somebody who has a token already."""
        self.change(lambda c: people.enter(self.database, c, name, code, viewer))
        return {"event": name, "name": viewer.name}

    def team(self, name: str, viewer: Person) -> dict[str, Any]:
        """One's team: name, invitation, members, finals (how many it may choose), chosen (their ids; where there is
        none, its best by the public rows counts)."""
        with self.database.read() as connection:
            event, number = self._entered(connection, name, viewer)
            row = connection.execute(sa.select(teams.c.name, teams.c.invite).where(teams.c.id == number)).one()
            joined = members.join(people.people, people.people.c.id == members.c.person_id)
            chosen = sa.select(people.people.c.name).select_from(joined).where(members.c.team_id == number)
            found = connection.execute(chosen.order_by(members.c.joined)).scalars().all()
            final = boards.chosen(connection, event, number)
        return {"event": name, "team": row.name, "invite": row.invite, "members": list(found),
                "team_size": event.rules.team_size, "finals": event.rules.finals, "chosen": final}  # fmt: skip

    def join_team(self, name: str, invite: str, viewer: Person) -> dict[str, Any]:
        """Move into the team of the invitation."""

        def move(connection: sa.Connection) -> None:
            event, _ = self._entered(connection, name, viewer)
            people.join_team(self.database, connection, event.id, event.rules, viewer, invite)

        self.change(move)
        return self.team(name, viewer)

    # ---- submissions ----

    def check_sending(self, name: str, viewer: Person) -> Rules:
        """Before a body is read: may this person send here at all? Gives the rules (with the largest size)."""
        with self.database.read() as connection:
            event, _ = self._entered(connection, name, viewer)
        lacking = list(self._missing()) if event.rules.code else []
        if lacking:  # never run bare
            raise Refusal("no_sandbox", f"this server runs no programs: {lacking[0]}", where=name, todo="tell the host",
                          retry_after_s=600)  # fmt: skip
        return event.rules

    def send(
        self, name: str, viewer: Person, file: Packed, *, file_name: str, kind: str, key: str,
        note: str = "", address: str = "", cost: Mapping[str, float] | None = None,
    ) -> Future[dict[str, Any]]:  # fmt: skip
        """Take a submission in; it is on the disk when the future has its result.

        Args:
            cost: what the sender states of `cost.COSTS`, as `cost.stated_cost` gives it.
        """

        def take(connection: sa.Connection) -> dict[str, Any]:
            event, team = self._entered(connection, name, viewer)
            if (kind == "code") != event.rules.code:
                wanted, todo = _PROGRAMS if event.rules.code else _TABLES
                raise Refusal("wrong_type", f"this event takes {wanted}", todo=todo)
            sent = accepting.Sent(team, viewer.id, key, kind, file_name, note, address, file, cost or {})
            public_id, before = accepting.accept(self.database, connection, event.key, event.rules, sent)
            return {"id": public_id, "event": name, "state": "queued", "before": before}

        return self._begin(take)

    def submission(self, public_id: str, viewer: Person) -> dict[str, Any]:
        """One submission of one's own team; a host sees all."""
        with self.database.read() as connection:
            told = boards.submission(connection, public_id, host=_is_host(viewer))
            self._own(connection, told, viewer)
            told["event"] = events.by_id(connection, told["event_id"]).name
        return _plain(told)

    def submissions(self, name: str, viewer: Person, most: int | None = None) -> list[dict[str, Any]]:
        """Those of one's team, for a host all, the newest first; at most `most`."""
        with self.database.read() as connection:
            event = events.event_of(connection, name)
            team = None if _is_host(viewer) else self._entered(connection, name, viewer)[1]
            found = boards.submissions_of(connection, event, team, host=_is_host(viewer), most=most)
        return [_plain(told) for told in found]

    def file(self, public_id: str, viewer: Person) -> tuple[bytes, str]:
        """What was sent, again, and its file's name."""
        from deepdojo.competition.database.tables import payloads

        with self.database.read() as connection:
            told = boards.submission(connection, public_id, host=_is_host(viewer))
            self._own(connection, told, viewer)
            joined = payloads.join(submissions, submissions.c.id == payloads.c.submission_id)
            row = connection.execute(
                sa.select(payloads.c.data, payloads.c.encoding)
                .select_from(joined)
                .where(submissions.c.public_id == public_id)
            ).one()
        return unpack(row.data, row.encoding), told["file_name"]

    def choose(self, name: str, viewer: Person, wanted: Sequence[str]) -> list[dict[str, Any]]:
        """Name one's submissions for the final ranking; gives the team's list."""

        def change(connection: sa.Connection) -> None:
            event, team = self._entered(connection, name, viewer)
            boards.choose(connection, event, team, wanted, self.database.now(connection))

        self.change(change)
        return self.submissions(name, viewer)

    # ---- the host ----

    def host(self, name: str, viewer: Person, action: str, **values: Any) -> dict[str, Any]:
        """freeze, unfreeze, extend (ends: seconds since 1970), announce (text)."""
        if not _is_host(viewer):
            raise Refusal("forbidden", "only the host may do this", todo="ask the host")
        if action in ("preview", "rescore"):  # this process reads neither projects nor answers
            raise Refusal("bad_request", "scoring anew begins where the corrected project and the answers are",
                          todo=f"run on the server's machine: dojo host {name} rescore --reason TEXT --preview; apply "
                          "and cancel work from anywhere")  # fmt: skip

        def change(connection: sa.Connection) -> None:
            event, database = events.event_of(connection, name), self.database
            if action == "freeze":
                events.freeze(database, connection, event, viewer.name)
            elif action == "unfreeze":
                events.unfreeze(database, connection, event, viewer.name)
            elif action == "extend":
                ends = float(values["ends"])
                if ends < database.now(connection) - _PAST_S:  # it would open the final board, which nothing closes
                    raise Refusal("bad_request", "the new end is in the past", where="ends",
                                  todo="give a later one; to end the event now, give this minute's time")  # fmt: skip
                events.extend_until(database, connection, event, ends, viewer.name)
            elif action == "announce":
                events.announce(database, connection, event, str(values["text"]), viewer.name)
            else:
                raise Refusal("not_found", f"a host cannot {action[:40]!r}", todo=f"take {', '.join(HOST_ACTIONS)}")

        self.change(change)
        return self.event(name, viewer)

    def audit(self, name: str, viewer: Person) -> list[dict[str, Any]]:
        """What hosts did, the newest first. For hosts."""
        if not _is_host(viewer):
            raise Refusal("forbidden", "only the host may see this", todo="ask the host")
        with self.database.read() as connection:
            return events.audited(connection, events.event_of(connection, name).id)

    # ---- within ----

    def change(self, change: Callable[[sa.Connection], Any]) -> Any:
        """Carry out one change, whole or not at all."""
        return self._begin(change).result()

    def _begin(self, change: Callable[[sa.Connection], Any]) -> Future[Any]:
        if self._write is not None:
            return self._write(change)
        done: Future[Any] = Future()
        with self.database.write() as connection:
            value = change(connection)
        done.set_result(value)
        return done

    def _entered(self, connection: sa.Connection, name: str, viewer: Person) -> tuple[Event, int]:
        event, team = events.entered(connection, name, viewer.id)
        if team is None:
            raise Refusal("forbidden", f"you do not take part in {event.rules.title}", todo="join with the host's link")
        return event, team

    def _own(self, connection: sa.Connection, told: dict[str, Any], viewer: Person) -> None:
        """Another team's submission is as if it were not there."""
        if not _is_host(viewer) and people.team_of(connection, told["event_id"], viewer.id) != told["team_id"]:
            raise Refusal("not_found", "there is no such submission", todo="see your team's list")


def _is_host(viewer: Person | None) -> bool:
    return viewer is not None and viewer.role == "host"


def _team_name(connection: sa.Connection, team: int) -> str:
    return str(connection.execute(sa.select(teams.c.name).where(teams.c.id == team)).scalar_one())


def _plain(told: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if key not in ("event_id", "team_id")}


def _event_told(event: events.Event, now: float) -> dict[str, Any]:
    rules = event.rules
    return {
        **rules.model_dump(), "state": rules.state(now), "now": now or time.time(),
        "frozen": event.frozen_at is not None and event.closed_at is None, "closed": event.closed_at is not None,
        "rubric": event.rubric,
    }  # fmt: skip
