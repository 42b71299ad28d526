"""`dojo runs`: all runs seen from here, and how far each is."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

from deepdojo.cli.options import Json, RunsFolder, option
from deepdojo.cli.output import err, next_step, out, paragraph, print_json, styled, table
from deepdojo.cli.words import duration, metric_name, plural, score_text
from deepdojo.errors import UsageError

__all__ = ["runs"]

_STYLES = {"running": "accent", "interrupted": "warn", "failed": "bad", "damaged": "bad"}
_MOST = 40
_EVERY_S = 1.0


def runs(
    project: Annotated[str | None, option("Only the runs of this project.", "Arguments")] = None,
    /,
    *,
    state: Annotated[str | None, option("Only finished, running, interrupted, failed or damaged ones.", "What")] = None,
    sort: Annotated[str, option("time, score, loss or seconds.", "What")] = "time",
    all: Annotated[bool, option(f"More than the first {_MOST}.", "What")] = False,
    watch: Annotated[bool, option("Show how running ones get on, until Ctrl-C.", "What")] = False,
    runs: RunsFolder = None,
    json: Json = False,
) -> None:
    """List runs: finished, running, interrupted.

    dojo runs                       all runs seen from here, the newest first
    dojo runs digits --sort score   those of one project, the best first
    dojo runs --watch               a living table of what is running
    """
    from deepdojo import api

    if watch and json:
        raise UsageError("a living table is no JSON", where="--watch", todo="leave one of the two out")

    def look() -> list[dict[str, Any]]:
        return api.runs(project, state=state, sort=sort, runs=runs)

    found = look()
    if json:
        print_json(found)
        return
    if watch:
        _watch(look)
        return
    if not found:
        out("There are no runs here." if project is None else f"There are no runs of {project} here.")
        next_step(f"dojo train {project or 'digits'}")
        return
    _print(found if all else found[:_MOST])
    if len(found) > _MOST and not all:
        paragraph(f"{len(found) - _MOST:,} more: dojo runs --all", style="dim")
    size = sum(f["bytes"] for f in found)
    paragraph(f"{plural(len(found), 'run')}, {size / 1e6:,.1f} MB.", style="dim")
    left = next((f for f in found if f["state"] in ("interrupted", "damaged", "failed")), found[0])
    next_step(left["todo"] or f"dojo board {left['project']}")


def _print(found: list[dict[str, Any]]) -> None:
    from deepdojo.run_list import age

    rows = []
    for f in found:
        style = _STYLES.get(f["state"], "")
        rows.append((f["id"], f["project"], styled(f["state"], style) if style else f["state"], _how(f),
                     age(f["created"])))  # fmt: skip
    table(rows, ("run", "project", "state", "how it does", "age"), right=[4])


def _how(f: dict[str, Any]) -> str:
    """A score where there is one, else how far it is."""
    if f["score"] is not None:
        return f"{metric_name(f['metric'])} {score_text(f['metric'], f['score'], f['low'], f['high'])}"
    parts = []
    if f["epoch"] is not None:
        parts.append(f"epoch {f['epoch']:.3g}")
    elif f["step"] is not None:
        parts.append(f"step {f['step']:,}")
    if f["loss"] is not None:
        parts.append(f"loss {f['loss']:.3g}")
    if f["validation"] is not None:
        parts.append(f"{metric_name(f['metric'])} {score_text(f['metric'], f['validation'])} (validation)")
    if f["seconds"] is not None and f["state"] == "running":
        parts.append(duration(f["seconds"]))
    return " · ".join(parts) or "–"


def _watch(look: Any) -> None:
    """One line for each running run, drawn anew each second; elsewhere than on a terminal a plain line when it
    changes."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=True, width=min(80, Console(stderr=True).width))

    def lines() -> list[str]:
        now = [f for f in look() if f["state"] == "running"]
        return [f"{f['id']} · {f['project']} · {_how(f)}" for f in now] or ["nothing is running"]

    if not console.is_terminal:
        for line in lines():
            err(line)
        return
    with Live(console=console, refresh_per_second=4, transient=False) as live:
        while True:
            live.update(Text("\n".join(lines()), no_wrap=True, overflow="ellipsis"))
            time.sleep(_EVERY_S)
            sys.stderr.flush()
