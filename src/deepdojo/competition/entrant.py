"""What an entrant does, each step over HTTP: join and fetch the data, send, look at the board."""

from __future__ import annotations

import json
import os
import stat
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from deepdojo.competition.address import Address, parse_address
from deepdojo.competition.client import Client, client_of
from deepdojo.competition.cost import COSTS, run_cost, stated_cost
from deepdojo.competition.event import size_text
from deepdojo.competition.hosting.lesson import EVENT_FILE, stub_name
from deepdojo.competition.hosting.staging import staged
from deepdojo.competition.refusal import Refusal
from deepdojo.competition.tokens import keep_token, token_for, token_of_server
from deepdojo.competition.unzip import unzip
from deepdojo.errors import ProjectError, RunError, UnknownNameError, UsageError
from deepdojo.runs import find_run

__all__ = ["board_rows", "join_event", "packed_code", "send", "submissions_of", "told_board", "what_to_send"]

TABLES = (".csv", ".tsv", ".jsonl", ".parquet", ".zip")
_SKIPPED = ("__pycache__", "runs")
_NOT_OF_A_RUN = (
    "checkpoints", "seeds", "folds", "report.html", "metrics.jsonl", "predictions.parquet", "validation.parquet",
    "rows.parquet", "split.parquet", "rejected.csv", "examples.json",
)  # fmt: skip
Progress = Callable[[int, int], None]


