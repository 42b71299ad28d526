"""What a bundle says of itself. Apart from how one is made, which a server need not load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deepdojo.errors import UsageError

__all__ = ["bundle_facts"]


def bundle_facts(folder: Path) -> dict[str, Any]:
    """platform, python, extras, projects of a bundle. Raises UsageError where the folder is none."""
    try:
        told = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
        names = [str(name) for name in told["projects"] if (folder / "projects" / str(name)).is_dir()]
        return {"platform": str(told["platform"]), "python": str(told["python"]), "projects": names,
                "extras": [str(extra) for extra in told["extras"]]}  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError("this is no bundle", where=str(folder), todo="make one: dojo bundle FOLDER") from None
