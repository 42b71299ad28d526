"""`dojo explain`: what a run's decisions rest on, and whether that explanation beats a random one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from deepdojo.cli.options import Json, Offline, RunName, Trust, option
from deepdojo.cli.output import answer, next_step, out, paragraph, print_json, quoted, table
from deepdojo.cli.train import print_verdict
from deepdojo.cli.words import duration, plural
from deepdojo.errors import DojoError
from deepdojo.report.figures import Unit

__all__ = ["explain"]


def explain(
    run: RunName,
    /,
    *,
    own: Annotated[
        list[Path] | None,
        option("Your own integrated_gradients, attention_rollout, deletion_auc.", "What", name="--with"),
    ] = None,
    offline: Offline = False,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Find out what a run's decisions rest on.

    dojo explain last           each method, and its gain over a random order
    dojo explain 2026-11-24     a run by the beginning of its id
    dojo explain last --json    pieces and scores of each row
    dojo explain last --with ig.py    your own method, compared with ours
    """
    from deepdojo import api
    from deepdojo.cli.terminal import TerminalListener
    from deepdojo.report.decisions import FEWEST_ROWS, beats_chance

    listener = TerminalListener()
    try:
        found: dict[str, Any] = api.explain(run, with_=own or (), listener=listener, offline=offline, trust=trust)
    except DojoError as fault:
        listener.finish()
        if hasattr(fault, "verdict"):  # of a lesson
            print_verdict(fault.verdict)
        raise
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
        few = "was tried on too few rows to say" if best["n"] < FEWEST_ROWS else "does no better than chance"
        word = "finds what matters" if beats_chance(best) else few
        answer(
            [
                (f"{best['title']} {word}", "bold"),
                (f"deletion gap {_gap(best)}", ""),
                (f"random order {_gap(best, 'random_')}", ""),
                (f"{best['n']} rows", ""),
            ]
        )
        out()
        table([(str(m["title"]), *_gap(m).split(" ", 1), _gap(m, "random_").partition(" ")[0],
                f"{m['passes']:,}", duration(m["seconds"])) for m in methods],
              ("method", "gap", "95 %", "random", "passes", "time"), right=[1, 3, 4, 5])  # fmt: skip
        out()
        areas = [(str(m["title"]), f"{m['deletion_auc']:.3f}") for m in methods if "deletion_auc" in m]
        if areas:
            table(areas, ("method", "area under the deletion curve, by your code (smaller is better)"), right=[1])
            out()
        for one in found.get("with") or []:
            out(f"with {one['name']}: your own ({one['file']}, SHA-256 {one['sha256'][:8]}), compared with ours.")
        paragraph("Gap: evidence lost by deleting the top third, beyond a random third. 0 is chance.", style="dim")
    next_step(f"dojo report {quoted(run)} --open", "see the pieces on the rows themselves")


def _gap(method: dict[str, Any], which: str = "") -> str:
    """`0.94 [0.71, 1.18]`, as the report rounds it."""
    ends = (method[f"{which}gap"], method[f"{which}low"], method[f"{which}high"])
    unit = Unit(percent=False)
    return f"{unit.score(*ends)} {unit.interval(*ends)}"
