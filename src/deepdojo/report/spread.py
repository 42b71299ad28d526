"""A run of several trainings: each one's score on one axis, and learning curves with a band over them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deepdojo.report import charts, intervals
from deepdojo.report.figures import Unit, duration, evenly, plain, unit_of
from deepdojo.report.metric_facts import metric_title

__all__ = ["learning_of_several", "spread"]

Json = dict[str, Any]
Words = Callable[..., str]


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def spread(files: Any, words: Words) -> Json | None:
    """A row a seed (or a fold) with its bar, and the sentences above them; None for one training."""
    seeds, folds = files.score.get("seeds") or {}, files.score.get("folds") or {}
    members = [m for m in (seeds or folds).get("members", []) if _finite(m.get("score"))]
    if not members:
        return None
    unit, score = unit_of(str(files.score.get("metric", ""))), files.score
    ends = [score.get(k) for k in ("value", "low", "high")]
    axis = intervals.common_axis(
        [*ends, *(m["score"] for m in members)], [m.get(k) for m in members for k in ("low", "high")]
    )
    at = intervals.axis_ticks(axis)
    whole = {"name": words("mean") if seeds else words("all rows"), "kind": "network", "sd": seeds.get("sd")}
    rows = [_row(unit, axis, {**whole, "score": ends[0], "low": ends[1], "high": ends[2]})]
    for m in members:
        name = words("seed {n}", n=m["seed"]) if seeds else words("fold {n}", n=m["fold"])
        rows.append(_row(unit, axis, {**m, "name": name, "kind": "run"}))
    return {
        "sentences": _sentences(files, unit, words), "rows": rows, "by_seed": bool(seeds),
        "axis": intervals.head(axis, evenly(at, 100.0 if unit.percent else 1.0), at), "percent": unit.percent,
        "metric": words(metric_title(str(score.get("metric", "")))),
    }  # fmt: skip


def _row(unit: Any, axis: intervals.Axis, m: Json) -> Json:
    value, low, high = m["score"], m.get("low"), m.get("high")
    interval, epoch = unit.interval(value, low, high), m.get("best_epoch")
    about = f"{m['name']}: {unit.score(value, low, high)} {interval}".strip()
    return {
        "name": m["name"], "kind": m["kind"], "interval": interval,
        "number": unit.number(value, unit.decimals(value, low, high) + 1),
        "bar": intervals.bar(axis, value, low, high, about, kind=m["kind"], spread=m.get("sd")),
        "validation": unit.number(m["validation"], 1 if unit.percent else 3) if _finite(m.get("validation")) else "",
        "epoch": f"{epoch:g}" if _finite(epoch) else "",
        "seconds": duration(m.get("seconds")) if m.get("seconds") else "",
    }  # fmt: skip


def _sentences(files: Any, unit: Any, words: Words) -> list[str]:
    score, found = files.score, []
    seeds, folds = score.get("seeds"), score.get("folds")
    if folds:
        found.append(
            words("Each row was predicted once, by the one of {n} models that had not seen it.", n=folds.get("n"))
        )
    if seeds:
        places = unit.decimals(score["value"], score.get("low"), score.get("high")) + 1
        sd, shown = seeds.get("sd"), str(seeds.get("shown", "")).rpartition("/")[2]
        said = "–" if sd is None else unit.number(sd, places)
        found.append(
            words(
                "The score is the mean of {n} seeds; over them it has a standard deviation of {sd}. Errors and reasons "
                "below are those of seed {seed}, the best on validation rows.",
                n=seeds.get("n"), sd=said, seed=shown,
            )
        )  # fmt: skip
    return found


def _bands(trainings: Sequence[Any], take: Callable[[Json], Any]) -> tuple[list[tuple[float, float]], list[Any]]:
    """Mean, least and greatest over the trainings, at each epoch that at least two of them reached."""
    at: dict[float, list[float]] = {}
    for training in trainings:
        for epoch in training.epochs:
            if _finite(epoch.get("epoch")) and _finite(take(epoch)):
                at.setdefault(float(epoch["epoch"]), []).append(float(take(epoch)))
    kept = {x: values for x, values in sorted(at.items()) if len(values) > 1}
    return [(x, sum(v) / len(v)) for x, v in kept.items()], [(x, min(v), max(v)) for x, v in kept.items()]


def learning_of_several(files: Any, words: Words) -> Json | None:
    """As `sections.learning`: loss and validation metric over epochs, means with a band over the trainings."""
    metric = str(files.score.get("metric") or "")
    unit, name = unit_of(metric), words(metric_title(metric))
    takes: dict[str, Callable[[Json], Any]] = {
        "train": lambda e: e.get("train_loss"),
        "held": lambda e: e.get("validation_loss"),
        "score": lambda e: (e.get("validation") or {}).get(metric),
    }
    found = {key: _bands(files.trainings, take) for key, take in takes.items()}
    if not any(points for points, _ in found.values()):
        return None
    drawn = _curves(found, name, unit, words)
    write: Callable[[float], str] = (lambda v: unit.number(v, 1)) if unit.percent else plain
    means = {key: dict(points) for key, (points, _) in found.items()}
    epochs = sorted({x for points in means.values() for x in points})
    table = [
        [f"{x:g}", *(plain(means[k][x]) if x in means[k] else "–" for k in ("train", "held")),
         write(means["score"][x]) if x in means["score"] else "–", "–"]
        for x in epochs
    ]  # fmt: skip
    return drawn | {
        "epochs": len(epochs),
        "table": table,
        "chosen": None,
        "stopped": "",
        "several": len(files.trainings),
        "sweep": None,
    }


def _curves(found: Mapping[str, Any], name: str, unit: Unit, words: Words) -> Json:
    """Loss and validation metric over epochs, None where nothing was logged."""
    drawn: Json = {"metric": name, "percent": unit.percent, "loss": None, "score": None}
    losses = [
        charts.Line(found["train"][0], words("training"), "train", words("training loss"), found["train"][1]),
        charts.Line(found["held"][0], words("validation"), "held", words("validation loss"), found["held"][1]),
    ]
    if any(line.points for line in losses):
        drawn["loss"] = charts.curves(
            losses, about=words("Loss over epochs"), x_name=words("epoch"), chosen=None, from_zero=True
        )
    if found["score"][0]:
        title = words("validation {metric}", metric=name)
        drawn["score"] = charts.curves(
            [charts.Line(found["score"][0], words("validation"), "held", title, found["score"][1])],
            about=words("Validation {metric} over epochs", metric=name), x_name=words("epoch"), chosen=None,
            from_zero=False, percent=unit.percent,
        )  # fmt: skip
    return drawn
