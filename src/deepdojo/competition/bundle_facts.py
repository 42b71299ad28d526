"""What a bundle says of itself. Apart from how one is made, which a server need not load."""

from __future__ import annotations

import json
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from deepdojo.errors import DojoError, UsageError

__all__ = ["bundle_facts", "given_away", "hiding_events", "kept_back"]


def bundle_facts(folder: Path) -> dict[str, Any]:
    """platform, python, extras, projects of a bundle. Raises UsageError where the folder is none."""
    try:
        told = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
        names = [str(name) for name in told["projects"] if (folder / "projects" / str(name)).is_dir()]
        return {"platform": str(told["platform"]), "python": str(told["python"]), "projects": names,
                "extras": [str(extra) for extra in told["extras"]]}  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError("this is no bundle", where=str(folder), todo="make one: dojo bundle FOLDER") from None


def kept_back(folder: Path, events: Path) -> list[str]:
    """Projects of a bundle that hold what an event here hides: who installs from the server is asked for no token.

    Told by what is in their files (`HiddenAnswers`), and of projects with answers also by their names: one that is
    named as a hosted one may be its next edition.

    Args:
        folder: the bundle. events: the store's folder of events; practice events hide nothing.
    """
    hiding = hiding_events(events)
    return [
        name for name in bundle_facts(folder)["projects"]
        if any(given_away(folder / "projects" / name, private) is not None for private in hiding)
    ]  # fmt: skip


def hiding_events(events: Path) -> list[Path]:
    """The private folders of the events that hide answers: all but practice."""
    return [private for private in sorted(events.glob("*/private")) if not _practice(private)]


def given_away(project: Path, private: Path) -> str | None:
    """What of a project's folder gives an event's answers away: a file's name, or the project's own; None if nothing.

    Args:
        private: the event's private folder.
    """
    if _has_answers(project, _names(private)):
        return project.name
    try:
        return _found(project, _state(project), private, _state(private))
    except (OSError, DojoError):  # a solution that is damaged is somebody else's to report
        return None


@lru_cache(maxsize=256)
def _found(project: Path, _project_state: int, private: Path, _private_state: int) -> str | None:
    from deepdojo.competition.hidden_answers import HiddenAnswers

    return HiddenAnswers(private).in_folder(project)


def _state(folder: Path) -> int:
    """Another number as soon as a file is another."""
    found = sorted((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*"))
    return hash(tuple(found))


def _practice(private: Path) -> bool:
    return bool((_told(private / "rules.json").get("rules") or {}).get("practice"))


def _names(private: Path) -> set[str]:
    rules, solution = _told(private / "rules.json"), _told(private / "solution.json")
    return {str(solution.get("project")), Path(str(rules.get("project"))).name}


def _has_answers(project: Path, hosted: set[str]) -> bool:
    try:
        spec = tomllib.loads((project / "project.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        spec = {}
    data = spec.get("data")
    withheld = isinstance(data, dict) and data.get("withheld") is True
    return not withheld and bool({project.name, str(spec.get("name"))} & hosted)


def _told(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
