"""What the sections of the report show: plain values and drawn charts, None where nothing is there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from deepdojo.report import charts, matrix
from deepdojo.report.figures import amount, count, duration, plain, size, unit_of
from deepdojo.report.metric_facts import metric_title

__all__ = ["calibration", "confusion", "cost", "findings", "learning", "regression"]

Json = dict[str, Any]
Words = Callable[..., str]
_MOST_STEPS = 200


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most 200 points: means of equal runs of neighbours."""
    width = math.ceil(len(points) / _MOST_STEPS) or 1
    groups = [points[i : i + width] for i in range(0, len(points), width)]
    return [(sum(p[0] for p in g) / len(g), sum(p[1] for p in g) / len(g)) for g in groups]


def _step_points(files: Any) -> list[tuple[float, float]]:
    """Losses of single steps over epochs: a step's place is interpolated between the ends of epochs."""
    ends = [(e["step"], e["epoch"]) for e in files.epochs if _finite(e.get("step")) and _finite(e.get("epoch"))]
    if not ends or not ends[0][0]:
        return []
    per_epoch = ends[-1][0] / max(1, ends[-1][1])
    return [
        (s["step"] / per_epoch, s["loss"])
        for s in files.steps
        if _finite(s.get("step")) and _finite(s.get("loss")) and per_epoch > 0
    ]


def _chosen(files: Any, words: Words) -> tuple[float, str] | None:
    best: Any = files.run.get("best_epoch")
    if not _finite(best):
        best = next((e.get("epoch") for e in reversed(files.epochs) if e.get("best")), None)
    return (float(best), words("chosen: epoch {n}", n=f"{best:g}")) if _finite(best) else None


def _table(files: Any, metric: str, write: Callable[[float], str]) -> list[list[str]]:
    rows = []
    for e in files.epochs:
        value: Any = (e.get("validation") or {}).get(metric)
        losses = [plain(e[k]) if _finite(e.get(k)) else "–" for k in ("train_loss", "validation_loss")]
        rows.append(
            [f"{e.get('epoch', '–')}", *losses, write(value) if _finite(value) else "–", duration(e.get("seconds"))]
        )
    return rows


Points = list[tuple[float, float]]


def _loss_lines(files: Any, train: Points, held: Points, words: Words) -> list[charts.Line]:
    """The losses of epochs over those of single steps; before the first epoch has ended, the steps alone."""
    single = words("training loss of single steps")
    if not (train or held):
        raw = [(float(s["step"]), s["loss"]) for s in files.steps if _finite(s.get("step")) and _finite(s.get("loss"))]
        return [charts.Line(_thinned(raw), words("training"), "train", single)]
    return [
        charts.Line(_thinned(_step_points(files)), "", "faint", single),
        charts.Line(train, words("training"), "train", words("training loss")),
        charts.Line(held, words("validation"), "held", words("validation loss")),
    ]


def learning(files: Any, words: Words) -> Json | None:
    """Loss and validation metric over epochs, the chosen epoch marked."""
    metric = str(files.score.get("metric") or files.run.get("metric") or "")
    unit = unit_of(metric)

    def series(take: Callable[[Json], Any]) -> list[tuple[float, float]]:
        return [(float(e["epoch"]), take(e)) for e in files.epochs if _finite(e.get("epoch")) and _finite(take(e))]

    train, held = series(lambda e: e.get("train_loss")), series(lambda e: e.get("validation_loss"))
    scores = series(lambda e: (e.get("validation") or {}).get(metric))
    if not (train or held or scores or len(files.steps) > 1):
        return None
    chosen, name = _chosen(files, words), words(metric_title(metric))
    lines = _loss_lines(files, train, held, words)
    decimals = 1 if unit.percent else 3
    write: Callable[[float], str] = (lambda v: unit.number(v, decimals)) if unit.percent else plain
    drawn: Json = {"metric": name, "percent": unit.percent, "loss": None, "score": None, "several": None, "sweep": None}
    if any(line.points for line in lines):
        x_name = words("epoch") if train or held else words("step")
        drawn["loss"] = charts.curves(
            lines, about=words("Loss over epochs"), x_name=x_name, chosen=chosen, from_zero=True
        )
    if scores:
        line = charts.Line(scores, words("validation"), "held", words("validation {metric}", metric=name))
        drawn["score"] = charts.curves(
            [line],
            about=words("Validation {metric} over epochs", metric=name),
            x_name=words("epoch"),
            chosen=chosen,
            from_zero=False,
            percent=unit.percent,
        )
    drawn["sweep"] = sweep(files, words)
    drawn |= {
        "epochs": len(files.epochs),
        "table": _table(files, metric, write),
        "chosen": chosen and f"{chosen[0]:g}",
        "stopped": str(files.run.get("stopped") or ""),
    }
    return drawn


