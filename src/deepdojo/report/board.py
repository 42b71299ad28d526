"""The board of one project as a page: ranks with ties in one tint, intervals on one axis, cost, the Pareto front."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from shlex import quote
from typing import Any

from deepdojo.report import intervals
from deepdojo.report.figures import amount, count, duration, evenly, higher_is_better, plain, size, unit_of
from deepdojo.report.metric_facts import metric_title
from deepdojo.report.tokens import stylesheet
from deepdojo.report.words import Words

__all__ = ["board_page"]

Json = dict[str, Any]
_MOST = 1000


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _number(value: Any) -> float | None:
    return float(value) if _finite(value) else None


def _group(row: Mapping[str, Any]) -> str:
    """ranked, published (never re-scored) or other (scored on other rows, or left unranked)."""
    if row.get("kind") == "published":
        return "published"
    return "ranked" if _finite(row.get("rank")) else "other"


def _tints(ranks: Sequence[int]) -> dict[int, bool]:
    """Which ranks get the band: every second group, so that neighbours differ; a lone group of ties always."""
    shared = {rank for rank, times in Counter(ranks).items() if times > 1}
    return {rank: place % 2 == 0 if shared else False for place, rank in enumerate(sorted(set(ranks)))}


def _row_remarks(row: Json, unit: Any, words: Words) -> list[str]:
    """What stands below a row's name: which run it is, what it learned from, what its score is a mean of."""
    share = _number(row.get("data_share"))
    seeds = _number(row.get("seeds"))
    remarks = [str(row[k]).removeprefix("not re-scored, ") for k in ("note", "source") if row.get(k)]
    if row.get("kind") == "run":
        tail = str(row.get("id") or "").rpartition("-")[2]
        one = row.get("seed") is not None and (seeds is None or seeds <= 1)
        seed = words("seed {n}", n=row["seed"]) if one else ""
        remarks[:0] = [remark for remark in (tail, seed) if remark]
    if share is not None and share < 1:
        remarks.append(words("{share} of the training rows", share=f"{100 * share:.3g}\u00a0%"))
    if _finite(row.get("trials")):
        remarks.append(words("the best of {n} settings, chosen on validation rows", n=f"{row['trials']:g}"))
    for one in row.get("with") or []:
        if one.get("count"):
            file = f"{one['file']}, SHA-256 {str(one['sha256'])[:8]}"
            remarks.append(words("own {name} × {n} ({file})", name=one["name"], n=one["count"], file=file))
    if seeds is not None and seeds > 1:
        sd = _number(row.get("sd"))
        value, low, high = (_number(row.get(k)) for k in ("score", "low", "high"))
        places = unit.decimals(value, low, high) + 1 if value is not None else 1
        beside = "" if sd is None else f" ± {unit.number(sd, places)}"
        remarks.append(words("mean of {n} seeds", n=f"{seeds:g}") + beside)
    if _finite(row.get("trained")):
        remarks.append(words("{n} parameters learned", n=amount(_number(row["trained"]))))
    if _finite(row.get("folds")):
        remarks.append(words("{n} folds", n=f"{row['folds']:g}"))
    return remarks


def _shown(row: Json, unit: Any, axis: intervals.Axis, tied: Counter[int], words: Words) -> Json:
    value, low, high = (_number(row.get(k)) for k in ("score", "low", "high"))
    group, name = _group(row), str(row.get("name") or "")
    score, interval = unit.score(value, low, high), unit.interval(value, low, high)
    rank = int(row["rank"]) if group == "ranked" else None
    kind = "published" if group != "ranked" else "baseline" if row.get("kind") == "baseline" else "network"
    what = {"baseline": words("floor"), "published": words("published, not re-scored")}.get(
        str(row.get("kind")), words("run")
    )
    return {
        "rank": rank,
        "tied": rank is not None and tied[rank] > 1,
        "name": name,
        "what": what,
        "group": group,
        "kind": kind,
        "remarks": _row_remarks(row, unit, words),
        "number": unit.number(value, unit.decimals(value, low, high)) if value is not None else "–",
        "interval": interval,
        "bar": intervals.bar(
            axis,
            value,
            low,
            high,
            f"{name}: {score} {interval}".strip(),
            kind=kind,
            spread=_number(row.get("sd")),
        ),
        "parameters": amount(_number(row.get("parameters"))),
        "flops": amount(_number(row.get("train_flops")), "FLOP"),
        "seconds": duration(_number(row.get("seconds"))),
        "memory": size(_number(row.get("peak_bytes"))),
        "ms": plain(row["inference_ms"], 2) if _finite(row.get("inference_ms")) else "–",
        "pareto": bool(row.get("pareto")),
        "run": str(row.get("run") or ""),
    }


