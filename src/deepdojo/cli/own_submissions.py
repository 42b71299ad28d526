"""`dojo board ADDRESS --mine` and `--choose`: what a team has sent, and which of it counts at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from deepdojo.cli.output import answer, next_step, out, paragraph, print_json, table
from deepdojo.cli.words import plural, score_text

__all__ = ["show_own"]

_SHOWN = 60


def show_own(address: str, choose: Sequence[str] | None, *, json: bool) -> None:
    """Print a team's submissions, after naming its finals where some are given.

    Args:
        choose: ids; `none` alone takes the choice back.
    """
    from deepdojo import api

    wanted = None if choose is None else [] if list(choose) == ["none"] else choose
    told = api.own_submissions(address, choose=wanted)
    found = told["submissions"]
    if json:
        print_json(found)
        return
    answer([(str(told["title"]), "bold"), (f"team {told['team']}", ""), (plural(len(found), "submission"), "")])
    if not found:
        out("\nYour team has sent nothing yet.")
        next_step(f"dojo submit last {address}")
        return
    out()
    # An entry that moved nothing has the value shown, without its interval: it is written with the same digits.
    bounds = {row["value"]: (row["low"], row["high"]) for row in found if row["low"] is not None}
    table([_line(told, row, bounds) for row in found[:_SHOWN]], ("id", "when", "score", "end", "file"), right=(2,))
    if len(found) > _SHOWN:
        out(f"and {len(found) - _SHOWN:,} more: --json")
    out()
    paragraph(_what_counts(told), style="dim")
    scored = [row["id"] for row in found if row["state"] == "scored"]
    if scored and not told["closed"]:
        next_step(f"dojo board {address} --choose {' '.join(scored[: told['finals']])}", "names what counts at the end")


def _line(told: Mapping[str, Any], row: Mapping[str, Any], bounds: Mapping[float, Any]) -> tuple[str, ...]:
    when = datetime.fromtimestamp(row["created"]).astimezone().strftime("%m-%d %H:%M")
    if row["state"] != "scored":
        score = {"queued": "waiting"}.get(row["state"], row["state"])
    else:
        value, metric = row["value"], told["metric"]
        score = (
            f"{value:.5g}"
            if metric.startswith("python:")
            else score_text(metric, value, *bounds.get(value, (None, None)))
        )
    note = f", {row['note']}" if row["note"] else ""
    return row["id"], when, score, "◆" if row["chosen"] else "", f"{row['file_name']}{note}"


def _what_counts(told: Mapping[str, Any]) -> str:
    chosen = sum(bool(row["chosen"]) for row in told["submissions"])
    most = told["finals"]
    if chosen:
        return f"◆ {chosen} of {most} chosen: the better one on the hidden rows counts at the end."
    return f"None of {most} is chosen: the one that is best on the public rows counts at the end."
