"""Checks that model configs share: one sentence each, with the field's name, before anything is built."""

from __future__ import annotations

from typing import Any

from deepdojo.errors import RecipeError

__all__ = ["require", "require_at_least", "require_divides", "require_shares"]


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


def require_divides(config: Any, part: str, whole: str) -> None:
    """The number in field `part` must divide that in field `whole`; the nearest one that does is offered."""
    got, total = getattr(config, part), getattr(config, whole)
    if got >= 1 and total % got == 0:
        return
    best = min((n for n in range(1, total + 1) if total % n == 0), key=lambda n: abs(n - got))
    require(False, part, f"{part} = {got} does not divide {whole} = {total}", f"take {best}")
