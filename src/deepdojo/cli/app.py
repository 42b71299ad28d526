"""The table of commands, and `main`: runs one, and turns every fault into one sentence and an exit code."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from deepdojo.errors import DojoError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from cyclopts import App

__all__ = ["COMMANDS", "GROUPS", "Command", "build_app", "main"]


class Command(NamedTuple):
    """Where a command's function is, under which head the help shows it, and its docstring's first line."""

    target: str
    group: str
    summary: str


GROUPS = ("Learn", "Practise", "Compete", "Tools")

COMMANDS: Mapping[str, Command] = {
    "learn": Command("deepdojo.cli.learn:learn", "Learn", "Learn by writing it: the next lesson, checked as you save."),
    "grade": Command("deepdojo.cli.grade:grade", "Learn", "Say whether a file solves its lesson, and what is wrong."),
    "new": Command("deepdojo.cli.new:new", "Practise", "Make a project from your own data: one project.toml."),
    "check": Command("deepdojo.cli.check:check", "Practise", "Look for what is wrong with the data before training."),
    "train": Command("deepdojo.cli.train:train", "Practise", "Train a model, score it, explain it, report it."),
    "curve": Command("deepdojo.cli.curve:curve", "Practise", "Train on growing shares of the rows: would more help?"),
    "predict": Command(
        "deepdojo.cli.predict:predict", "Practise", "Predict new rows with a run, or with what was exported of it."
    ),
    "explain": Command("deepdojo.cli.explain:explain", "Practise", "Find out what a run's decisions rest on."),
    "errors": Command("deepdojo.cli.errors:errors", "Practise", "List a run's worst errors, or doubtful labels."),
    "report": Command("deepdojo.cli.report:report", "Practise", "Write the page that tells all about a run."),
    "export": Command("deepdojo.cli.export:export", "Practise", "Write a run's model for onnxruntime."),
    "reproduce": Command("deepdojo.cli.reproduce:reproduce", "Practise", "Train a run again and compare the scores."),
    "board": Command("deepdojo.cli.board:board", "Compete", "Show the leaderboard of a project or a competition."),
    "runs": Command("deepdojo.cli.runs:runs", "Practise", "List runs: finished, running, interrupted."),
    "compare": Command("deepdojo.cli.compare:compare", "Compete", "Is the difference between two runs real?"),
    "score": Command("deepdojo.cli.score:score", "Compete", "Score a table of predictions, whoever made it."),
    "host": Command("deepdojo.cli.host:host", "Compete", "Make a project a competition, and be its host."),
    "serve": Command("deepdojo.cli.serve:serve", "Compete", "Serve competitions to the room: pages, API and scoring."),
    "join": Command("deepdojo.cli.join:join", "Compete", "Take part in a competition: its data as a project."),
    "submit": Command("deepdojo.cli.submit:submit", "Compete", "Send a run, a table or a program to a competition."),
    "bundle": Command("deepdojo.cli.bundle:bundle", "Compete", "Take DeepDojo and projects to where no network is."),
    "lessons": Command(
        "deepdojo.cli.lessons:lessons", "Tools", "Check lessons as their author must, or start a new one."
    ),
    "list": Command("deepdojo.cli.listing:listing", "Tools", "List what there is: projects, models, tasks, metrics."),
    "show": Command("deepdojo.cli.show:show", "Tools", "Show one project, model, task, metric, layer or run."),
    "schema": Command("deepdojo.cli.schema:schema", "Tools", "Print the JSON schema of a project or recipe file."),
    "doctor": Command("deepdojo.cli.doctor:doctor", "Tools", "Check that this machine is ready."),
}


def build_app() -> App:
    """The cyclopts application. Commands are strings: a command's module is imported only when it runs."""
    from cyclopts import App

    app = App(
        name="dojo",
        help_flags=[],
        version_flags=[],
        suppress_keyboard_interrupt=False,
    )
    for name, command in COMMANDS.items():
        app.command(command.target, name=name, help_flags=[], version_flags=[])
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Run one `dojo` command line and return its exit code.

    Codes: 0 done, 1 a fault of ours or "no" as the answer, 2 something that the user can mend, 130 interrupted.
    """
    from deepdojo.cli.output import never_crash_on_encoding, quiet_exit

    args = list(sys.argv[1:] if argv is None else argv)
    never_crash_on_encoding()
    # Threads that wait for one another by spinning burn the very cores that other work needs. With GNU's OpenMP 10,000
    # rounds cost nothing on idle cores; beside two busy processes 60 steps of fashion-mnist took 5.0 s instead of 11.3.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # read when torch loads
    try:
        code = _dispatch(args)
        sys.stdout.flush()
    except BrokenPipeError:  # `dojo board digits | head -3`: the reader has what it wanted
        return quiet_exit()
    except KeyboardInterrupt as stop:
        return _interrupted(stop)
    except DojoError as fault:
        return _refused(fault, args)
    except Exception as error:  # the last net: whatever is left is our fault, and must not hide behind a traceback
        known = _as_fault(error)
        return _refused(known, args) if known is not None else _broken(error, args)
    return code


def _dispatch(args: list[str]) -> int:
    before = args[: args.index("--")] if "--" in args else args
    name = args[0] if args and not args[0].startswith("-") else None
    if "--version" in before and name is None:
        from deepdojo import __version__
        from deepdojo.cli.output import out

        out(f"deepdojo {__version__}")
        return 0
    if name is not None and name not in COMMANDS and name != "help":
        raise _unknown_command(name)
    if name == "help" or {"-h", "--help"} & set(before):
        from deepdojo.cli.help import print_help

        topic = next((a for a in (args[1:] if name == "help" else args) if not a.startswith("-")), None)
        print_help(topic, _language_of(before))
        return 0
    if name is None:
        from deepdojo.cli.home import home

        if args:
            raise UnknownNameError("option", args[0], ["--help", "--version"], where="dojo")
        return home()
    return _run(args)


def _language_of(args: Sequence[str]) -> str | None:
    """What `--lang` says, for the help; None where it says nothing that is known."""
    joined = [each.removeprefix("--lang=") for each in args if each.startswith("--lang=")]
    given = joined or [after for flag, after in pairwise(args) if flag == "--lang"]
    return given[-1] if given and given[-1] in ("en", "zh") else None


def _run(args: list[str]) -> int:
    from cyclopts.exceptions import CycloptsError

    app = build_app()
    try:
        code: Any = app(args, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        error.verbose = False
        sentence, _, guess = " ".join(str(error).split()).partition(" Did you mean ")
        what = sentence[:1].lower() + sentence[1:].rstrip(".") or "this command line cannot be understood"
        todo = f"did you mean {guess}" if guess else f"see dojo {args[0]} --help"
        raise UsageError(what, where=f"dojo {args[0]}", todo=todo) from error
    return code if isinstance(code, int) else 0


def _unknown_command(name: str) -> DojoError:
    from deepdojo.cli.catalogue import project_names

    if name in project_names():
        return UsageError(f"no command is named {name!r}, but a project is", todo=f"dojo train {name}")
    return UnknownNameError("command", name, [*COMMANDS, "help"])


def _refused(fault: DojoError, args: Sequence[str]) -> int:
    """One sentence on stderr; with `--json` the same as an object on stdout."""
    from deepdojo.cli.output import complain, print_json, quiet_exit
    from deepdojo.launch import rank

    if rank() > 0:  # under torchrun the first process says it
        return fault.exit_code
    try:
        if "--json" in args:
            print_json(fault.as_json())
        complain(fault)
    except BrokenPipeError:
        return quiet_exit()
    return fault.exit_code


def _interrupted(stop: KeyboardInterrupt) -> int:
    """Whoever catches Ctrl-C on the way up may put the way to go on into the exception."""
    from deepdojo.cli.output import err

    how = " ".join(str(a) for a in stop.args).strip()
    err("\nstopped" + (f"; {how}" if how else "; nothing was lost"))
    return 130


def _as_fault(error: Exception) -> DojoError | None:
    """What the system refused (a full disk, no permission, no memory) is the user's to mend, wherever it happened."""
    import errno

    if isinstance(error, OSError) and error.filename is not None:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return DojoError("the disk is full", where=str(error.filename), todo="free some space, then do it again")
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return DojoError("there is no permission", where=str(error.filename), todo="choose another folder or owner")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DojoError("the disk is full", todo="free some space, then do it again")
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return DojoError("there is not enough memory", todo="try a smaller batch: --set train.batch_size=16")
    return None


def _broken(error: Exception, args: Sequence[str]) -> int:
    """One line, and the traceback in a file: it is for whoever mends DeepDojo, not for whoever met it."""
    from deepdojo.cli.output import err, print_json

    where = _save_traceback(error, args)
    what = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    if "--json" in args:
        print_json({"error": what, "where": where, "todo": "report this fault of DeepDojo"})
    err(f"dojo: this is a fault of DeepDojo, not yours: {what}; the details are in {where}, please report them")
    return 1


def _save_traceback(error: Exception, args: Sequence[str]) -> str:
    import platform
    import traceback

    from deepdojo import __version__

    text = (
        f"dojo {' '.join(args)}\ndeepdojo {__version__}, Python {platform.python_version()}, {platform.platform()}\n\n"
    )
    text += "".join(traceback.format_exception(error))
    try:
        handle, path = tempfile.mkstemp(prefix="deepdojo-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        sys.stderr.write(text)  # nowhere to put it: better seen than lost
        return "the lines above"
    return path
