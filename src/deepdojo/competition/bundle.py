"""Thirty laptops without a network: wheels for this platform, projects with their data, one line that installs."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from deepdojo.competition.bundle_facts import given_away, hiding_events
from deepdojo.competition.hosting.staging import staged
from deepdojo.data.project import Project, find_project
from deepdojo.data.sources import locate
from deepdojo.errors import DojoError, ProjectError, UsageError
from deepdojo.places import write_json, write_text

__all__ = ["bundle_project", "install_lines", "write_bundle"]

_LEFT = shutil.ignore_patterns("runs", "__pycache__", "*.partial", "board.sqlite*", ".*")
Progress = Callable[[int, int, str], None]


def write_bundle(
    folder: Path,
    projects: Sequence[str | Path],
    *,
    offline: bool = False,
    yes: bool = False,
    progress: Progress | None = None,
    say: Callable[[str, str], None] | None = None,
    store: Path | None = None,
) -> dict[str, Any]:
    """FOLDER/wheels, FOLDER/projects/NAME and FOLDER/INSTALL.txt, all or nothing.

    Wheels come from wherever the user's own pip takes them (its configuration counts): DeepDojo itself as it is
    installed here, and what it depends on, in the versions of this environment where they can be had.

    Args:
        store: a server's folder; of projects that hold what its events hide the notes say so.

    Raises:
        UsageError: the folder is there already, or two projects have one name.
        DojoError: pip is not there, or cannot get a wheel. SourceError: a project's data are nowhere.
    """
    folder, say = Path(folder).expanduser().absolute(), say or (lambda stage, what: None)
    found = [find_project(project) for project in projects]
    twice = next((p.name for i, p in enumerate(found) if p.name in [q.name for q in found[:i]]), None)
    if twice is not None:
        raise UsageError(f"two projects are named {twice!r}", todo="rename one of them in its project.toml")
    notes: list[str] = []
    with staged(folder, what="folder", todo="choose another, or delete it first") as place:
        for project in found:
            say("copy", project.name)
            bundle_project(project, place / "projects" / project.name, offline=offline, yes=yes, progress=progress)
            notes += _answers_in(place / "projects" / project.name, store)
        extras = ["video"] if any("video" in p.contract.reads.values() for p in found) else []
        say("wheels", "by pip, for this platform")
        notes += _wheels(place / "wheels", extras)
        lines = install_lines(folder.name, extras)
        write_json(place / "bundle.json", {
            "platform": sys.platform, "python": f"{sys.version_info.major}.{sys.version_info.minor}", "extras": extras,
            "projects": [p.name for p in found],
        })  # fmt: skip
        write_text(place / "INSTALL.txt", _install_text(lines, [p.name for p in found]))
        total = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
        wheels = sorted(path.name for path in (place / "wheels").glob("*.whl"))
        place.chmod(0o755)
    return {
        "folder": str(folder), "install": lines[0], "install_windows": lines[1], "wheels": wheels,
        "projects": [p.name for p in found], "bytes": total, "notes": notes,
    }  # fmt: skip


def _answers_in(project: Path, store: Path | None) -> list[str]:
    """A sentence for each event of a store whose answers lie in a project's copy."""
    hiding = [] if store is None else hiding_events(store / "events")
    found = [(private.parent.name, given_away(project, private)) for private in hiding]
    return [
        f"projects/{project.name} gives away what the event {event} of {store} hides ({what}): give this bundle to"
        " nobody who takes part; dojo join gives them the data"
        for event, what in found if what is not None
    ]  # fmt: skip


def install_lines(name: str, extras: Sequence[str] = ()) -> tuple[str, str]:
    """The line for Linux and macOS and that for Windows, from the folder in which the bundle lies."""
    wanted = "deepdojo" + (f"[{','.join(extras)}]" if extras else "")
    quoted = f"'{wanted}'" if extras else wanted
    where = f"'{name}/wheels'" if any(c in name for c in " '\"$&;()") else f"{name}/wheels"
    tail = f"install --no-index --find-links {where}"
    return (
        f"python3 -m venv dojo && dojo/bin/pip {tail} {quoted}",
        f"py -m venv dojo; dojo\\Scripts\\pip {tail} {quoted}",
    )


def _install_text(lines: tuple[str, str], projects: Sequence[str]) -> str:
    version = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    text = (
        f"Installs DeepDojo without a network, on {sys.platform} with {version} (the wheels are of that kind).\n"
        f"Run from the folder in which this one lies:\n\n    {lines[0]}\n\nWindows:\n\n    {lines[1]}\n"
    )
    if projects:
        text += "\nThen, for example:\n\n    dojo/bin/dojo train " + f"FOLDER/projects/{projects[0]} --offline\n"
    return text


# ----- data


