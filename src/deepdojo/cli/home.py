"""Bare `dojo`: where am I, what is here, and what is the next step, as one command to copy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from deepdojo.cli.catalogue import project_folders, read_json, read_toml, runs_beside
from deepdojo.cli.output import answer, next_step, out, quoted, styled
from deepdojo.cli.words import plural, score_phrase
from deepdojo.errors import DojoError, ProjectError

__all__ = ["TEXTS", "home"]

NEXT, GREETING = "Next: ", ": become good at deep learning by doing it. Nothing here yet."
FIRST_MODEL, BY_LESSONS = "a first model in seconds, offline", "write it yourself, lesson by lesson"
COMMANDS = "all commands"
PASSED, PASSED_THERE = "Lessons: {} of {} passed", "Lessons: {} of {} passed, in {}"
TEXTS = (NEXT, GREETING, FIRST_MODEL, BY_LESSONS, COMMANDS, PASSED, PASSED_THERE)


def home() -> int:
    """Say where we are; never fails on what lies in the folder."""
    from deepdojo.runs import run_folders

    here = Path.cwd()
    in_project = (here / "project.toml").is_file()
    runs = run_folders()
    if in_project:
        _project(here)
    own = [name for name, folder in project_folders().items() if folder.parent == here and folder != here]
    if own:
        out(f"Projects here: {', '.join(own[:6])}{' …' if len(own) > 6 else ''}")
    finished = [f for f in runs if not f.name.endswith(".partial") and (f / "score.json").is_file()]
    left = [f for f in runs if f.name.endswith(".partial")]
    if finished:
        _runs(finished)
    if left:
        out(
            f"Unfinished: {left[-1].name.removesuffix('.partial')}" + (f" and {len(left) - 1} more" if left[1:] else "")
        )
    others = bool(in_project or own or finished or left)
    say = _words(english=others)  # projects and runs are told in English: no screen is half in one language
    lesson = _lessons(here, say)
    if not others:
        if lesson is not None:
            next_step("dojo learn", lesson, word=say(NEXT))
        else:
            out(f"{styled('DeepDojo', 'bold')}{say(GREETING)}")
            next_step("dojo train digits", say(FIRST_MODEL), word=say(NEXT))
            out(f"      {styled('dojo learn', 'accent')}   {styled(say(BY_LESSONS), 'dim')}")
    elif left:
        next_step(f"dojo train --resume {left[-1].name.removesuffix('.partial')}", "go on where it stopped")
    elif finished:
        next_step(f"dojo report {finished[-1].name} --open", "the newest run: errors, reasons, cost")
    else:
        target = "." if in_project else own[0]
        next_step(f"dojo check {quoted(target)}", "what is wrong with the data")
    if lesson is not None and others:
        out(f"      {styled('dojo learn', 'accent')}   {styled(lesson, 'dim')}")
    out(f"      {styled('dojo --help', 'accent')}   {styled(say(COMMANDS), 'dim')}")
    return 0


def _words(*, english: bool) -> Callable[[str], str]:
    """A text of `TEXTS` in the language of the locale."""
    from deepdojo.cli.help import chinese
    from deepdojo.grader.words import language

    if english or language() == "en":
        return lambda text: text
    known = chinese()
    return lambda text: known[text]


def _lessons(here: Path, say: Callable[[str], str]) -> str | None:
    """Where a learner is in the lessons of this folder, and what comes next; None where none were begun."""
    from deepdojo.learn.folder import find_folder
    from deepdojo.learn.learner import Learner
    from deepdojo.learn.screen import counted

    folder = find_folder(here)
    if folder is None:
        return None
    try:
        learner = Learner(folder)
        passed, total = counted(learner.rows())
        lesson = learner.to_open()
    except DojoError as fault:  # looking around must not fail
        out(f"Lessons: {fault}")
        return None
    out(say(PASSED if folder == here else PASSED_THERE).format(passed, total, folder.name))
    return f"{lesson.id} {lesson.title[learner.lang]}"


def _project(folder: Path) -> None:
    try:
        spec = read_toml(folder / "project.toml")
    except ProjectError as fault:
        out(f"{styled(folder.name, 'bold')} · {fault}")
        return
    parts = [styled(str(spec.get("name", folder.name)), "bold"), str(spec.get("task", "no task yet"))]
    parts.append(plural(sum(not r.name.startswith("baseline-") for r in runs_beside(folder.name, folder)), "run"))
    out(" · ".join(parts))


def _runs(finished: list[Path]) -> None:
    """How many runs there are, and the best one of the project that was last worked on."""
    heads = {f: read_toml_quietly(f / "run.toml") for f in finished}
    newest = heads[finished[-1]]
    project, metric = newest.get("project", finished[-1].parent.name), newest.get("metric")
    scored = [(f, read_json(f / "score.json")) for f in finished if heads[f].get("project") == project]
    scored = [(f, s) for f, s in scored if s.get("value") is not None and s.get("metric") == metric]
    out(
        f"{plural(len(finished), 'run')} here"
        + (f", the newest of {project}" if len(finished) > 1 else f", of {project}")
    )
    if scored:
        higher = bool(scored[0][1].get("higher_is_better", True))
        folder, best = max(scored, key=lambda fs: fs[1]["value"] if higher else -fs[1]["value"])
        phrase = score_phrase(str(metric), best["value"], best.get("low"), best.get("high"), best.get("n"))
        word = "Highest" if higher else "Lowest"
        answer([(f"{word} of {project}: {styled(phrase, 'bold')}", ""), (folder.name, "")])


def read_toml_quietly(path: Path) -> dict[str, Any]:
    """A run's head, or nothing where it is broken: looking around must not fail."""
    try:
        return read_toml(path)
    except (ProjectError, OSError):
        return {}