def sweep(files: Any, words: Words) -> Any:
    """The loss over the rates that were tried, on a scale of powers of ten."""
    tried = zip(files.sweep.get("rates") or [], files.sweep.get("losses") or [], strict=False)
    points = [(math.log10(rate), loss) for rate, loss in tried if _finite(rate) and rate > 0 and _finite(loss)]
    lr = files.sweep.get("lr")
    if len(points) < 2 or not _finite(lr):
        return None
    return charts.curves(
        [charts.Line(points, words("training"), "train", words("mean loss"))],
        about=words("Loss over learning rates"), x_name=words("learning rate, 10 to the power of"),
        chosen=(math.log10(lr), words("chosen: {rate}", rate=f"{lr:.2g}")), from_zero=False,
    )  # fmt: skip


_MOST_CHARTS = 12


def logged(files: Any, words: Words) -> Json | None:
    """What another program logged: a chart of each name over its steps, the first and last values in a table."""
    series: dict[str, Points] = {}
    for line in files.logged:
        for name, value in line.items():
            if name not in ("kind", "step", "seconds") and _finite(value):
                series.setdefault(name, []).append((float(line["step"]), float(value)))
    if not series:
        return None
    drawn = [
        (name, charts.curves([charts.Line(_thinned(points), "", "train", name)], about=name, x_name=words("step"),
                             chosen=None, from_zero=False))
        for name, points in list(series.items())[:_MOST_CHARTS]
        if len(points) > 1
    ]  # fmt: skip
    rows = [
        [name, f"{len(points):,}", plain(points[0][1]), plain(min(v for _, v in points)),
         plain(max(v for _, v in points)), plain(points[-1][1])]
        for name, points in series.items()
    ]  # fmt: skip
    return {"charts": drawn, "table": rows, "more": max(0, len(series) - _MOST_CHARTS)}


def confusion(files: Any, words: Words) -> Json | None:
    """The matrix up to 30 classes, the most confused pairs and the classes found least."""
    counts = files.pairs.confusion
    if not counts:
        return None
    known = files.data.get("classes")
    classes = matrix.classes_in(counts, known if isinstance(known, list) else None)
    rows = sum(counts.values())
    wrong = rows - sum(c for (t, p), c in counts.items() if t == p)
    small = len(classes) <= matrix.MATRIX_LIMIT
    return {
        "classes": len(classes),
        "rows": count(rows),
        "wrong": count(wrong),
        "matrix": matrix.matrix(counts, classes, about=words("True classes against predicted ones"), words=words)
        if small
        else None,
        "pairs": matrix.confused(counts),
        "least": [] if small else matrix.recalls(counts),
    }


