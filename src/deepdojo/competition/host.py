"""What a host does on the machine of the store: publish an event, keep the host's account, look events up.

These work on the store itself, with or without a running server: who can write the store is the host.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from deepdojo.competition.database import events, people
from deepdojo.competition.database.engine import Database, open_database
from deepdojo.competition.database.migrate import migrate
from deepdojo.competition.database.people import Person
from deepdojo.competition.database.tables import people as people_table
from deepdojo.competition.event import Rules, event_name, parse_rules
from deepdojo.competition.hosting.lesson import publish_lesson, stub_name
from deepdojo.competition.hosting.publish import publish
from deepdojo.competition.hosting.solution import Solution, close_to_others, read_solution
from deepdojo.competition.refusal import Refusal
from deepdojo.competition.service import Service
from deepdojo.competition.tokens import keep_secretly
from deepdojo.data.dataset import Dataset
from deepdojo.errors import UsageError
from deepdojo.places import config_folder, write_text

__all__ = [
    "HOSTED", "Store", "as_event_name", "host_event", "host_lesson", "join_link", "lesson_rules", "open_store",
    "store_address",
]  # fmt: skip

HOSTED = "rules.json"
_ACCOUNT = "host"


@dataclass(frozen=True)
class Store:
    """One server's store, open.

    Attributes:
        folder: with events/, and server.sqlite unless the database is elsewhere.
        host: the account in whose name things are done here.
        token_file: where its token is kept, for the pages.
    """

    folder: Path
    database: Database
    host: Person
    token_file: Path

    @property
    def service(self) -> Service:
        return Service(self.database, self.folder)

    def event(self, name: str) -> events.Event:
        """Raises Refusal where there is none; names those that are."""
        with self.database.read() as connection:
            try:
                return events.event_of(connection, name)
            except Refusal as refusal:
                known = [event.name for event in events.all_events(connection)]
                todo = f"there are {', '.join(known[:8])}" if known else "host one: dojo host PROJECT"
                raise Refusal("not_found", refusal.what, where=str(self.folder), todo=todo) from None

    def private(self, name: str) -> Path:
        return self.folder / "events" / name / "private"


def store_address(folder: Path, db: str | None) -> str | Path:
    """Where the store's database is."""
    return db if db is not None else folder / "server.sqlite"


@contextlib.contextmanager
def open_store(
    folder: str | Path, db: str | None = None, *, create: bool = False, upgrade: bool = False
) -> Iterator[Store]:
    """Open a store, with its host's account, which is made the first time.

    Args:
        upgrade: whether a database of an older schema is brought to ours, after a copy of it into the store.

    Raises:
        Refusal: there is no store here and `create` is not set; the database cannot be opened.
    """
    place = Path(folder).expanduser().absolute()
    if create:
        place.mkdir(parents=True, exist_ok=True, mode=0o755)
    database = open_database(
        store_address(place, db), create=create,
        upgrade=(lambda opened, found: migrate(opened, found, keep=place, db=db)) if upgrade else None,
    )  # fmt: skip
    try:
        host, token_file = _host_account(database, place, db)
        yield Store(place, database, host, token_file)
    finally:
        database.close()


def _host_account(database: Database, folder: Path, db: str | None) -> tuple[Person, Path]:
    """The host of this store and the file of the token; a lost token is replaced by a new one."""
    key = str(folder) if db is None else f"{folder} {db.rpartition('@')[2]}"
    file = config_folder() / "hosts" / f"{quote(key, safe='')[-180:]}.json"
    p = people_table.c
    with database.write() as connection:
        found = connection.execute(
            sa.select(p.id, p.name, p.role, p.revoked)
            .where(p.role == "host", p.revoked.is_(None) | (p.name == _ACCOUNT))
            .order_by(sa.case((p.name == _ACCOUNT, 0), else_=1), p.id)
            .limit(1)
        ).first()
        if found is None:
            person, token = people.make_person(connection, _ACCOUNT, "host", database.now(connection))
            events.log(database, connection, None, person.name, "the host's account was made", {})
        else:
            person, token = Person(found.id, found.name, found.role), ""
            if _known(connection, file, person):
                return person, file
            token = "dd_" + secrets.token_urlsafe(24)
            connection.execute(
                people_table.update()
                .where(p.id == person.id)
                .values(token_sha256=people.secret_digest(token), revoked=None)
            )
            events.log(database, connection, None, person.name, "the host's token was replaced", {})
        keep_secretly(file, json.dumps({"store": key, "name": person.name, "token": token}, indent=1) + "\n")
    return person, file


def _known(connection: sa.Connection, file: Path, person: Person) -> bool:
    """Whether the file's token is this account's."""
    try:
        token = str(json.loads(file.read_text(encoding="utf-8"))["token"])
        return people.by_token(connection, token).id == person.id
    except (OSError, ValueError, KeyError, TypeError, Refusal):
        return False


def as_event_name(text: str) -> str:
    """A project's name as an event's: small letters, digits, dashes."""
    plain = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in text.lower())
    return "-".join(part for part in plain.split("-") if part)[:64].strip("-") or "event"


