"""Verbs of competitions: host, serve, join, submit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deepdojo.session.listener import Listener

__all__ = ["event_board", "follow_board", "host", "host_lesson", "join", "manage", "own_submissions", "serve", "submit"]


def host(
    project: str | Path,
    *,
    store: str | Path = "dojo-server",
    db: str | None = None,
    port: int = 8000,
    anyway: bool = False,
    offline: bool = False,
    yes: bool = False,
    trust: bool = False,
    listener: Listener | None = None,
    shown: Callable[[list[dict[str, Any]]], None] | None = None,
    **rules: Any,
) -> dict[str, Any]:
    """Make a project an event of a competition server: private answers, public folder, rules, a join link.

    Args:
        store: the server's folder, made the first time. db: `postgresql://...` where its database is one.
        port: of the link.
        anyway: host it in spite of what `dojo check` calls an error.
        shown: called with what gives the answers away, before anything is handed out.
        rules: fields of `deepdojo.competition.event.Rules`: name, title, public_share, starts, ends, team_size,
            per_day, largest_bytes, practice, code (with run_s, run_bytes, broken_per_day, show_printed), description,
            freeze_at. Moments may be texts: "2027-01-31T18:00".

    Returns:
        event, link, code, public, rows, public_rows, references, sample, problems, notes, rules, token_file.
    """
    from deepdojo.session.competing import host_project

    return host_project(
        project, store=store, db=db, port=port, anyway=anyway, offline=offline, yes=yes, trust=trust,
        listener=listener or Listener(), shown=shown, given=rules,
    )  # fmt: skip


def host_lesson(
    lesson: str,
    *,
    store: str | Path = "dojo-server",
    db: str | None = None,
    port: int = 8000,
    trust: bool = False,
    listener: Listener | None = None,
    **rules: Any,
) -> dict[str, Any]:
    """Make a lesson an event: entrants get its stub and texts and send their solutions, which the server grades in the
    sandbox with seeds that are drawn here.

    Args:
        lesson: its id, or its folder. trust: a folder's check, which is Python code from outside, may run.
        store, db, port: as `host` has them.
        rules: fields of `deepdojo.competition.event.Rules`: name, title, public_share (of the seeds), starts, ends,
            team_size, per_day, largest_bytes, run_s, run_bytes, show_printed, description, freeze_at; None is the
            default.

    Returns:
        event, lesson, link, code, public, private, seeds, public_seeds, checks, notes, rules, token_file.
    """
    from deepdojo.session.lesson_events import host_one_lesson

    return host_one_lesson(
        lesson, store=store, db=db, port=port, trust=trust, listener=listener or Listener(), given=rules
    )  # fmt: skip


def manage(
    event: str | Path,
    verb: str,
    argument: str | None = None,
    *,
    store: str | Path = "dojo-server",
    db: str | None = None,
    listener: Listener | None = None,
    **options: Any,
) -> dict[str, Any]:
    """What a host does to an event, on the store itself: it needs no running server.

    Args:
        verb: freeze, unfreeze, extend (until), announce (argument: the text), rescore (reason, preview, apply, cancel,
            project), audit, backup and restore (argument: the file), archive (argument: the folder), link, people,
            token and revoke (argument: whose; role), password (secret), log.

    Returns:
        what the verb gives; of `audit` equal and different.
    """
    from deepdojo.session.competing import manage_event

    return manage_event(event, verb, argument, store=store, db=db, listener=listener or Listener(), **options)


def serve(store: str | Path = "dojo-server", db: str | None = None, **options: Any) -> None:
    """Pages, API and scoring workers of a store, until Ctrl-C.

    Args:
        options: host, port, workers, names, certificate, key, say, stop, ready, as
            `deepdojo.competition.serving.serve_store` has them.
    """
    from deepdojo.competition.serving import serve_store

    serve_store(store, db, **options)


def join(
    url: str,
    name: str | None = None,
    folder: str | Path | None = None,
    *,
    invite: str | None = None,
    token: str | None = None,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Take part in an event by its join link: keeps the token, fetches the public folder, which is a project.

    Args:
        name: how the board shall call you. folder: default: the event's name, here. invite: of a team.
        token: that the host handed out, or your own from another computer.

    Returns:
        event, title, name, role, folder, team, members, invite, rules, address.
    """
    from deepdojo.competition.entrant import join_event

    told = listener or Listener()
    told.stage("fetch", "the public folder")
    return join_event(url, name, folder, invite=invite, token=token, progress=told.progress)


def submit(
    what: str | Path,
    url: str,
    *,
    note: str = "",
    cost: Mapping[str, object] | None = None,
    wait: float = 0.0,
    told: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Send a run's predictions, a table, or for events that take programs a folder or run, to an event.

    Args:
        cost: what you state of parameters, train_flops, seconds; where you state nothing, a run's own figures are sent.
        wait: seconds to wait for the result; told: called with what is known meanwhile.

    Returns:
        id, event, state, before; waited for also value, low, high, n, moved, fault and the rest of a submission.
    """
    from deepdojo.competition.entrant import send

    run = getattr(what, "run", what)  # what dd.train gives
    return send(getattr(run, "folder", run), url, note=note, cost=cost, wait_s=wait, told=told)


def own_submissions(url: str, *, choose: Sequence[str] | None = None) -> dict[str, Any]:
    """A team's own submissions in an event; with `choose` it first names those that count at the end.

    Args:
        choose: ids of submissions; an empty list takes the choice back: then the best by the public rows counts.

    Returns:
        title, metric, finals (how many may be chosen), team, submissions (the newest first, each with `chosen`).
    """
    from deepdojo.competition.entrant import submissions_of

    return submissions_of(url, choose=choose)


def event_board(url: str, part: str = "public") -> dict[str, Any]:
    """An event's board with its head, over HTTP.

    Args:
        part: "public", or "private" once the final board is open.

    Returns:
        event, title, metric, higher_is_better, part, frozen, closed, version, teams (how many), and rows as `board`
        has them.
    """
    from deepdojo.competition.client import client_of
    from deepdojo.competition.entrant import told_board

    client, name = client_of(url, signed_in=False)
    return told_board(client.board(name, part))


def follow_board(url: str, part: str = "public") -> Iterator[tuple[dict[str, Any] | None, str, float]]:
    """An event's board now and after each change, without end; lost connections are taken up again.

    Returns:
        (board as `event_board` has it where it is new, else None; "live", "polling" or "lost"; seconds until the next
        try) of each moment.
    """
    from deepdojo.competition.address import parse_address
    from deepdojo.competition.client import Client
    from deepdojo.competition.entrant import told_board
    from deepdojo.competition.follow import follow

    place = parse_address(url)
    for seen in follow(Client(place.server, tries=1), place.event, part):
        yield None if seen.board is None else told_board(seen.board), seen.state, seen.again_s
