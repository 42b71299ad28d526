"""`dojo compare`: is the difference between two runs real, and what does each cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from deepdojo.cli.options import Json, RunName, RunsFolder, option
from deepdojo.cli.output import answer, next_step, out, paragraph, print_json, table
from deepdojo.cli.words import duration, interval_text, metric_name, metric_unit, network_name, p_text, score_text, si

__all__ = ["compare", "print_comparison"]


def compare(
    run: RunName,
    other: RunName,
    /,
    *,
    project: Annotated[str | None, option("RUN and OTHER are recipes of it: their newest runs.", "What")] = None,
    runs: RunsFolder = None,
    json: Json = False,
) -> None:
    """Is the difference between two runs real?

    dojo compare 2026-11-24-0640-cnn last    on the same held-out rows, paired
    dojo compare cnn mlp --project digits    the newest runs of two recipes
    dojo compare RUN RUN --json              difference, interval, p, n, costs
    """
    from deepdojo import api

    facts = asdict(api.compare(run, other, project=project, runs=runs))
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
    table(
        rows, ("", f"{metric_name(metric)}{unit}", "95 %", "seeds", "param", "FLOPs", "time"),
        right=[1, 3, 4, 5, 6],
    )  # fmt: skip
    if facts.get("seeds_sd") is not None:
        out()
        paragraph(_sources(facts), style="dim")


def _sources(facts: Mapping[str, Any]) -> str:
    """What part of the uncertainty is the choice of rows, and what that of seeds."""
    unit, low, high = metric_unit(facts["metric"]), facts["low"], facts["high"]
    places = unit.decimals(facts["difference"], low, high) + 1
    rows, seeds = (unit.number(facts[key], places) for key in ("rows_sd", "seeds_sd"))
    said = f"Standard error of the difference: {rows} from the choice of rows, {seeds} from that of seeds"
    share = facts.get("seeds_share")
    said += "." if share is None else f" ({100 * share:.0f} % of its square)."
    single = [_name(facts[key]) for key in ("a", "b") if facts[key]["seeds"] == 1]
    return said + (f" {single[0]} is one training and stands for itself." if single else "")


def _name(side: Mapping[str, Any]) -> str:
    """Recipe or model, and the end of the id: ids begin alike and are long."""
    if side.get("recipe") is None:  # a baseline
        return str(side["model"])
    return f"{network_name(side['recipe'], side.get('model'))} {str(side['run']).rpartition('-')[2]}"


def _cells(metric: str, side: Mapping[str, Any]) -> tuple[str, ...]:
    score = side["score"]
    return (
        _name(side),
        score_text(metric, score, side.get("low"), side.get("high")),
        interval_text(metric, score, side.get("low"), side.get("high")),
        _seeds(metric, side),
        si(side.get("parameters")),
        si(side.get("train_flops")),
        duration(side.get("train_seconds")),
    )


def _seeds(metric: str, side: Mapping[str, Any]) -> str:
    """`5, ± 0.3`: how many, and their standard deviation."""
    if side.get("sd") is None:
        return "1" if side.get("parameters") is not None else ""
    unit = metric_unit(metric)
    places = unit.decimals(side["score"], side.get("low"), side.get("high")) + 1
    return f"{side['seeds']}, ± {unit.number(side['sd'], places)}"
