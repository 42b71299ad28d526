"""`dojo check`: what is wrong with the data, before an hour is lost on it."""

from __future__ import annotations

from typing import Annotated

from deepdojo.cli.options import Json, Offline, Trust, option, parse_duration
from deepdojo.cli.output import answer, next_step, out, paragraph, print_json, quoted
from deepdojo.cli.words import plural

__all__ = ["check"]

_STYLE = {"error": "bad", "warning": "warn", "note": "dim"}


def check(
    project: Annotated[str, option("A project: its folder or a built-in name.", "Arguments")],
    /,
    *,
    budget: Annotated[str | None, option("Longest time for the checks, like 30s or 5m.", "How far")] = None,
    offline: Offline = False,
    trust: Trust = False,
    json: Json = False,
) -> int:
    """Look for what is wrong with the data before training.

    dojo check titanic         classes, gaps, leaks, duplicates, files left out
    dojo check ./reviews       a folder with project.toml
    dojo check reviews --json  problems as data; exit code 1 where one is an error
    dojo check cifar10 --budget 30s   a sample instead of all rows
    """
    from deepdojo import api
    from deepdojo.cli.terminal import TerminalListener

    seconds = None if budget is None else parse_duration(budget)
    listener = TerminalListener()
    try:
        listener.stage("check", project)
        report = api.check(project, offline=offline, trust=trust, budget=seconds, listener=listener)
    finally:
        listener.finish()
    problems = list(report.problems)
    failed = any(p.level == "error" for p in problems)
    if json:
        print_json(report.as_json())
        return int(failed)
    seen = f"{report.seen:,} of {report.total:,} rows" if report.seen != report.total else plural(report.total, "row")
    serious = [p for p in problems if p.level != "note"]
    found = plural(len(serious), "problem") if serious else "nothing wrong"
    answer([(project, "bold"), (found, ""), (f"looked at {seen}", "")])
    for problem in sorted(problems, key=lambda p: list(_STYLE).index(p.level)):
        out()
        where = f" ({problem.where})" if problem.where else ""
        paragraph(f"{problem.level}: {problem.what}{where}", indent=2)
        if problem.todo:
            paragraph(f"To do: {problem.todo}", indent=4)
        if problem.examples:
            paragraph(f"Rows: {', '.join(map(repr, problem.examples))}", indent=4)
        if problem.false_alarm and problem.false_alarm > 1e-6:  # that two hashes collide need not be said
            paragraph(f"False alarm: {problem.false_alarm:.2g} or less", indent=4)
    references = report.facts.get("submissions", {})
    if references:
        good = sum(judged["as_expected"] for judged in references.values())
        out()
        paragraph(f"{good} of {plural(len(references), 'reference submission')} are judged as expected.", indent=2)
    next_step(f"dojo {'check' if failed else 'train'} {quoted(project)}", "" if not failed else "once it is mended")
    return int(failed)
