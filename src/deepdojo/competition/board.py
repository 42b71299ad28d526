"""The local leaderboard of one project: runs, floor and published results in one table, ranked by paired tests."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepdojo.competition.entry import Entry
from deepdojo.competition.store import Store, with_store
from deepdojo.pareto import pareto

if TYPE_CHECKING:
    from deepdojo.data.project import Project

__all__ = ["record", "rows"]

_COST = ("parameters", "train_flops", "seconds", "peak_bytes", "inference_ms")


def record(run_folder: str | Path) -> None:
    """Enter a finished run (or baseline) on the board beside it. Doing it twice changes nothing.

    Raises:
        RunError: a file of the run is broken.
    """
    folder = Path(run_folder).absolute()
    with_store(folder.parent, lambda store: store.record(folder))


def rows(runs: str | Path, project: Project | None = None) -> list[dict[str, Any]]:
    """The board as CONVENTIONS' JSON has it, best rank first.

    Rank = 1 + the number of entries that are significantly better (max-T over the whole board, familywise 5 %). Ranked
    are the entries that were scored by the project's metric on the rows of its newest run; the floor stands there once
    each. Published results stand at their score without a rank; what was scored on other rows, or by another metric,
    stands below.

    Args:
        runs: the folder whose subfolders are the runs.
        project: gives the metric that counts and the published results; without one, the newest run's metric counts.

    Returns:
        rank, name, kind, score, low, high, n, seeds, parameters, train_flops, seconds, peak_bytes, inference_ms,
        data_share, pareto, run of each row; beside them trained (parameters that learned, where not all did), sd (over
        seeds), folds, trials (of a search), with (its author's own code: name, file, sha256, count), metric,
        higher_is_better, digest, id, seed and note.
    """
    found = with_store(Path(runs).absolute(), _read)
    metric, digest = _current(found, None if project is None else project.metric)
    now = _once_each([(f, e) for f, e in found if (e.metric, e.digest) == (metric, digest)])
    later = [(f, e) for f, e in found if (e.metric, e.digest) != (metric, digest) and e.kind != "baseline"]
    ranked = _ranked([e for _, e in now])
    top = [_row(Path(runs), f, e) | ranked[id(e)] for f, e in now]
    top += _published(_as_published(project), metric, now)
    higher = _higher(metric, now)
    top.sort(key=lambda row: -row["score"] if higher else row["score"])
    below = [
        _row(Path(runs), f, e) | {"note": "other metric" if e.metric != metric else "other held-out rows"}
        for f, e in reversed(later)
    ]
    return top + below + _logged(Path(runs), metric, _higher(metric, now))


def _logged(runs: Path, metric: str, higher: bool) -> list[dict[str, Any]]:
    """Runs that another program logged without a table of predictions: named, without score and rank."""
    found: list[dict[str, Any]] = []
    for folder in sorted(f.parent for f in runs.glob("*/score.json")) if runs.is_dir() else ():
        run, score = _kept(folder)
        if run.get("kind") == "tracked" and score.get("value") is None:
            cost = score.get("cost") or {}
            found.append({
                **dict.fromkeys(("rank", "score", "low", "high", "seed", "trained", "sd", "folds", "trials")),
                "name": str(run["name"]), "kind": "tracked", "n": 0, "seeds": 1, "data_share": 1.0,
                **{name: cost.get(name) for name in _COST},
                "with": [], "pareto": False,
                "run": str(folder.absolute()), "metric": metric, "higher_is_better": higher,
                "digest": "", "id": str(run["id"]), "note": "logged, not scored",
            })  # fmt: skip
    return found


def _kept(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        score = json.loads((folder / "score.json").read_text(encoding="utf-8"))
        return tomllib.loads((folder / "run.toml").read_text(encoding="utf-8")), score
    except (OSError, ValueError):
        return {}, {}


def _read(store: Store) -> list[tuple[str, Entry]]:
    store.refresh()
    return store.entries()


def _current(found: Sequence[tuple[str, Entry]], metric: str | None) -> tuple[str, str]:
    """The metric and the held-out rows that the newest run was scored on; a baseline's where there is no run."""
    fitting = [e for _, e in found if metric is None or e.metric == metric] or [e for _, e in found]
    newest = next((e for e in reversed(fitting) if e.kind == "run"), fitting[-1] if fitting else None)
    return (newest.metric, newest.digest) if newest is not None else (metric or "", "")


def _higher(metric: str, now: Sequence[tuple[str, Entry]]) -> bool:
    """The metric's direction, as the runs have it; of one of ours also where there is no run yet."""
    from deepdojo.scoring.metrics import METRICS

    if now:
        return now[0][1].higher_is_better
    return METRICS[metric].higher_is_better if metric in METRICS else True


def _once_each(found: list[tuple[str, Entry]]) -> list[tuple[str, Entry]]:
    """Each baseline once: the newest of those that were trained on most of the rows. The others stay in their folders.

    A run with `--share .1` trains its floors on the same tenth; they must not stand in for those of all rows.
    """
    floors = sorted(
        (p for p in found if p[1].kind == "baseline"), key=lambda p: p[1].data_share
    )  # stable: oldest first
    last = {e.name: f for f, e in floors}
    return [(f, e) for f, e in found if e.kind != "baseline" or last[e.name] == f]


def _ranked(entries: list[Entry]) -> dict[int, dict[str, Any]]:
    """rank and pareto of each entry, by its identity. Entries without per-row losses have no rank."""
    marks: dict[int, dict[str, Any]] = {id(e): {"rank": None, "pareto": False} for e in entries}
    able = [e for e in entries if e.influence is not None]
    sizes = {len(e.influence) for e in able if e.influence is not None}
    if len(sizes) == 1:
        from deepdojo.scoring.ranking import ranks

        groups = able[0].groups
        influence = np.stack([e.influence for e in able if e.influence is not None])
        scores = np.array([e.score for e in able])
        found = ranks(scores, influence, higher_is_better=able[0].higher_is_better, groups=groups)
        for entry, rank in zip(able, found, strict=True):
            marks[id(entry)]["rank"] = int(rank)
    if entries:
        higher, seconds = entries[0].higher_is_better, [entry.seconds for entry in entries]
        front = pareto(seconds, [entry.score for entry in entries], higher_is_better=higher)
        for entry, on_front in zip(entries, front, strict=True):
            marks[id(entry)]["pareto"] = on_front
    return marks


def _row(runs: Path, folder: str, entry: Entry) -> dict[str, Any]:
    return {
        "rank": None,
        "name": entry.name,
        "kind": entry.kind,
        "score": entry.score,
        "low": entry.low,
        "high": entry.high,
        "n": entry.n,
        "seeds": entry.seeds,
        **{name: getattr(entry, name) for name in _COST},
        "data_share": entry.data_share,
        "pareto": False,
        "run": str(runs.absolute() / folder),
        "trained": entry.trained,
        "sd": entry.sd,
        "folds": entry.folds,
        "trials": entry.trials,
        "with": [] if entry.own is None else json.loads(entry.own),
        "metric": entry.metric,
        "higher_is_better": entry.higher_is_better,
        "digest": entry.digest,
        "id": entry.id,
        "seed": entry.seed,
        "note": None,
    }


def _as_published(project: Project | None) -> list[dict[str, Any]]:
    """`published` of project.toml as plain mappings."""
    items = [] if project is None else project.spec.published or []
    return [dict(item) if isinstance(item, Mapping) else item.model_dump() for item in items]


def _published(
    published: Sequence[Mapping[str, Any]], metric: str, now: list[tuple[str, Entry]]
) -> list[dict[str, Any]]:
    """Published results by the same metric, at their score; never ranked, since nobody re-scored them."""
    higher = _higher(metric, now)
    found: list[dict[str, Any]] = []
    for item in published:
        if item.get("metric") not in (None, metric) and now:
            continue
        said = [str(item.get(key)) for key in ("source", "note") if item.get(key)]
        note = "same protocol" if item.get("protocol") == "same" else "context only"
        found.append(
            {
                "rank": None,
                "name": str(item.get("model") or "published"),
                "kind": "published",
                "score": float(item["score"]),
                **dict.fromkeys(("low", "high", "n", "seeds", *_COST, "data_share")),
                "pareto": False,
                "run": None,
                "trained": None,
                "sd": None,
                "folds": None,
                "trials": None,
                "with": [],
                "metric": metric or item.get("metric"),
                "higher_is_better": higher,
                "digest": None,
                "id": None,
                "seed": None,
                "note": f"not re-scored, {note}" + (f": {'; '.join(said)}" if said else ""),
            }
        )
    return found
