"""`dojo new`: a project.toml for somebody's own data. Every choice is said aloud and written down with its reason."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdojo.data.files import printable
from deepdojo.data.infer.inferred import Inferred, listed
from deepdojo.data.infer.source import infer
from deepdojo.data.new_hub import FromHub, from_hub, on_the_hub
from deepdojo.data.new_toml import project_text
from deepdojo.errors import ProjectError, UsageError
from deepdojo.places import cannot_write, write_text

if TYPE_CHECKING:
    from deepdojo.data.project import Project

__all__ = ["create"]


def create(
    folder: str | Path,
    source: str | Path,
    *,
    copy: bool = False,
    say: Callable[[str], None] | None = None,
    check_metric: Callable[[str, str], None] | None = None,
    progress: Callable[[int, int, str], None] | None = None,
    yes: bool = False,
    offline: bool = False,
    **choices: Any,
) -> tuple[Project, list[str]]:
    """Write `folder/project.toml` and nothing else; with `copy` the data too, to `folder/data`.

    Args:
        folder: made where it does not exist; its name becomes the project's.
        source: as `infer` takes it, or `hf:owner/name@revision`, whose files are fetched and pinned.
        say: called with every sentence as well.
        check_metric: called with task and metric before anything is written; raises where they do not go together.
        progress, yes, offline: of what is fetched: told of it, without asking, not at all.
        choices: target, id, group, time (names of columns); task; metric; test (a file or folder of held-out rows).

    Returns: the project, loaded from what was written, and every choice as a sentence.

    Raises:
        ProjectError: the folder holds a project already. Else as `infer`.
    """
    from deepdojo.data.project import find_project

    folder = Path(folder).expanduser()
    if (folder / "project.toml").exists():
        raise ProjectError("there is a project already", where=str(folder / "project.toml"), todo="name another folder")
    if folder.is_file():
        raise ProjectError("this is a file, not a folder", where=str(folder), todo="name another folder")
    hub = _from_hub(str(source), choices, copy, progress, yes, offline) if on_the_hub(source) else None
    inferred = infer(source if hub is None else hub.train, **choices)
    if check_metric is not None:
        check_metric(inferred.spec["task"], inferred.spec["metric"])
    if hub is None:
        path = _copy(folder, inferred) if copy else [_relative(shown, folder) for shown in inferred.shown]
        where: dict[str, Any] = {"path": path[0] if len(path) == 1 else path}
    else:
        where = hub.source()
        inferred.spec["data"] = hub.named(inferred.spec["data"])
        inferred.say(f"source: the hub's {where['hub']}, {len(where['files'])} files with their sums")
    document = {"name": _name(folder), **inferred.spec}
    write_text(folder / "project.toml", project_text(document, where, inferred))
    for sentence in inferred.said:
        if say is not None:
            say(sentence)
    return find_project(str(folder)), inferred.said


def _from_hub(
    source: str,
    choices: dict[str, Any],
    copy: bool,
    progress: Callable[[int, int, str], None] | None,
    yes: bool,
    offline: bool,
) -> FromHub:
    """The fetched files; a held-out part that the names tell becomes `choices["test"]`."""
    for name, given in (("--copy", copy), ("--test", choices.get("test"))):
        if given:
            raise UsageError(f"{name} does not go with a data set of the hub", where=name, todo="leave it away")
    found = from_hub(source, progress=progress, yes=yes, offline=offline)
    choices["test"] = found.held_out
    return found


def _relative(path: Path, folder: Path) -> str:
    """The data's place as seen from the project, with `/`; absolute where there is no way (another drive)."""
    try:
        return Path(os.path.relpath(path.resolve(), folder.absolute().resolve())).as_posix()
    except ValueError:
        return path.as_posix()


def _copy(folder: Path, inferred: Inferred) -> list[str]:
    """Take the project's own files along, under their names; gives the new places as seen from the project."""
    target = folder / "data"
    gone = [name for name in inferred.files if not (inferred.root / name).is_file()]  # links that lead nowhere
    for name in sorted({*inferred.files} - {*gone}):
        to = target / name
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(inferred.root / name, to)
        except OSError as error:
            to.unlink(missing_ok=True)  # a copy that is cut short must not be taken for the data
            raise cannot_write(to, error) from error
    n = len(inferred.files) - len(gone)
    inferred.say(f"copied: {n:,} file{'s' if n != 1 else ''} to {target}")
    if gone:
        inferred.say(f"not copied, because the link leads nowhere: {listed(map(printable, gone))}")
    return [Path("data", shown.relative_to(inferred.root)).as_posix() for shown in inferred.shown]


def _name(folder: Path) -> str:
    """The folder's name as a project's: blanks become hyphens."""
    name = re.sub(r"[^\w.-]+", "-", folder.absolute().name).strip("-.")
    return name.lower() or "project"
