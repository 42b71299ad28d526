"""What an entry cost, as its sender states it, and which entries nobody beats for as little. Nothing here is checked.

Without numpy: the web process reads boards, and stays small by not loading it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from deepdojo.competition.refusal import Refusal
from deepdojo.pareto import pareto

__all__ = ["COSTS", "cost_of", "mark_fronts", "run_cost", "stated_cost"]

COSTS = ("parameters", "train_flops", "seconds")
"""Numbers that the model learned; floating-point operations of the training; its seconds."""
_MOST = {"parameters": 1e15, "train_flops": 1e33, "seconds": 1e10}


def stated_cost(given: Mapping[str, object]) -> dict[str, float]:
    """The costs that were given, checked: finite, from 0 on, not absurd; parameters are a whole number.

    Args:
        given: some of `COSTS`; texts (of a form or an address) are read, empty ones and None are not stated.

    Raises:
        Refusal: naming the field.
    """
    found: dict[str, float] = {}
    for name in COSTS:
        value = given.get(name)
        if value is None or value == "":
            continue
        found[name] = _number(name, value)
    return found


def _number(name: str, value: object) -> float:
    number = math.nan
    if isinstance(value, int | float | str) and not isinstance(value, bool) and len(str(value)) < 60:
        text = str(value).strip()
        if text.isascii() and "_" not in text:
            try:
                number = float(text)
            except ValueError:
                number = math.nan
    if not 0 <= number <= _MOST[name]:
        raise Refusal("bad_request", f"{str(value)[:40]!r} is no cost", where=name,
                      todo=f"give a number from 0 to {_MOST[name]:.0e}, or leave it out")  # fmt: skip
    if name != "parameters":
        return number
    if number != int(number):
        raise Refusal("bad_request", f"{str(value)[:40]!r} is no whole number", where=name, todo="count them")
    return int(number)


def run_cost(score: Mapping[str, Any]) -> dict[str, float]:
    """The costs that a run's score.json has; of training seconds those of training alone where it tells them apart."""
    cost = score.get("cost") or {}
    seconds = cost.get("train_seconds")
    known = {**cost, "seconds": cost.get("seconds") if seconds is None else seconds}
    found: dict[str, float] = {}
    for name in COSTS:
        try:
            found |= stated_cost({name: known.get(name)})
        except Refusal:
            continue  # of a run that another program wrote; it is sent without that figure
    return found


def cost_of(manifest: str | None) -> dict[str, float | None]:
    """All of `COSTS` out of a submission's manifest; None where nothing was stated."""
    told = json.loads(manifest).get("cost", {}) if manifest else {}
    return {name: told.get(name) for name in COSTS}


def mark_fronts(rows: Sequence[MutableMapping[str, Any]], *, higher_is_better: bool) -> None:
    """Give each row `pareto`: the costs by which no other row is as good for as little."""
    for row in rows:
        row["pareto"] = []
    for name in COSTS:
        front = pareto(
            [row.get(name) for row in rows], [row["value"] for row in rows], higher_is_better=higher_is_better
        )
        for row, on_front in zip(rows, front, strict=True):
            if on_front:
                row["pareto"].append(name)