def host_event(
    store: Store, dataset: Dataset, *, name: str | None = None, project: str, trusted: bool = False,
    progress: Callable[[int, int, str], None] | None = None, **given: Any,
) -> dict[str, Any]:  # fmt: skip
    """Publish a project as an event of the store.

    Args:
        project: the folder or name that was given, for scoring anew later.
        given: fields of `Rules`.

    Returns:
        event, code, public, rows, public_rows, references, sample, notes, left_out, rules, token_file.

    Raises:
        Refusal, UsageError: a name that is taken, rules that make no sense; nothing is left behind.
        DojoError: what `publish` raises.
    """
    name = _free_name(store, name if name is not None else as_event_name(dataset.project.name))
    title = given.pop("title", None) or dataset.project.spec.title or name
    wanted = {"name": name, "title": title, "task": dataset.project.spec.task, **given}
    rules = parse_rules({**wanted, "metric": "accuracy", "higher_is_better": True})  # before the work, not after it
    _in_order(rules)
    made = publish(
        dataset, store.folder / "events" / name, title=title, public_share=rules.public_share,
        practice=rules.practice, code=rules.code, trusted=trusted, progress=progress,
    )  # fmt: skip
    solution = read_solution(made.private)
    rules = parse_rules({**wanted, "metric": solution.metric, "higher_is_better": _higher(solution, made.public)})
    return {
        **_entered(store, rules, solution, {"project": project}),
        "rows": dict(made.rows), "public_rows": made.public_rows, "references": dict(made.references),
        "sample": made.sample, "notes": [*made.notes, *_sandbox_notes(rules)], "left_out": len(made.left_out),
    }  # fmt: skip


def lesson_rules(lesson_id: str, seeds: int, *, name: str | None, title: str, **given: Any) -> tuple[Rules, int]:
    """The rules of a lesson's event, and how many of the seeds stand behind its public board.

    Args:
        given: fields of `Rules`; of the seeds about `public_share` are public, never all and never none.

    Raises:
        Refusal, UsageError: rules that make no sense.
    """
    share = given.get("public_share", 0.5)
    if not 0 < share < 1:
        raise UsageError(f"the public share is {share:g}, not between 0 and 1", where="--public")
    public = min(max(1, round(share * seeds)), seeds - 1)
    given |= {"public_share": public / seeds, "code": True, "lesson": lesson_id}
    rules = parse_rules({"name": event_name(as_event_name(lesson_id) if name is None else name), "title": title,
                         "task": "lesson", "metric": "accuracy", "higher_is_better": True, **given})  # fmt: skip
    _in_order(rules)
    return rules, public


def host_lesson(
    store: Store, rules: Rules, lesson: Path, *, function: str, handed_out: Mapping[str, str], seeds: Sequence[int],
    public: int, checks: int,
) -> dict[str, Any]:  # fmt: skip
    """Publish a lesson as an event of the store: entrants send their solutions, which the host grades.

    Args:
        rules: of `lesson_rules`. lesson: its folder. function: what is to be written.
        handed_out: file name -> text. seeds: that the host has drawn, the public ones first.
        checks: how many there are under each of them.

    Returns:
        as `host_event`, without rows, sample and references; seeds, public_seeds, checks.

    Raises:
        Refusal, UsageError: a name that is taken; nothing is left behind.
    """
    _free_name(store, rules.name)
    solution = publish_lesson(
        store.folder / "events" / rules.name, lesson, title=rules.title, handed_out=handed_out, seeds=seeds,
        public=public, checks=checks,
        about={"lesson": lesson.name, "function": function, "file": stub_name(lesson.name)},
    )  # fmt: skip
    return {
        **_entered(store, rules, solution, {"lesson": lesson.name}), "notes": _sandbox_notes(rules),
        "seeds": len(seeds), "public_seeds": public, "checks": checks,
    }  # fmt: skip


def _free_name(store: Store, name: str) -> str:
    name = event_name(name)
    with store.database.read() as connection:
        if any(event.name == name for event in events.all_events(connection)):
            raise Refusal("name_taken", f"an event is named {name!r} already", todo="give another with --name")
    return name


def _entered(store: Store, rules: Rules, solution: Solution, made_of: Mapping[str, Any]) -> dict[str, Any]:
    """The event in the database, for a folder that has been published."""
    private, kept = solution.folder, {"rules": rules.model_dump(), **made_of}
    try:
        write_text(private / HOSTED, json.dumps(kept, ensure_ascii=False, indent=1) + "\n")
        close_to_others(private)
        with store.database.write() as connection:
            event = events.make_event(
                store.database, connection, rules, solution_sha256=solution.digest, who=store.host.name
            )
    except BaseException:  # a folder without its event would keep the name taken
        shutil.rmtree(private.parent, ignore_errors=True)
        raise
    return {
        "event": rules.name, "code": event.code, "public": str(private.with_name("public")), "private": str(private),
        "rules": rules.model_dump(), "token_file": str(store.token_file), "store": str(store.folder),
    }  # fmt: skip


def _in_order(rules: Rules) -> None:
    if rules.starts is not None and rules.ends is not None and rules.ends <= rules.starts:
        raise UsageError("the event would end before it starts", where="--until", todo="give a later end")


def _sandbox_notes(rules: Rules) -> list[str]:
    """What a host of programs should know of this machine before anybody sends one."""
    if not rules.code:
        return []
    from deepdojo.competition.sandbox import self_test

    missing = self_test()
    return [f"no program can run on this machine, so serve it from another: {'; '.join(missing)}"] if missing else []


def _higher(solution: Any, public: Path) -> bool:
    """Whether higher is better: of a host's own metric its file says so, which has run on the sample already."""
    from deepdojo.scoring.metrics import METRICS

    if solution.metric in METRICS:
        return bool(METRICS[solution.metric].higher_is_better)
    sample = next(public.glob("sample_submission.*"))
    return bool(solution.score(solution.read(sample), trusted=True).higher_is_better)


def join_link(name: str, code: str, *, port: int = 8000, secure: bool = False) -> str:
    """The link for the room, by this machine's address in its network."""
    from deepdojo.competition.server.supervisor import addresses

    return f"{addresses(port, secure=secure)[0]}/{name}?code={quote(code)}"