def _parts(rows: Sequence[Json], unit: Any, higher: bool, words: Words) -> Json:
    sign = -1 if higher else 1

    def order(row: Json) -> tuple[Any, ...]:
        value = _number(row.get("score"))
        return (row["rank"] if _group(row) == "ranked" else 0, value is None, sign * (value or 0.0))

    # Published results stand among the ranked rows where their score puts them, greyed; rows of other digests below.
    ranked = sorted((r for r in rows if _group(r) == "ranked"), key=order)
    best = ranked or sorted((r for r in rows if _number(r.get("score")) is not None), key=order)
    front = (
        [best[0].get(k) for k in ("score", "low", "high")] + [best[min(1, len(best) - 1)].get("score")] if best else []
    )
    axis = intervals.common_axis(
        [_number(v) for v in front], [_number(r.get(k)) for r in rows for k in ("score", "low", "high")]
    )
    at = intervals.axis_ticks(axis)
    tied = Counter(int(r["rank"]) for r in ranked)
    tints = _tints([int(r["rank"]) for r in ranked])
    groups: dict[str, list[Json]] = {"ranked": [], "published": [], "other": []}
    for row in sorted(rows, key=order):
        shown = _shown(row, unit, axis, tied, words)
        shown["tint"] = tints.get(shown["rank"], False)
        groups[shown["group"]].append(shown)
    beyond = any((v := _number(r.get("score"))) is not None and not axis.holds(v) for r in rows)
    spreads = any(_number(r.get("sd")) for r in rows)
    return {
        **groups,
        "spreads": spreads,
        "axis": intervals.head(axis, evenly(at, 100.0 if unit.percent else 1.0), at),
        "beyond": beyond,
    }


def _lead(ranked: Sequence[Json], words: Callable[..., str], unit: Any) -> str:
    """The answer first: who leads, and who cannot be told from it."""
    if not ranked:
        return words("Nothing has been scored on these rows yet.")
    first = [r for r in ranked if r["rank"] == ranked[0]["rank"]]
    filled = {
        "name": first[0]["name"],
        "score": first[0]["number"] + ("\u00a0%" if unit.percent else ""),
        "interval": first[0]["interval"],
    }
    if len(first) == 1:
        return (
            words("{name} leads with {score} {interval}, and the difference to all others is real.", **filled)
            if len(ranked) > 1
            else words("{name} stands alone with {score} {interval}.", **filled)
        )
    return words(
        "{n} of {all} cannot be told apart at the top; the highest is {name} with {score} {interval}.",
        n=len(first),
        all=len(ranked),
        **filled,
    )


def _next(name: str, rows: Sequence[Json]) -> tuple[str, str]:
    """The one next step: what it is for, and the command."""
    own = [str(r.get("id") or r.get("run")) for r in rows if r.get("kind") == "run" and _group(r) == "ranked"]
    if len(own) > 1:
        return "Is one difference real, and what does each cost?", f"dojo compare {own[0]} {own[1]}"
    if own:
        return "Its errors, reasons and cost:", f"dojo report {own[0]} --open"
    return "No runs yet:", f"dojo train {quote(name)}"


def board_page(project: dict[str, Any], rows: list[dict[str, Any]], *, language: str = "en") -> str:
    """The board as one self-contained HTML page.

    Args:
        project: name, and as known: title, task, metric, higher_is_better, licence, n (held-out rows) and
            runs (how many were scored on them).
        rows: as `dojo board --json`. `kind` published is greyed; a run or baseline whose rank is None
            was scored on other rows.
        language: "en" or "zh".

    Raises UnknownNameError for another language.
    """
    from deepdojo.report.page import environment

    words = Words(language)
    metric = str(project.get("metric") or "accuracy")
    unit = unit_of(metric)
    higher = bool(project.get("higher_is_better", higher_is_better(metric)))
    parts = _parts(rows[:_MOST], unit, higher, words)
    context = {
        "t": words,
        "lang": words.tag,
        "css": stylesheet(),
        "name": str(project.get("name") or ""),
        "title": str(project.get("title") or project.get("name") or ""),
        "metric": words(metric_title(metric)),
        "task": str(project.get("task") or ""),
        "licence": str(project.get("licence") or ""),
        "percent": unit.percent,
        "n": count(project["n"]) if _finite(project.get("n")) else "",
        "higher": higher,
        "runs": count(project["runs"])
        if _finite(project.get("runs"))
        else count(sum(r.get("kind") == "run" for r in rows)),
        "lead": _lead(parts["ranked"], words, unit),
        "argument": quote(str(project.get("name") or "")),
        "next": _next(str(project.get("name") or ""), rows),
        "left_off": max(0, len(rows) - _MOST),
        **parts,
    }
    return environment().get_template("board.html").render(context)