def bundle_project(
    project: Project, target: Path, *, offline: bool = False, yes: bool = False, progress: Progress | None = None
) -> None:
    """A copy of a project that holds its own data; runs stay behind.

    Raises:
        SourceError: a file is nowhere, or not the one that project.toml asks for.
        ProjectError: project.toml says where to look and not for what.
    """
    source = project.spec.source
    shutil.copytree(project.folder, target, ignore=_LEFT, symlinks=False)
    if source.files:
        files = locate(source, project.folder, offline=offline, progress=progress, yes=yes)
        for name, path in files.pinned.items():
            if name in source.files:
                ending = path.suffix if path.name == f"{Path(name).name}{path.suffix}" else ""
                _copied(path, target / f"{name}{ending}")
    if source.path is not None:
        _own_files(project, target)
    elif not source.files and source.mirror is not None:
        raise ProjectError(
            "project.toml names a mirror folder and none of its files", where=project.name,
            todo="name them: [source.files]",
        )  # fmt: skip


def _copied(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if not to.exists():
        shutil.copyfile(path, to)


def _own_files(project: Project, target: Path) -> None:
    """What [source] path names, under data/, and a project.toml that says so."""
    import tomlkit

    given = project.spec.source.path
    places = [given] if isinstance(given, str) else list(given or ())
    named: list[str] = []
    for number, text in enumerate(places):
        path = (project.folder / Path(text).expanduser()).resolve()
        if path == project.folder.resolve():
            named.append(text)
            continue
        inside = f"data/{number}/{path.name}" if len(places) > 1 else f"data/{path.name}"
        if path.is_dir():
            shutil.copytree(path, target / inside, ignore=_LEFT, dirs_exist_ok=True)
        elif path.is_file():
            _copied(path, target / inside)
        else:
            raise ProjectError(f"there is no file or folder {text!r}", where=f"source.path of {project.name}")
        named.append(inside)
    page = target / "project.toml"
    document = tomlkit.parse(page.read_text(encoding="utf-8-sig"))
    document["source"]["path"] = named[0] if len(named) == 1 else named
    write_text(page, tomlkit.dumps(document))


# ----- wheels


def _wheels(folder: Path, extras: Sequence[str]) -> list[str]:
    """Fills the folder by the user's own pip; sentences on what differs from this environment."""
    folder.mkdir()
    own = _own_wheel(folder)
    wanted = str(own) + (f"[{','.join(extras)}]" if extras else "")
    with tempfile.TemporaryDirectory(prefix="deepdojo-") as place:
        pins = Path(place) / "versions.txt"
        lines = sorted(
            f"{d.metadata['Name']}=={d.version}"
            for d in importlib.metadata.distributions()
            if d.metadata["Name"] and d.metadata["Name"].lower() != "deepdojo"
        )
        pins.write_text("\n".join(lines) + "\n", encoding="utf-8")
        failed = _pip("wheel", "--wheel-dir", str(folder), "--constraint", str(pins), wanted)
        if failed is None:
            return []
        second = _pip("wheel", "--wheel-dir", str(folder), wanted)
    if second is None:
        return [f"versions differ from those installed here, of which one cannot be had ({failed})"]
    raise DojoError(f"pip cannot get a wheel: {second}", todo="look at pip config list, or connect to an index once")


def _pip(*arguments: str) -> str | None:
    """None when it went well, else pip's last word."""
    command = [sys.executable, "-m", "pip", *arguments]
    environ = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environ, check=False)
    if done.returncode == 0:
        return None
    if "No module named pip" in done.stderr:
        raise DojoError("pip is not installed here", todo=f"{sys.executable} -m ensurepip")
    said = [line.strip() for line in done.stderr.splitlines() if line.strip().startswith("ERROR")]
    return (said or done.stderr.strip().splitlines() or ["it says nothing"])[-1][:300]


def _own_wheel(folder: Path) -> Path:
    """DeepDojo as it is here: built from its sources, or packed again from what is installed."""
    sources = Path(__file__).resolve().parents[3]
    if (sources / "pyproject.toml").is_file() and (sources / "src" / "deepdojo").is_dir():
        failed = _pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(sources))
        if failed is not None:
            raise DojoError(f"pip cannot build DeepDojo's own wheel: {failed}", where=str(sources))
        return next(folder.glob("deepdojo-*.whl"))
    return _packed_again(folder)


def _packed_again(folder: Path) -> Path:
    """A wheel of the installed files: those that RECORD lists, without what the installer has added."""
    found = importlib.metadata.distribution("deepdojo")
    path = folder / f"deepdojo-{found.version}-py3-none-any.whl"
    added = ("INSTALLER", "REQUESTED", "direct_url.json")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        kept = []
        for file in found.files or ():
            outside = ".." in file.parts or "__pycache__" in file.parts  # scripts are made anew where it is installed
            if not outside and file.name not in (*added, "RECORD"):
                archive.write(str(file.locate()), file.as_posix())
                hashed = f"{file.hash.mode}={file.hash.value}" if file.hash else ""
                kept.append(f"{file.as_posix()},{hashed},{file.size or ''}")
        record = f"deepdojo-{found.version}.dist-info/RECORD"
        archive.writestr(record, "\n".join([*kept, f"{record},,"]) + "\n")
    return path