def calibration(files: Any, words: Words) -> Json | None:
    """Is it right as often as it is sure?"""
    bins = files.pairs.bins
    if not bins:
        return None
    rows = sum(b[2] for b in bins)
    right = sum(b[3] for b in bins)
    sure = sum(b[4] * b[2] for b in bins) / rows
    low, high = charts.wilson(right, rows)
    unit = unit_of("accuracy")
    word = (
        words("as sure as it should be, as far as {n} rows can tell", n=count(rows))
        if low <= sure <= high
        else words("too sure of itself")
        if sure > high
        else words("less sure than it could be")
    )
    return {
        "chart": charts.reliability(bins, about=words("How often it is right against how sure it is"), words=words),
        "sure": unit.score(sure, low, high),
        "right": unit.score(right / rows, low, high),
        "interval": unit.interval(right / rows, low, high),
        "word": word,
        "bins": [[f"{lo:.0%}–{hi:.0%}", count(n), f"{mean:.1%}", f"{ok / n:.1%}"] for lo, hi, n, ok, mean in bins],
    }


def regression(files: Any, words: Words) -> Json | None:
    """Predicted against true and the residuals."""
    pairs = files.pairs
    if not pairs.points:
        return None
    residuals = pairs.residuals
    low, middle, high = (_quantile(residuals, share) for share in (0.05, 0.5, 0.95))
    return {
        "scatter": charts.scatter(pairs.points, about=words("Predicted against true values"), words=words),
        "residuals": charts.histogram(residuals, about=words("Predicted minus true"), words=words),
        "drawn": count(len(pairs.points)),
        "rows": count(len(residuals)),
        "all": len(pairs.points) == len(residuals),
        "median": _signed(middle),
        "low": _signed(low),
        "high": _signed(high),
    }


def _quantile(ordered: list[float], share: float) -> float:
    """Between two neighbours in proportion, as NumPy's default does."""
    place = share * (len(ordered) - 1)
    below, above = ordered[math.floor(place)], ordered[math.ceil(place)]
    return below + (place % 1) * (above - below)


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + plain(value, 2)


_SPLITS = {
    "train": "{n} rows to learn from",
    "validation": "{n} to choose the epoch",
    "test": "{n} held out for the score",
    "folds": "{n} rows, each held out once",
}


def findings(files: Any, words: Words) -> Json:
    """Rows of each split, and what the check of the data found, the gravest first."""
    grave = {"error": 0, "warning": 1, "note": 2}
    found = [p for p in files.data.get("check") or [] if isinstance(p, dict)]
    return {
        "checked": isinstance(files.data.get("check"), list),
        "problems": sorted(found, key=lambda p: grave.get(str(p.get("level")), 1)),
        "rows": [words(_SPLITS.get(k, "{n} " + k), n=count(n)) for k, n in (files.data.get("rows") or {}).items()],
        "rejected": files.data.get("rejected") or 0,
        "files": files.data.get("files") or {},
        "share": files.data.get("share"),
    }


def cost(files: Any, words: Words) -> list[tuple[str, str, str]]:
    """(what, how much, remark); what could not be counted says so."""
    spent = files.score.get("cost") or {}
    if not spent:
        return []
    unknown, seeds = words("not counted"), (files.score.get("seeds") or {}).get("n")

    def shown(key: str, write: Callable[[Any], str]) -> str:
        return write(spent[key]) if _finite(spent.get(key)) else unknown

    return [
        (
            words("Parameters"),
            shown("parameters", lambda v: count(v)),
            words("{n} parameters learned", n=count(spent["trained"])) if _finite(spent.get("trained")) else "",
        ),
        (
            words("Training, arithmetic"),
            shown("train_flops", lambda v: amount(v, "FLOP")),
            words("one multiply-add counts two"),
        ),
        (words("Prediction, arithmetic a row"), shown("forward_flops", lambda v: amount(v, "FLOP")), ""),
        (words("Whole command"), shown("seconds", duration), words("check, training, score, floors, explanations")),
        (words("CPU time, all processes"), shown("cpu_seconds", duration), ""),
        (
            words("Training alone"),
            shown("train_seconds", duration),
            words("mean of {n} seeds", n=seeds) if seeds else "",
        ),
        (words("Memory at most"), shown("peak_bytes", size), ""),
        (words("Prediction a row"), shown("inference_ms", lambda v: f"{plain(v, 2)}\u00a0ms"), ""),
    ]
