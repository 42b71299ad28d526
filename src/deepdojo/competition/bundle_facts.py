"""What a bundle says of itself. Apart from how one is made, which a server need not load."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from deepdojo.errors import UsageError

__all__ = ["bundle_facts", "kept_back"]


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
    """Projects of a bundle that are hosted here with hidden answers: the bundle's copy holds those answers, and who
    installs from the server is asked for no token. Told by their names, and by project.toml.

    Args:
        folder: the bundle. events: the store's folder of events; practice events hide nothing.
    """
    hosted: set[str] = set()
    for private in events.glob("*/private"):
        rules, solution = _told(private / "rules.json"), _told(private / "solution.json")
        if not (rules.get("rules") or {}).get("practice"):
            hosted |= {str(solution.get("project")), Path(str(rules.get("project"))).name}
    return [name for name in bundle_facts(folder)["projects"] if _has_answers(folder / "projects" / name, name, hosted)]


def _has_answers(project: Path, name: str, hosted: set[str]) -> bool:
    try:
        spec = tomllib.loads((project / "project.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        spec = {}
    data = spec.get("data")
    withheld = isinstance(data, dict) and data.get("withheld") is True
    return not withheld and bool({name, str(spec.get("name"))} & hosted)


def _told(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
