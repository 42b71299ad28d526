"""Settings of Transformers that ours do not have, said in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepdojo.errors import RecipeError

__all__ = ["refuse"]


def refuse(theirs: Mapping[str, Any], **unsupported: Any) -> None:
    """Raises RecipeError where a setting has another value than the one that ours have."""
    for name, allowed in unsupported.items():
        if theirs.get(name, allowed) != allowed:
            raise RecipeError(f"{name} = {theirs[name]!r} is not supported, only {allowed!r}", where="config.json")
