"""What a search may change, from the recipe's own fields: a small space, stated before the first trial."""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from deepdojo.models import model_fields
from deepdojo.recipes import Recipe

__all__ = ["Dimension", "said", "space_of"]

RATE = 8.0  # the learning rate and the weight decay move by up to this factor either way
LENGTHS = (0.5, 1.0, 2.0)
MOST_DROPOUT = 0.6


@dataclass(frozen=True)
class Dimension:
    """One field: numbers from `low` to `high` (on a logarithmic scale where `log`), or `choices`."""

    key: str
    now: Any
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Any, ...] = ()

    def holds(self, value: Any) -> bool:
        if self.choices:
            return value in self.choices
        assert self.low is not None
        assert self.high is not None
        return bool(self.low <= value <= self.high)

    def as_toml(self) -> dict[str, Any]:
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items() if v not in (None, ())}

    @classmethod
    def of(cls, values: dict[str, Any]) -> Dimension:
        return cls(**{**values, "choices": tuple(values.get("choices", ()))})


def space_of(recipe: Recipe, fixed: Collection[str]) -> list[Dimension]:
    """Learning rate, weight decay, length of the training, and the model's `dropout` and `width` where it has them.

    Args:
        recipe: resolved.
        fixed: keys that the user has set, which stay as they are.
    """
    train, given = recipe.train, recipe.model.arguments
    fields = {field.name: _value(field.default) for field in model_fields(recipe.model.name)}
    found = [Dimension("train.lr", train.lr, train.lr / RATE, train.lr * RATE, log=True)]
    decay = train.weight_decay if train.weight_decay > 0 else 0.01
    found.append(Dimension("train.weight_decay", train.weight_decay, decay / RATE, decay * RATE, log=True))
    if train.steps is not None:
        lengths = tuple(max(1, round(factor * train.steps)) for factor in LENGTHS)
        found.append(Dimension("train.steps", train.steps, choices=lengths))
    else:
        assert train.epochs != "auto"
        now = train.epochs
        epochs = tuple(dict.fromkeys(max(1, round(factor * now)) if now >= 1 else factor * now for factor in LENGTHS))
        found.append(Dimension("train.epochs", now, choices=epochs))
    if isinstance(fields.get("dropout"), float):
        found.append(Dimension("model.dropout", given.get("dropout", fields["dropout"]), 0.0, MOST_DROPOUT))
    width = given.get("width", fields.get("width"))
    if isinstance(width, int) and not isinstance(width, bool):
        widths = tuple(dict.fromkeys(max(1, round(factor * width)) for factor in LENGTHS))
        found.append(Dimension("model.width", width, choices=widths))
    return [one for one in found if one.key not in fixed]


def _value(shown: str | None) -> Any:
    """A default as `dojo show MODEL` writes it."""
    try:
        return None if shown is None else ast.literal_eval(shown)
    except (ValueError, SyntaxError):
        return shown


def said(space: list[Dimension]) -> str:
    """`train.lr 0.00012 to 0.008, train.epochs 5, 10 or 20`"""
    parts = []
    for one in space:
        if one.choices:
            *some, last = map(str, one.choices)
            parts.append(f"{one.key} {', '.join(some)} or {last}" if some else f"{one.key} {last}")
        else:
            parts.append(f"{one.key} {one.low:.3g} to {one.high:.3g}")
    return ", ".join(parts)
