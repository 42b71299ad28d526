"""`dojo explain`: what a run's decisions rest on, and whether that explanation beats a random one."""

from __future__ import annotations

from typing import Any

from deepdojo.cli.options import Json, Offline, RunName, Trust
from deepdojo.cli.output import answer, next_step, out, paragraph, print_json, table
from deepdojo.cli.words import duration, plural

__all__ = ["explain"]


def explain(run: RunName, /, *, offline: Offline = False, trust: Trust = False, json: Json = False) -> None:
    """Find out what a run's decisions rest on.

    dojo explain last           each method, and its gain over a random order
    dojo explain 2026-11-24     a run by the beginning of its id
    dojo explain last --json    pieces and scores of each row
    """
    from deepdojo import api
    from deepdojo.cli.terminal import TerminalListener

    listener = TerminalListener()
    try:
        found: dict[str, Any] = api.explain(run, listener=listener, offline=offline, trust=trust)
    finally:
        listener.finish()
    if json:
        print_json(found)
        return
    methods = found.get("summary") or []
    if not methods:
        reasons = [f"{reason}: {plural(int(n), 'row')}" for reason, n in (found.get("skipped") or {}).items()]
        out("Nothing could be explained: " + ("; ".join(reasons) or "no method fits this model") + ".")
    else:
        best = max(methods, key=lambda m: m["gap"])
        word = "finds what matters" if best["low"] > 0 else "does no better than chance"
        chance = f"[{best['random_low']:.2f}, {best['random_high']:.2f}]"
        answer(
            [
                (f"{best['title']} {word}", "bold"),
                (f"deletion gap {best['gap']:.2f} [{best['low']:.2f}, {best['high']:.2f}]", ""),
                (f"random order {best['random_gap']:.2f} {chance}", ""),
                (f"{best['n']} rows", ""),
            ]
        )
        out()
        table([(str(m["title"]), f"{m['gap']:.2f}", f"[{m['low']:.2f}, {m['high']:.2f}]", f"{m['random_gap']:.2f}",
                f"{m['passes']:,}", duration(m["seconds"])) for m in methods],
              ("method", "gap", "95 %", "random", "passes", "time"), right=[1, 3, 4, 5])  # fmt: skip
        out()
        paragraph("Gap: evidence lost by deleting the top third, beyond a random third. 0 is chance.", style="dim")
    next_step(f"dojo report {run} --open", "see the pieces on the rows themselves")
