"""Hosting and managing events, told to a listener: what stands between `dojo host` and the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deepdojo.competition.host import HOSTED, Store, host_event, join_link, open_store
from deepdojo.competition.refusal import Refusal
from deepdojo.data.dataset import Dataset
from deepdojo.errors import DataError, UnknownNameError, UsageError
from deepdojo.session.listener import Listener
from deepdojo.session.people import PEOPLE_VERBS

__all__ = ["VERBS", "by_flag", "host_project", "manage_event", "with_moments"]

VERBS = ("freeze", "unfreeze", "extend", "announce", "rescore", "audit", "backup", "restore", "archive", "link",
         *PEOPLE_VERBS)  # fmt: skip
_CPU_S = 60.0
_FLAGS = {"starts": "--starts", "ends": "--until", "freeze_at": "--freeze-at"}
_RULE_FLAGS = {**_FLAGS, "public_share": "--public", "team_size": "--team-size", "per_day": "--per-day",
               "largest_bytes": "--largest", "name": "--name", "title": "--title",
               "description": "--description"}  # fmt: skip


def host_project(
    project: str | Path, *, store: str | Path, db: str | None, port: int, anyway: bool, offline: bool, yes: bool,
    trust: bool, listener: Listener, shown: Callable[[list[dict[str, Any]]], None] | None, given: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """Look for what gives answers away, publish, enter the event; see `api.host`."""
    from deepdojo.competition.hosting.giving_away import giving_away

    rules = with_moments(given)
    dataset, trusted = _read(project, offline=offline, yes=yes, trust=trust, listener=listener)
    listener.stage("check", "what gives the answers away")
    problems = [asdict(one) for one in giving_away(dataset, budget_s=_CPU_S, progress=listener.progress)]
    if shown is not None:
        shown(problems)
    errors = [one for one in problems if one["level"] == "error"]
    if errors and not anyway:
        raise DataError(
            f"{errors[0]['what']}" + (f" (and {len(errors) - 1} more faults)" if errors[1:] else ""),
            where=str(errors[0]["where"]), todo="mend it, see dojo check; or host it so with --anyway",
        )  # fmt: skip
    listener.stage("publish", dataset.project.name)
    with open_store(store, db, create=True) as opened:
        try:
            made = host_event(
                opened, dataset, project=_place(dataset), trusted=trusted, progress=listener.progress, **rules
            )  # fmt: skip
        except Refusal as refusal:
            raise by_flag(refusal) from None
    return {**made, "problems": problems, "link": join_link(made["event"], made["code"], port=port)}


def _read(
    project: str | Path, *, offline: bool, yes: bool, trust: bool, listener: Listener
) -> tuple[Dataset, bool]:  # fmt: skip
    from deepdojo.data.dataset import load_dataset
    from deepdojo.data.project import find_project
    from deepdojo.session.start import code_trusted

    found = find_project(project)
    trusted = code_trusted(found, trust)
    listener.stage("data", found.name)
    return load_dataset(found, offline=offline, yes=yes, trusted=trusted, progress=listener.progress), trusted


def with_moments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Rules whose texts of date and time are seconds since 1970. Raises UsageError that names the option."""
    return {name: _moment(value, _FLAGS[name]) if name in _FLAGS else value for name, value in given.items()}


def _moment(value: str | float | None, flag: str) -> float | None:
    from deepdojo.competition.event import moment

    if not isinstance(value, str):
        return value
    try:
        return moment(value)
    except Refusal as refusal:
        raise UsageError(refusal.what, where=flag, todo=refusal.todo) from None


def by_flag(refusal: Refusal) -> Refusal:
    """The same, at the option of the command that gives the rule."""
    where = _RULE_FLAGS.get(refusal.where or "", refusal.where)
    return Refusal(refusal.code, refusal.what, where=where, todo=refusal.todo)


def _place(dataset: Dataset) -> str:
    project = dataset.project
    return project.name if project.builtin else str(project.folder.absolute())


def manage_event(
    event: str | Path, verb: str, argument: str | None, *, store: str | Path, db: str | None, listener: Listener,
    **options: Any,
) -> dict[str, Any]:  # fmt: skip
    """Carry out one of `VERBS`; see `api.manage`."""
    if verb not in VERBS:
        raise UnknownNameError("verb", verb, VERBS, where="dojo host EVENT VERB")
    if verb == "restore":
        from deepdojo.competition.backup import restore

        return restore(_needed(argument, "the backup's file", verb), Path(store), db=db)
    if verb == "audit" and Path(event).is_dir():
        from deepdojo.competition.archive import audit_archive, is_archive

        if is_archive(Path(event)):
            listener.stage("score again", str(event))
            return audit_archive(Path(event), progress=listener.progress)
    with open_store(store, db) as opened:
        return _DONE[verb](opened, str(event), argument, db=db, listener=listener, **options)


