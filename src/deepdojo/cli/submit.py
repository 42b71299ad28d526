"""`dojo submit`: send a run, a table or a program to an event."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from deepdojo.cli.options import Json, option
from deepdojo.cli.output import next_step, out, print_json, styled
from deepdojo.cli.words import duration, plural, score_phrase, si
from deepdojo.errors import DataError, DojoError, UsageError

__all__ = ["submit"]

_COST = "Cost, as you state it; of a run its own figures"


def submit(
    what: Annotated[
        str, option("A run (or `last`), a table, a folder with predict.py, or a lesson's solution.", "Arguments")
    ],
    address: Annotated[str, option("The event: http://room:8000/reviews.", "Arguments")],
    /,
    *,
    note: Annotated[str, option("What is new, for your team and the host; default: nothing.")] = "",
    parameters: Annotated[float | None, option("Numbers that it learned.", _COST)] = None,
    flops: Annotated[float | None, option("Operations of its training.", _COST)] = None,
    seconds: Annotated[float | None, option("Seconds of its training.", _COST)] = None,
    wait: Annotated[bool, option("Wait for the result.")] = False,
    json: Json = False,
) -> None:
    """Send a run, a table or a program to a competition.

    dojo submit last http://room:8000/reviews --wait
    dojo submit mine.csv http://room:8000/reviews --note "bigger kernel"
    dojo submit folder/ http://room:8000/reviews     a program: predict.py
    """
    from deepdojo import api
    from deepdojo.cli.terminal import TerminalListener

    listener = TerminalListener()
    cost = _checked(("--parameters", parameters), ("--flops", flops), ("--seconds", seconds))
    seen: list[str] = []

    def told(found: dict[str, Any]) -> None:
        place = found.get("place")
        ahead = "being scored" if not place else f"{plural(int(place), 'submission')} before it"
        if seen[-1:] != [ahead]:
            seen.append(ahead)
            listener.stage("waiting", ahead)

    try:
        done = api.submit(what, address, note=note, cost=cost, wait=math.inf if wait else 0.0, told=told)
    finally:
        listener.finish()
    fault = done.get("fault")
    if not json:
        _print_verdict(done.get("verdict"))
    stated = _stated(done["stated"])
    if json:
        if fault or done["state"] == "failed":
            raise _refused(done)
        print_json(done)
        return
    if done["state"] == "queued":
        out(f"{done['sent']} is accepted" + (", as before" if done.get("before") else "") + f": {done['id']}")
        _say_stated(stated)
        next_step(f"dojo board {address} --watch", "scored in a moment")
        return
    if done["state"] != "scored":
        raise _refused(done)
    _print_result(done)
    ran = done.get("ran")
    if ran:
        out(
            styled(
                f"the program ran {ran['seconds']:.1f} s, {ran['peak_bytes'] / (1 << 20):,.0f} MiB at the most", "dim"
            )
        )
    _say_stated(stated)
    next_step(f"dojo board {address}")


def _print_verdict(verdict: Mapping[str, Any] | None) -> None:
    """Of a lesson's solution, in the language of the locale."""
    if not verdict:
        return
    from deepdojo.grader.words import language

    head, *rest = str(verdict.get(language()) or verdict.get("en")).split("\n")
    out(styled(head, "good" if verdict.get("passed") else "bad"))
    for line in rest:
        out(line)


def _checked(*given: tuple[str, float | None]) -> dict[str, object]:
    """The costs that were stated, each fault named by its option."""
    from deepdojo.competition.cost import COSTS, stated_cost
    from deepdojo.competition.refusal import Refusal

    found: dict[str, object] = {}
    for name, (flag, value) in zip(COSTS, given, strict=True):
        try:
            found |= stated_cost({name: value})
        except Refusal as refusal:
            raise UsageError(refusal.what, where=flag, todo=refusal.todo) from None
    return found


def _stated(cost: Mapping[str, float]) -> str:
    units = {"parameters": " parameters", "train_flops": " FLOP"}
    said = [si(cost[name]) + unit for name, unit in units.items() if name in cost]
    return ", ".join(said + ([duration(cost["seconds"])] if "seconds" in cost else []))


def _say_stated(stated: str) -> None:
    if stated:
        out(styled(f"stated with it: {stated}", "dim"))


def _refused(done: dict[str, Any]) -> DojoError:
    """A file with a fault, or one that the server could not score: neither costs quota."""
    fault = done.get("fault") or {}
    if done["state"] == "refused":
        return DataError(str(fault.get("error") or "the file is refused"), where=fault.get("where") or done["sent"],
                         todo=fault.get("todo"))  # fmt: skip
    return DojoError("the server could not score it, which costs no quota", where=done["id"], todo="tell the host")


def _print_result(done: dict[str, Any]) -> None:
    metric, value = str(done["metric"]), done["value"]
    if metric.startswith("python:"):
        text = f"{value:.6g}"
    else:
        text = score_phrase(metric, value, done.get("low"), done.get("high"), done.get("n"))
    if done.get("moved"):
        out(f"{done['sent']}: {styled(text, 'bold')} on the public rows; your team's row moved")
    else:
        out(f"{done['sent']} is scored, and is not surely better than what your team has shown: {styled(text, 'bold')}"
            " stays")  # fmt: skip
    out(styled(f"{done['id']}, SHA-256 {str(done.get('sha256'))[:12]}…; the final board decides on other rows", "dim"))
