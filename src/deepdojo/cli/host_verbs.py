"""What `dojo host EVENT VERB` prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepdojo.cli.host_people import (
    log_line,
    print_log,
    print_password,
    print_people,
    print_revoked,
    print_token,
    when,
)
from deepdojo.cli.output import clip, next_step, out, point, quoted, styled, table
from deepdojo.cli.words import plural, score_text

__all__ = ["print_done"]

_SHOWN = 30


def print_done(event: str, verb: str, done: dict[str, Any], store: Path) -> None:
    """The result of a verb, and the next step where there is one."""
    more = "" if store == Path("dojo-server") else f" --store {quoted(store)}"
    {
        "freeze": _freeze, "unfreeze": _unfreeze, "extend": _extend, "announce": _announce, "rescore": _rescore,
        "audit": _audit, "backup": _backup, "restore": _restore, "archive": _archive, "link": _link,
        "people": print_people, "token": print_token, "revoke": print_revoked, "password": print_password,
        "log": print_log,
    }[verb](event, done, more)  # fmt: skip


def _freeze(event: str, _done: dict[str, Any], more: str) -> None:
    out(f"{event}: the public board stands still; you see the living one")
    next_step(f"dojo host {event} unfreeze{more}")


def _unfreeze(event: str, _done: dict[str, Any], _more: str) -> None:
    out(f"{event}: the living board is shown again")


def _extend(event: str, done: dict[str, Any], _more: str) -> None:
    out(f"{event}: it ends {when(done['ends'])}")


def _announce(event: str, done: dict[str, Any], _more: str) -> None:
    out(f"{event}: announced to all: {clip(done['announcements'][0]['text'], 60)}")


def _link(_event: str, done: dict[str, Any], _more: str) -> None:
    out(done["link"])
    out(f"Your own token for the pages: {done['token_file']}")


def _rescore(event: str, done: dict[str, Any], more: str) -> None:
    number = done.get("applied") or done.get("cancelled")
    if number is not None:
        out(f"{event}: version {number} " + ("counts now" if done.get("applied") else "is cancelled") + "; both stay")
        next_step(f"dojo board http://127.0.0.1:8000/{event}")
        return
    for row in done["versions"]:
        out(f"version {row['version']} ({row['state']}): {clip(row['reason'], 50)}, {when(row['created'])}")
    if done["preview"] is None:
        next_step(f'dojo host {event} rescore --reason "label fixed" --preview{more}')
        return
    _print_moves(done)
    state = done["progress"]
    if state["waiting"] or state["failed"]:
        out(f"{plural(state['waiting'], 'team')} still wait, {state['failed']} could not be scored")
    next_step(f"dojo host {event} rescore --apply{more}", "or --cancel")


def _print_moves(done: dict[str, Any]) -> None:
    metric, rows = done["metric"], done["moves"]
    moved = [row for row in rows if row["old_rank"] != row["new_rank"]]
    out(f"{plural(len(moved), 'team')} of {len(rows)} would get another rank")
    cells = [
        (_rank(row["old_rank"]), _rank(row["new_rank"]), score_text(metric, row["old_value"]),
         score_text(metric, row["new_value"]), row["team"])
        for row in rows[:_SHOWN]
    ]  # fmt: skip
    if cells:
        table(cells, ("old", "new", "was", "would be", "team"), right=(0, 1, 2, 3))
    if rows[_SHOWN:]:
        out(f"and {len(rows) - _SHOWN:,} more: --json")


def _audit(event: str, done: dict[str, Any], _more: str) -> None:
    final = f", final board of {plural(done['final_rows'], 'row')}" if done["final_rows"] else ""
    out(f"{event}: {plural(done['submissions'], 'submission')} scored again, public board of "
        f"{plural(done['rows'], 'row')}{final}")  # fmt: skip
    if done["equal"]:
        out(styled("All scores, steps and ranks are equal to those that are kept.", "good"))
    else:
        out(styled(f"{plural(len(done['different']), 'difference')}:", "bad"))
        for sentence in done["different"][:_SHOWN]:
            point(sentence)
    for line in (done.get("log") or [])[:10]:
        out(styled(clip(log_line(line), 78), "dim"))


def _backup(event: str, done: dict[str, Any], _more: str) -> None:
    out(f"{done['file']}: {plural(done['files'], 'file')}, {done['bytes'] / 1e6:,.1f} MB, all events of the store")
    out("It holds answers and what was sent: keep it where entrants cannot read it.")
    next_step(f"dojo host {event} restore {quoted(Path(done['file']).name)} --store restored", "tries it")


def _restore(_event: str, done: dict[str, Any], _more: str) -> None:
    out(f"{done['folder']}: {plural(done['files'], 'file')} are what the manifest says; {', '.join(done['events'])}, "
        f"{plural(done['submissions'], 'submission')}")  # fmt: skip
    next_step(f"dojo serve --store {quoted(done['folder'])}")


def _archive(event: str, done: dict[str, Any], _more: str) -> None:
    out(f"{done['folder']}: pages, {plural(done['submissions'], 'submission')}, answers; only pages/ is for everybody")
    if not done["equal"]:
        out(styled(f"The boards are not what the submissions give: dojo host {event} audit", "bad"))
    next_step(f"dojo host {quoted(done['folder'])} audit", "computes its boards again from these files alone")


def _rank(rank: int | None) -> str:
    return "–" if rank is None else str(rank)
