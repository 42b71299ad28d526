"""Checks that model configs share: one sentence each, with the field's name, before anything is built."""

from __future__ import annotations

from typing import Any

from deepdojo.errors import RecipeError

__all__ = ["require", "require_at_least", "require_shares"]


def require(condition: bool, field: str, what: str, todo: str | None = None) -> None:
    """Raises RecipeError about `model.field` unless `condition` holds."""
    if not condition:
        raise RecipeError(what, where=f"model.{field}", todo=todo)


def require_at_least(config: Any, low: int, *fields: str) -> None:
    """Every field (a number, or each entry of a tuple) must be `low` or more."""
    for field in fields:
        value = getattr(config, field)
        for number in value if isinstance(value, tuple) else (value,):
            require(number >= low, field, f"{field} must be {low} or more, got {number}")


def require_shares(config: Any, *fields: str) -> None:
    """Every field must be a share from 0 to below 1."""
    for field in fields:
        value = getattr(config, field)
        require(0 <= value < 1, field, f"{field} is a share from 0 to below 1, got {value}")