def _simple(store: Store, name: str, verb: str, **values: Any) -> dict[str, Any]:
    store.event(name)
    return store.service.host(name, store.host, verb, **values)


def _extend(store: Store, name: str, _argument: str | None, *, until: str | None = None, **_: Any) -> dict[str, Any]:
    if until is None:
        raise UsageError("no time is given", where="--until", todo="write --until 2027-01-31T18:00")
    ends = _moment(until, "--until")
    try:
        return _simple(store, name, "extend", ends=ends)
    except Refusal as refusal:
        raise by_flag(refusal) from None


def _announce(store: Store, name: str, argument: str | None, **_: Any) -> dict[str, Any]:
    _needed(argument, "the text", "announce")
    return _simple(store, name, "announce", text=argument)


def _rescore(
    store: Store, name: str, _argument: str | None, *, reason: str | None = None, preview: bool = False,
    apply: bool = False, cancel: bool = False, project: str | None = None, trust: bool = False,
    listener: Listener, **_: Any,
) -> dict[str, Any]:  # fmt: skip
    from deepdojo.competition import scoring_anew

    if preview + apply + cancel > 1:
        raise UsageError("only one of --preview, --apply and --cancel may be given", where="dojo host EVENT rescore")
    if reason is not None and not preview:
        raise UsageError("a reason goes with --preview", where="--reason", todo="add --preview")
    if store.event(name).rules.lesson is not None:
        raise UsageError("a lesson's checks are what they were when it was hosted", where=name,
                         todo="host it again under another --name")  # fmt: skip
    if preview:
        dataset, trusted = _read(
            project or _hosted_project(store, name), offline=False, yes=False, trust=trust, listener=listener
        )
        listener.stage("score anew", name)
        return scoring_anew.preview_version(
            store, name, dataset, reason=reason or "", trusted=trusted, progress=listener.progress
        )
    before = scoring_anew.standing_of(store, name)
    if apply or cancel:
        number = (scoring_anew.apply_version if apply else scoring_anew.cancel_version)(store, name)
        return {**before, "applied": number if apply else None, "cancelled": number if cancel else None}
    return before


def _hosted_project(store: Store, name: str) -> str:
    """The project that the event was made of."""
    import json

    store.event(name)
    try:
        return str(json.loads((store.private(name) / HOSTED).read_text(encoding="utf-8"))["project"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError("it is not known which project the event was made of", where=name,
                         todo="name it with --project FOLDER") from None  # fmt: skip


def _audit(store: Store, name: str, _argument: str | None, *, listener: Listener, **_: Any) -> dict[str, Any]:
    from deepdojo.competition.audit import audit_event

    listener.stage("score again", name)
    found = audit_event(store.database, store.folder / "events", store.event(name), progress=listener.progress)
    return {**found, "log": store.service.audit(name, store.host)}


def _backup(store: Store, name: str, argument: str | None, *, db: str | None, **_: Any) -> dict[str, Any]:
    from deepdojo.competition.backup import back_up

    store.event(name)
    file = _needed(argument, "the file to write", "backup")
    return back_up(store.database, store.folder, file, db=db, who=store.host.name)


def _archive(store: Store, name: str, argument: str | None, *, listener: Listener, **_: Any) -> dict[str, Any]:
    from deepdojo.competition.archive import archive_event

    listener.stage("score again", name)
    return archive_event(store, name, _needed(argument, "the folder to write", "archive"), progress=listener.progress)


def _link(store: Store, name: str, argument: str | None, *, port: int = 8000, **_: Any) -> dict[str, Any]:
    if argument not in (None, "new"):
        raise UsageError(f"{argument!r} is not known", where="dojo host EVENT link", todo="write link, or link new")
    code = store.event(name).code
    if argument == "new":
        code = store.service.desk.renew_code(name, store.host)
    return {"event": name, "code": code, "link": join_link(name, code, port=port),
            "token_file": str(store.token_file)}  # fmt: skip


def _needed(argument: str | None, what: str, verb: str) -> Path:
    if argument is None or not argument.strip():
        raise UsageError(f"{what} is missing", where=f"dojo host EVENT {verb}", todo=f"see dojo host --help ({verb})")
    return Path(argument)


_DONE: Mapping[str, Callable[..., dict[str, Any]]] = {
    "freeze": lambda store, name, _argument, **_: _simple(store, name, "freeze"),
    "unfreeze": lambda store, name, _argument, **_: _simple(store, name, "unfreeze"),
    "extend": _extend, "announce": _announce, "rescore": _rescore, "audit": _audit, "backup": _backup,
    "archive": _archive, "link": _link, **PEOPLE_VERBS,
}  # fmt: skip
