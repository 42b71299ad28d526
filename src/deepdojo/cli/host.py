"""`dojo host`: make a project an event, and do what a host does to it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

from deepdojo.cli.host_people import when
from deepdojo.cli.options import Json, Offline, Trust, Yes, option, parse_duration, parse_size
from deepdojo.cli.output import err, head, next_step, out, point, print_json, quoted, styled
from deepdojo.cli.words import plural, score_text
from deepdojo.errors import UsageError

__all__ = ["host"]

_RULES, _RESCORE, _PEOPLE, _WHERE = "Rules", "Rescore", "People", "Where"


def host(
    project: Annotated[
        str | None, option("A project to host; with a VERB an event (or an archive's folder).", "Arguments")
    ] = None,
    verb: Annotated[
        str | None,
        option(
            "freeze, unfreeze, extend, announce TEXT, rescore, audit, backup FILE, restore FILE, archive FOLDER, "
            "link [new], people, token WHO, revoke WHO, password, log.",
            "Arguments",
        ),
    ] = None,
    argument: Annotated[str | None, option("The verb's text, file, folder or person.", "Arguments")] = None,
    /,
    *,
    lesson: Annotated[str | None, option("Host a lesson instead: its id, or its folder.", _RULES)] = None,
    name: Annotated[str | None, option("The event's name in addresses; default: the project's.", _RULES)] = None,
    title: Annotated[str | None, option("Its title; default: the project's.", _RULES)] = None,
    description: Annotated[Path | None, option("A Markdown file that the page shows.", _RULES)] = None,
    public: Annotated[
        float | None,
        option("Share of the test rows behind the public board; default: 0.3, of a lesson's seeds 0.5.", _RULES),
    ] = None,
    starts: Annotated[str | None, option("First moment to send: 2027-01-24T09:00.", _RULES)] = None,
    until: Annotated[str | None, option("Its end (also of extend): 2027-01-31T18:00.", _RULES)] = None,
    freeze_at: Annotated[str | None, option("From then on the public board stands still.", _RULES)] = None,
    team_size: Annotated[int, option("Largest team.", _RULES)] = 1,
    per_day: Annotated[int, option("Scored submissions a team may send a day.", _RULES)] = 5,
    largest: Annotated[
        str | None, option("Largest file that is taken: 200MB; default: 64MiB, of a lesson 1MiB.", _RULES)
    ] = None,
    practice: Annotated[bool, option("The answers are public anyway: the page says so.", _RULES)] = False,
    code: Annotated[bool, option("Entrants send programs, not tables; test rows stay here.", _RULES)] = False,
    run_time: Annotated[
        str | None, option("How long a program may run: 90s; default: 10m, of a lesson 60s.", _RULES)
    ] = None,
    run_memory: Annotated[float, option("Memory of a program, in GiB.", _RULES)] = 4.0,
    show_output: Annotated[bool, option("Senders see what a failed program printed last.", _RULES)] = False,
    anyway: Annotated[bool, option("Host it in spite of errors that the check finds.", _RULES)] = False,
    reason: Annotated[str | None, option("Why everything is scored anew; entrants read it.", _RESCORE)] = None,
    preview: Annotated[bool, option("Score anew and show who moves.", _RESCORE)] = False,
    apply: Annotated[bool, option("Let the new scores count.", _RESCORE)] = False,
    cancel: Annotated[bool, option("Leave the old scores.", _RESCORE)] = False,
    project_folder: Annotated[
        str | None, option("The corrected project, if it has moved.", _RESCORE, name="--project")
    ] = None,
    role: Annotated[str | None, option("Of token: entrant, viewer or host; default: entrant.", _PEOPLE)] = None,
    store: Annotated[Path, option("The server's folder.", _WHERE)] = Path("dojo-server"),
    db: Annotated[str | None, option("postgresql://… where its database is one.", _WHERE)] = None,
    port: Annotated[int, option("Port of dojo serve, for the link.", _WHERE)] = 8000,
    offline: Offline = False,
    yes: Yes = False,
    trust: Trust = False,
    json: Json = False,
) -> int:
    """Make a project a competition, and be its host.

    dojo host reviews --until 2027-01-31T18:00 --per-day 5
    dojo host --lesson a2-softmax           solutions, graded in the sandbox
    dojo host reviews announce "the lab closes at six"
    dojo host reviews rescore --reason "label fixed" --preview
    dojo host reviews backup monday.zip     all events of the store
    dojo host reviews audit                 are the boards what was sent?
    dojo host reviews token ada             for somebody who lost it
    """
    from deepdojo import api
    from deepdojo.cli.terminal import TerminalListener

    listener = TerminalListener()
    _one_of(project, lesson, verb)
    if verb is not None:
        from deepdojo.cli.asking import new_password
        from deepdojo.cli.host_verbs import print_done

        options: dict[str, Any] = {
            "until": until, "reason": reason, "preview": preview, "apply": apply, "cancel": cancel, "trust": trust,
            "project": project_folder, "port": port, "role": role,
        }  # fmt: skip
        if verb == "password":
            options["secret"] = new_password(argument)
        try:
            done = api.manage(str(project), verb, argument, store=store, db=db, listener=listener, **options)
        finally:
            listener.finish()
        code_out = 1 if verb == "audit" and not done["equal"] else 0
        if json:
            print_json(done)
        else:
            print_done(str(project), verb, done, store)
        return code_out
    for given, what in ((reason, "--reason"), (preview, "--preview"), (apply, "--apply"), (cancel, "--cancel")):
        if given:
            raise UsageError("only an event can be scored anew", where=what, todo="write dojo host EVENT rescore")
    rules = {"name": name, "title": title, "team_size": team_size, "per_day": per_day, "practice": practice,
             **({} if public is None else {"public_share": public}),
             **({} if largest is None else {"largest_bytes": parse_size(largest, where="--largest")}),
             **_of_programs(code or lesson is not None, run_time, run_memory, show_output),
             **_texts(description, starts, until, freeze_at)}  # fmt: skip
    try:
        if lesson is not None:
            made = api.host_lesson(lesson, store=store, db=db, port=port, trust=trust, listener=listener, **rules)
        else:
            made = api.host(
                str(project), store=store, db=db, port=port, anyway=anyway, offline=offline, yes=yes, trust=trust,
                listener=listener, shown=None if json else lambda found: _shown(listener, found), code=code, **rules,
            )  # fmt: skip
    finally:
        listener.finish()
    if json:
        print_json(made)
    elif lesson is not None:
        _print_lesson(made, store, db)
    else:
        _print_hosted(made, store, db)
    return 0


def _one_of(project: str | None, lesson: str | None, verb: str | None) -> None:
    if project is None and lesson is None:
        raise UsageError("nothing to host is named", where="dojo host",
                         todo="give a project, or --lesson ID; see dojo host --help")  # fmt: skip
    if project is not None and lesson is not None:
        todo = "host one of them" if verb is None else f"leave it out: dojo host {project} {verb}"
        raise UsageError(f"a lesson is hosted alone, not with {project!r}", where="--lesson", todo=todo)


def _of_programs(code: bool, run_time: str | None, run_memory: float, show_output: bool) -> dict[str, Any]:
    """The rules that only programs need."""
    given: dict[str, Any] = {"run_bytes": int(run_memory * (1 << 30)), "show_printed": show_output}
    if run_time is not None:
        given["run_s"] = parse_duration(run_time, where="--run-time")
    if not code:
        if (run_time, run_memory, show_output) != (None, 4.0, False):
            raise UsageError("only where programs are sent is there a run to limit", where="--run-time, --run-memory, "
                             "--show-output", todo="add --code")  # fmt: skip
        return {}
    if not 0.0625 <= run_memory <= 4096:
        raise UsageError(
            f"{run_memory:g} GiB is no memory for a program", where="--run-memory", todo="take 0.0625 or more"
        )
    return given


def _texts(description: Path | None, starts: str | None, until: str | None, freeze_at: str | None) -> dict[str, Any]:
    moments = {"starts": starts, "ends": until, "freeze_at": freeze_at}
    found: dict[str, Any] = {name: text for name, text in moments.items() if text is not None}
    if description is not None:
        try:
            found["description"] = description.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot be read ({error})", where=f"--description {description}",
                             todo="give a text file in UTF-8") from None  # fmt: skip
    return found


def _shown(listener: Any, problems: list[dict[str, Any]]) -> None:
    listener.finish()
    if not problems:
        err("check: nothing was found that gives the answers away")
    for problem in problems:
        style = {"error": "bad", "warning": "warn"}.get(problem["level"], "dim")
        err(f"{styled(problem['kind'], style)}: {problem['where']}: {problem['what']}; {problem['todo']}")


def _print_hosted(made: dict[str, Any], store: Path, db: str | None) -> None:
    rows, rules = made["rows"], made["rules"]
    out(f"{styled(made['event'], 'bold')} is hosted in {store}: {plural(rows['train'] + rows['validation'], 'row')} "
        f"with answers are handed out, {plural(rows['test'], 'row')} "
        + ("stay here for the programs that are sent" if rules["code"] else "without"))  # fmt: skip
    metric = rules["metric"]
    name = "" if metric.startswith("python:") else f"{metric}, "
    sample = f"{made['sample']:.4g}" if metric.startswith("python:") else score_text(metric, made["sample"])
    private = rows["test"] - made["public_rows"]
    out(f"{name}{made['public_rows']:,} rows on the public board, {private:,} on the final one; the sample submission "
        f"gets {sample}")  # fmt: skip
    if made["references"]:
        head("Reference submissions, as expected:")
        for file, got in made["references"].items():
            point(f"{file}: " + (f"{got['score']:.6g}" if got["score"] is not None else f"refused: {got['error']}"))
    _print_ending(made, store, db)


def _print_lesson(made: dict[str, Any], store: Path, db: str | None) -> None:
    out(f"{styled(made['event'], 'bold')}, the lesson {made['lesson']}, is hosted in {store}: stub and texts are "
        "handed out, its check stays here")  # fmt: skip
    final = made["seeds"] - made["public_seeds"]
    out(f"{plural(made['checks'], 'check')} under each of {plural(made['seeds'], 'seed')} that were drawn now: "
        f"{made['public_seeds']} for the public board, {final} for the final one; the lesson's own solution is right "
        "with all of them")  # fmt: skip
    if made["rules"]["practice"]:
        err("note: the lesson's solution comes with DeepDojo: the board shows who solved it, not that it was their own "
            "work, and its page says so")  # fmt: skip
    _print_ending(made, store, db)


def _print_ending(made: dict[str, Any], store: Path, db: str | None) -> None:
    rules = made["rules"]
    for note in made["notes"]:
        err(f"note: {note}")
    if rules["ends"] is None:
        err(f"note: it has no end, so no final board opens; dojo host {made['event']} extend --until 2027-01-31T18:00")
    elif rules["ends"] < time.time():
        err(f"note: its end, {when(rules['ends'])}, is past: nobody can send, and the final board opens at once")
    out(f"Join link: {styled(made['link'], 'accent')}")
    out(f"Your own token for the pages: {made['token_file']}")
    next_step("dojo serve" + _place(store, db), "then give the room the link")


def _place(store: Path, db: str | None) -> str:
    said = "" if store == Path("dojo-server") else f" --store {quoted(store)}"
    return said + ("" if db is None else " --db postgresql://…")
