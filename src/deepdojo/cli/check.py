"""`dojo check`: what is wrong with the data, before an hour is lost on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from deepdojo.cli.options import Json, Language, Offline, Trust, option, parse_duration
from deepdojo.cli.output import answer, err, next_step, out, paragraph, print_json, quoted
from deepdojo.cli.words import plural
from deepdojo.errors import UsageError

if TYPE_CHECKING:
    from deepdojo.data.check import CheckReport

__all__ = ["check"]


def check(
    project: Annotated[str, option("A project: its folder or a built-in name.", "Arguments")],
    /,
    *,
    budget: Annotated[str | None, option("Longest time for the checks, like 30s or 5m.", "How far")] = None,
    look: Annotated[bool, option("Instead, a page of what a model will really see.", "Look")] = False,
    recipe: Annotated[str | None, option("With --look: the recipe to look through.", "Look", short="-r")] = None,
    output: Annotated[Path | None, option("With --look: where the page goes.", "Look", short="-o")] = None,
    open: Annotated[bool, option("With --look: open the page in the browser.", "Look", name="--open")] = False,
    language: Language = "en",
    offline: Offline = False,
    trust: Trust = False,
    json: Json = False,
) -> int:
    """Look for what is wrong with the data before training.

    dojo check titanic                classes, leaks, duplicates, shift
    dojo check reviews --json         as data; exit code 1 for an error
    dojo check cifar10 --budget 30s   a sample instead of all rows
    dojo check cifar10 --look --open  pictures as augmentation draws them
    """
    if look:
        if budget is not None:
            raise UsageError("--budget does not go with --look", where="--budget", todo="leave one of them away")
        return _look(project, recipe, output, open, language, offline, trust, json)
    given = {"--recipe": recipe, "--output": output, "--open": open, "--language": language != "en"}
    alone = next((name for name, value in given.items() if value), None)
    if alone is not None:
        raise UsageError(f"{alone} goes with --look", where=alone, todo="add --look")
    from deepdojo import api
    from deepdojo.cli.terminal import TerminalListener

    seconds = None if budget is None else parse_duration(budget)
    listener = TerminalListener()
    try:
        listener.stage("check", project)
        report = api.check(project, offline=offline, trust=trust, budget=seconds, listener=listener)
    finally:
        listener.finish()
    failed = any(problem.level == "error" for problem in report.problems)
    if json:
        print_json(report.as_json())
    else:
        _show(project, report, failed)
    return int(failed)


def _show(project: str, report: CheckReport, failed: bool) -> None:
    seen = f"{report.seen:,} of {report.total:,} rows" if report.seen != report.total else plural(report.total, "row")
    serious = [p for p in report.problems if p.level != "note"]
    found = plural(len(serious), "problem") if serious else "nothing wrong"
    answer([(project, "bold"), (found, ""), (f"looked at {seen}", "")])
    for problem in report.problems:
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


def _look(
    project: str,
    recipe: str | None,
    output: Path | None,
    open: bool,
    language: str,
    offline: bool,
    trust: bool,
    json: bool,
) -> int:
    from deepdojo import api
    from deepdojo.cli.terminal import TerminalListener

    listener = TerminalListener()
    try:
        path = api.look(
            project, recipe, output=output, language=language, offline=offline, trust=trust, listener=listener
        )
    finally:
        listener.finish()
    if json:
        print_json({"look": str(path.absolute())})
    else:
        out(str(path))
    if open:
        import webbrowser

        if not webbrowser.open(path.absolute().as_uri()):
            err("no browser could be started here; open the file by hand")
    elif not json:
        named = f" -r {quoted(recipe)}" if recipe else ""
        next_step(f"dojo train {quoted(project)}{named}")
    return 0
