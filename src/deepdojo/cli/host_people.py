"""What `dojo host EVENT people|token|revoke|password|log` print."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from deepdojo.cli.output import next_step, out, quoted, styled, table
from deepdojo.cli.words import plural

__all__ = ["log_line", "print_log", "print_password", "print_people", "print_revoked", "print_token", "when"]

_SHOWN = 200


def when(at: float | None) -> str:
    """A moment in this machine's time, to the minute."""
    return "never" if at is None else datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M %Z")


def log_line(line: Mapping[str, Any]) -> str:
    """One line of the audit log."""
    detail = ", ".join(f"{key} {_cell(key, value)}" for key, value in line["detail"].items())
    return f"{when(line['at'])}  {line['who']} {line['what']}" + (f": {detail}" if detail else "")


def _cell(key: str, value: Any) -> str:
    if key in ("from", "to") and (value is None or isinstance(value, int | float)):
        return "no time" if value is None else when(value)
    return str(value)


def print_people(event: str, done: dict[str, Any], more: str) -> None:
    """Who takes part, and what can be revoked."""
    found = done["people"]
    out(f"{event}: {plural(len(found), 'person', 'people')}")
    out()
    table(
        [
            (row["name"], row["role"] + (", password" if row["password"] else ""), row["team"] or "",
             str(row["sessions"]), "revoked" if row["revoked"] else when(row["since"])[:10])
            for row in found[:_SHOWN]
        ],
        ("name", "role", "team", "signed in", "since"), right=(3,),
    )  # fmt: skip
    if found[_SHOWN:]:
        out(f"and {len(found) - _SHOWN:,} more: --json")
    next_step(f"dojo host {event} revoke WHO{more}", "ends a token and its browsers")


def print_token(event: str, done: dict[str, Any], more: str) -> None:
    """The token, this once."""
    out(f"{done['name']} ({done['role']}) gets this token; it is shown this once, an older one has ended:")
    out(styled(done["token"], "accent"))
    if done["role"] == "host":
        out("With it one signs in on the pages.")
        next_step(f"dojo host {event} people{more}")
    else:
        next_step(f"dojo join '{done['link'].partition('?')[0]}' --token -", "on the person's computer")


def print_revoked(event: str, done: dict[str, Any], more: str) -> None:
    """What has ended, and how it begins again."""
    out(f"{done['name']} ({done['role']}): token and browsers have ended; teams and submissions stay")
    next_step(f"dojo host {event} token {quoted(done['name'])}{more}", "lets the person in again")


def print_password(event: str, done: dict[str, Any], more: str) -> None:
    """Whether there is one now."""
    if done["password"]:
        out(f"{done['name']} signs in on the pages with this password, or with the token; other browsers have ended")
        next_step(f"dojo serve{more}")
    else:
        out(f"{done['name']} has no password any more; the token opens the pages")


def print_log(_event: str, done: dict[str, Any], _more: str) -> None:
    """What hosts did, the newest first."""
    for line in done["log"]:
        out(log_line(line))
    if not done["log"]:
        out("Nothing yet.")
