"""`dojo compare`: is the difference between two runs real, and what does each cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from deepdojo.cli.options import Json, RunName
from deepdojo.cli.output import answer, next_step, out, print_json, table
from deepdojo.cli.words import duration, interval_text, metric_name, metric_unit, network_name, p_text, score_text, si

__all__ = ["compare", "print_comparison"]


def compare(run: RunName, other: RunName, /, *, json: Json = False) -> None:
    """Is the difference between two runs real?

    dojo compare 2026-11-24-0640-cnn last    on the same held-out rows, paired
    dojo compare runs/digits/A runs/digits/B by their folders
    dojo compare RUN RUN --json              difference, interval, p, n, costs
    """
    from deepdojo import api

    facts = asdict(api.compare(run, other))
    if json:
        print_json(facts)
        return
    print_comparison(facts)
    next_step(f"dojo report {facts['a']['run']} --open")


def print_comparison(facts: Mapping[str, Any]) -> None:
    """The answer, then both side by side."""
    metric, value, low, high = (facts[k] for k in ("metric", "difference", "low", "high"))
    a, b = facts["a"], facts["b"]
    sure = facts["better"] != "tie"
    better, worse = (a, b) if facts["better"] == a["run"] else (b, a)
    size = score_text(metric, abs(value), low, high)
    points = " points" if metric == "accuracy" else f" of {metric_name(metric)}"
    interval = interval_text(metric, value, low, high)
    if sure:
        said = (f"{_name(better)} is better than {_name(worse)} by {size}{points}", f"difference {interval}")
    else:
        difference = score_text(metric, value, low, high, sign=True)
        said = (f"{_name(a)} and {_name(b)} cannot be told apart", f"difference {difference} {interval}{points}")
    answer([(said[0], "bold"), (said[1], ""), (p_text(facts.get("p")), ""), (f"n = {facts['n']:,}", "")])
    out()
    rows = [_cells(metric, side) for side in (a, b)]
    unit = ", %" if metric_unit(metric).percent else ""
    table(rows, ("", f"{metric_name(metric)}{unit}", "95 %", "parameters", "FLOPs", "training"), right=[1, 3, 4, 5])


def _name(side: Mapping[str, Any]) -> str:
    """Recipe or model, and the end of the id: ids begin alike and are long."""
    return f"{network_name(side.get('recipe'), side.get('model'))} {str(side['run']).rpartition('-')[2]}"


def _cells(metric: str, side: Mapping[str, Any]) -> tuple[str, ...]:
    score = side["score"]
    return (
        _name(side),
        score_text(metric, score, side.get("low"), side.get("high")),
        interval_text(metric, score, side.get("low"), side.get("high")),
        si(side.get("parameters")),
        si(side.get("train_flops")),
        duration(side.get("train_seconds")),
    )