def join_event(
    url: str, name: str | None = None, folder: str | Path | None = None, *, invite: str | None = None,
    token: str | None = None, progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Take part: the token goes to the config folder, the public folder to `folder`.

    Args:
        name: how the board shall call you; not needed where you have joined another event of this server.
        folder: is made. Default: the event's name, here.
        invite: of a team, to go into it.
        token: that the host handed out, or of the same person on another computer.

    Returns:
        event, title, name, folder, token_file (None where it was there already), team, rules (`Service.event`).
    """
    place = parse_address(url)
    target = Path(folder if folder is not None else place.event).expanduser().absolute()
    there = _is_of(target, place.event)
    if target.exists() and not there and (not target.is_dir() or any(target.iterdir())):
        raise UsageError("there is something of this name already", where=str(target),
                         todo="give another folder: dojo join LINK --as NAME FOLDER")  # fmt: skip
    client, kept, written = _admitted(place, name) if token is None else _with_token(place, name, token)
    if invite is not None:
        team = client.join_team(place.event, invite)
    else:
        team = client.team(place.event) if kept.get("role", "entrant") == "entrant" else {}
    rules = client.event(place.event)
    if not there:
        _fetch(client, place, target, progress)
    return {
        "event": place.event, "title": rules.get("title"), "name": kept["name"], "folder": str(target),
        "fetched": not there, "token_file": None if written is None else str(written), "team": team.get("team"),
        "members": team.get("members"), "invite": team.get("invite"), "rules": rules, "address": place.page,
        "role": kept.get("role", "entrant"),
    }  # fmt: skip


def _admitted(place: Address, name: str | None) -> tuple[Client, dict[str, str], Path | None]:
    """A client that may ask as somebody who takes part; who that is; the token's file where it was written now."""
    kept = _signed_in(place, name)
    client = Client(place.server, None if kept is None else kept["token"])
    if kept is not None:
        try:
            if place.code is None:
                client.team(place.event)
                return client, kept, None
            client.enter(place.event, place.code)
            return client, kept, keep_token(place.server, place.event, **kept)
        except Refusal as refusal:
            if refusal.code != "wrong_token" or place.code is None:
                raise
        name, client.token = name or kept["name"], None  # another server has this address by now
    if place.code is None:
        raise _without_code(place)
    if name is None:
        raise UsageError("you have no name on this server yet", where="--as", todo="give one: --as ada")
    told = client.join(place.event, place.code, name)
    if not isinstance(told.get("token"), str):
        raise ProjectError("no token came with the answer", where=place.page, todo="tell the host")
    kept = {"name": str(told.get("name", name)), "token": told["token"]}
    client.token = kept["token"]
    return client, kept, keep_token(place.server, place.event, **kept)


def _with_token(place: Address, name: str | None, token: str) -> tuple[Client, dict[str, str], Path | None]:
    """As somebody who has a token: it is tried before it is kept, and nothing else is overwritten by it."""
    client = Client(place.server, token.strip())
    me = client.me()
    who = {"name": str(me.get("name")), "role": str(me.get("role"))}
    if name is not None and name != who["name"]:
        raise UsageError(f"the token is that of {who['name']!r}", where="--as", todo="leave --as out")
    try:
        before = token_for(place.server, place.event)
    except UsageError:
        before = None
    if before is not None and before["name"] != who["name"]:
        raise UsageError(f"you have joined this event as {before['name']!r} from here", where="--token",
                         todo="another person sets DEEPDOJO_CONFIG to another folder")  # fmt: skip
    if who["role"] == "entrant" and place.event not in (me.get("events") or ()):
        if place.code is None:
            raise _without_code(place)
        client.enter(place.event, place.code)
    written = keep_token(place.server, place.event, who["name"], token.strip())
    return client, {**who, "token": token.strip()}, written


def _signed_in(place: Address, name: str | None) -> dict[str, str] | None:
    """The token that fits: this event's, or that of the same person in another event of this server."""
    try:
        kept = token_for(place.server, place.event)
    except UsageError:
        return token_of_server(place.server, name)
    if name is not None and kept["name"] != name:
        raise UsageError(f"you have joined this event as {kept['name']!r} from here", where="--as",
                         todo="leave --as out; another person sets DEEPDOJO_CONFIG to another folder")  # fmt: skip
    return kept


def _without_code(place: Address) -> UsageError:
    return UsageError("the link has no code", where=place.page,
                      todo="copy the whole link that the host gave, in quotation marks: 'http://…?code=…'")  # fmt: skip


def _is_of(folder: Path, event: str) -> bool:
    """Whether the folder is this event's project already."""
    from deepdojo.data.project import find_project
    from deepdojo.errors import DojoError

    if not (folder / "project.toml").is_file():
        return _event_named(folder / EVENT_FILE) == event
    try:
        project = find_project(str(folder))
    except DojoError:
        return False
    return project.spec.data.withheld and project.spec.name == event


def _event_named(file: Path) -> str | None:
    """Of a lesson's folder: the event that it was fetched from."""
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["event"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _fetch(client: Client, place: Address, target: Path, progress: Progress | None) -> None:
    if target.is_dir():
        target.rmdir()  # empty: `staged` makes it whole or not at all
    with staged(target, what="folder", todo="give another folder") as fresh:
        archive = fresh / ".data.zip"
        client.data(place.event, archive, progress=progress)
        unpacked = fresh / ".unpacked"
        unpacked.mkdir()
        unzip(archive, unpacked, say=f"the data of {place.event}")
        archive.unlink()
        for path in unpacked.iterdir():
            path.rename(fresh / path.name)
        unpacked.rmdir()
        if not (fresh / "project.toml").is_file() and _event_named(fresh / EVENT_FILE) is None:
            raise ProjectError("the data that came are no project", where=place.page, todo="tell the host")
        fresh.chmod(0o755)


def what_to_send(given: str | Path, *, code: bool, lesson: str | None = None) -> Path:
    """The file or folder to send for a run, a table, a program, or a lesson's solution.

    Args:
        code: whether the event takes programs. lesson: the one whose solutions it takes.

    Raises:
        UsageError, RunError: it is none of them, or not what the event takes.
    """
    path = Path(given).expanduser()
    if lesson is not None:
        return _solution(path, lesson)
    program = path.is_dir() and (path / "predict.py").is_file()
    if path.is_file() and path.suffix.lower() not in TABLES:
        raise UsageError("is no table and no zip", where=str(given), todo=f"send one of {', '.join(TABLES)}")
    if code:
        if path.is_file() and path.suffix.lower() != ".zip":
            raise UsageError("this event takes programs, and this is a table", where=str(given),
                             todo="send a folder with predict.py, a zip of one, or a run")  # fmt: skip
        if path.is_dir() and not program and not (path / "run.toml").is_file():
            raise UsageError("the folder has no predict.py at its top, and is no run", where=str(given),
                             todo="put the program there; README.md of the data says what it gets")  # fmt: skip
        return path if path.is_file() or program else find_run(given).with_model().folder
    if program:
        raise UsageError("this event takes tables, and this is a program", where=str(given),
                         todo="send a run or a table of predictions")  # fmt: skip
    if path.is_file():
        return path
    try:
        run = find_run(given)
    except UnknownNameError as fault:
        what = "no table and no run" if path.suffix.lower() in TABLES or "/" in str(given) else fault.what
        named = fault.todo if fault.todo and fault.todo.startswith("did you mean") else None
        raise RunError(what, where=str(given), todo=named or "give a file, or a run of dojo runs") from None
    for folder in (run.folder, *(member.folder for member in [run.with_model()] if member.folder != run.folder)):
        if (folder / "predictions.parquet").is_file():
            return folder / "predictions.parquet"
    raise RunError("the run has no predictions of the test rows", where=run.id,
                   todo=f"make them with dojo predict {run.id} test.parquet -o mine.csv")  # fmt: skip


def _solution(path: Path, lesson: str) -> Path:
    todo = f"send the one file with your code, such as {stub_name(lesson)}"
    if path.is_dir():
        raise UsageError(
            f"is a folder, and this event takes a file: a solution of {lesson}", where=str(path), todo=todo
        )
    if not path.is_file():
        raise UsageError("there is no such file", where=str(path), todo=todo)
    if path.suffix.lower() != ".py":
        raise UsageError("is no Python file", where=str(path), todo=todo)
    return path


def packed_code(folder: Path, target: Path) -> Path:
    """A folder as a zip: plain files, without what Python and `dojo train` leave beside them; of a run what predicting
    needs.

    Raises:
        UsageError: a link, which the server would refuse.
    """
    run = (folder / "run.toml").is_file() and not (folder / "predict.py").is_file()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, names, files in os.walk(folder):
            skipped = _NOT_OF_A_RUN if run and Path(place) == folder else ()
            names[:] = sorted(name for name in names if not name.startswith(".") and name not in (*_SKIPPED, *skipped))
            for name in sorted(set(files) - set(skipped)):
                path = Path(place) / name
                if not stat.S_ISREG(path.lstat().st_mode):
                    raise UsageError("is a link, and only plain files are taken", where=str(path),
                                     todo="put the file itself there")  # fmt: skip
                if not name.startswith("."):
                    archive.write(path, path.relative_to(folder).as_posix())
    return target


def send(
    given: str | Path, url: str, *, note: str = "", wait_s: float = 0.0, key: str | None = None,
    cost: Mapping[str, object] | None = None, told: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Send a run, a table or a program; with `wait_s` the result.

    Args:
        wait_s: how long to wait; endless with infinity.
        cost: what is stated of `cost.COSTS`; where nothing is, a run's own figures are.
        told: called with what is known while it waits.

    Returns:
        id, event, state, sent (the file's name), stated (the costs); waited for: as `Service.submission` has it.
    """
    client, event = client_of(url)
    rules = client.event(event)
    source = what_to_send(given, code=bool(rules.get("code")), lesson=rules.get("lesson"))
    stated = {**_run_cost(source), **stated_cost(cost or {})}
    with tempfile.TemporaryDirectory(prefix="deepdojo-") as folder:
        file = packed_code(source, Path(folder) / f"{source.resolve().name}.zip") if source.is_dir() else source
        _fits(file, rules)
        made = client.submit(event, file, note=note, key=key, cost=stated)
    told_now = {**made, "event": event, "metric": rules.get("metric"), "sent": file.name, "address": url,
                "stated": stated}  # fmt: skip
    if wait_s > 0:
        told_now |= client.wait(str(made["id"]), most_s=wait_s, told=told)
    return told_now


def _run_cost(source: Path) -> dict[str, float]:
    """The costs of the run that the file or folder belongs to; nothing where it belongs to none."""
    folder = source if source.is_dir() else source.parent
    if not (folder / "run.toml").is_file():
        return {}
    try:
        told = json.loads((folder / "score.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return run_cost(told) if isinstance(told, dict) else {}


def _fits(file: Path, rules: dict[str, Any]) -> None:
    most, size = rules.get("largest_bytes"), file.stat().st_size
    if not size:
        raise UsageError("the file is empty", where=str(file), todo="send what it should hold")
    if isinstance(most, int) and size > most:
        raise Refusal("too_large", f"the file has {size / 1e6:,.1f} MB, and the event takes {size_text(most)}",
                      where=str(file), todo="send less" if rules.get("code") else "send Parquet")  # fmt: skip


def submissions_of(url: str, *, choose: Sequence[str] | None = None) -> dict[str, Any]:
    """See `api.own_submissions`."""
    client, event = client_of(url)
    rules, team = client.event(event), client.team(event)
    found = client.submissions(event) if choose is None else client.choose(event, list(choose))
    return {"event": event, "title": rules.get("title"), "metric": str(rules.get("metric")),
            "finals": rules.get("finals"), "closed": bool(rules.get("closed")), "team": team.get("team"),
            "submissions": found}  # fmt: skip


def told_board(told: dict[str, Any]) -> dict[str, Any]:
    """A server's board as `api.event_board` gives it."""
    head = {key: value for key, value in told.items() if key != "published"}
    return {**head, "teams": len(told["rows"]), "rows": board_rows(told)}


def board_rows(told: dict[str, Any]) -> list[dict[str, Any]]:
    """A server's board as rows of `dojo board --json`: ranked ones, then published results."""
    same = {"metric": told.get("metric"), "higher_is_better": told.get("higher_is_better")}
    rows = [
        {"rank": row.get("rank"), "name": row.get("team"), "kind": "run", "score": row.get("value"),
         **{key: row.get(key) for key in ("low", "high", "n", "submissions", "moved", "submission", *COSTS)}, **same,
         "pareto": "seconds" in (row.get("pareto") or ()),
         **{key: row[key] for key in ("public_rank", "public_value") if key in row}}
        for row in told["rows"]
    ]  # fmt: skip
    rows += [
        {"rank": None, "name": row.get("team"), "kind": "published", "score": row.get("value"), "low": None,
         "high": None, "n": None, **dict.fromkeys(COSTS), "pareto": False, "source": row.get("source"),
         "note": row.get("note"), **same}
        for row in told.get("published") or []
    ]  # fmt: skip
    return rows
