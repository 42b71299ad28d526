"""One row of a board as a run folder tells it: score with interval, cost, and the per-row influence that ranks need."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.errors import RunError

__all__ = ["Entry", "entry_stamp", "read_entry"]


@dataclass(frozen=True, eq=False)
class Entry:
    """A scored run or baseline.

    Attributes:
        kind: "run", "baseline", or "tracked": trained by another program, which gave a table.
        digest: of the held-out ids and labels that it was scored on.
        seconds: of the training alone; a baseline has no other. Of several seeds the mean, as in all costs.
        seeds: trainings behind the score, which is their mean. sd: the score's standard deviation over them.
        trained: of the parameters those that training changed; None where all of them learned.
        folds: where each row was held out once, into how many parts the rows were dealt.
        influence: (n,) n * dvalue / dweight of each row, of several seeds the mean; sorted by id, so that entries of
            one digest are aligned. None when the run kept no rows; such an entry has no rank.
        groups: (n,) rows of one value belong together; None when every row stands for itself.
    """

    id: str
    kind: str
    name: str
    metric: str
    digest: str
    score: float
    low: float | None
    high: float | None
    n: int
    higher_is_better: bool
    seed: int | None
    parameters: int | None
    train_flops: float | None
    seconds: float | None
    peak_bytes: int | None
    inference_ms: float | None
    data_share: float
    seeds: int
    sd: float | None
    folds: int | None
    trials: int | None
    created: str
    trained: int | None = None
    own: str | None = None
    influence: np.ndarray | None = None
    groups: np.ndarray | None = None


def entry_stamp(folder: Path) -> str:
    """Changes whenever the run's score is written again; empty where there is none."""
    try:
        found = (folder / "score.json").stat()
    except OSError:
        return ""
    return f"{found.st_mtime_ns}-{found.st_size}"


def read_entry(folder: Path) -> Entry | None:
    """The entry of a run folder; None where nothing was scored (yet, or because of `--validation-only`).

    Raises:
        RunError: a file of the run is broken.
    """
    if not (folder / "score.json").is_file():
        return None
    try:
        score = json.loads((folder / "score.json").read_text(encoding="utf-8"))
        run = tomllib.loads((folder / "run.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"the run cannot be read ({error})", where=str(folder)) from None
    value = score.get("value")
    if not isinstance(value, int | float) or value != value:
        return None
    influence, groups = _influence(folder, int(score["n"]), bool(score.get("groups")))
    cost = score.get("cost") or {}
    seconds = cost.get("train_seconds")
    return Entry(
        id=str(run.get("id", folder.name)),
        kind=str(run.get("kind", "run")),
        name=_name(run, folder),
        metric=str(score["metric"]),
        digest=str(score.get("digest", "")),
        score=float(value),
        low=score.get("low"),
        high=score.get("high"),
        n=int(score["n"]),
        higher_is_better=bool(score.get("higher_is_better", True)),
        seed=run.get("seed"),
        parameters=cost.get("parameters"),
        train_flops=cost.get("train_flops"),
        seconds=cost.get("seconds") if seconds is None else seconds,
        peak_bytes=cost.get("peak_bytes"),
        inference_ms=cost.get("inference_ms"),
        data_share=float(score.get("data_share", 1.0)),
        seeds=int((score.get("seeds") or {}).get("n", 1)),
        sd=(score.get("seeds") or {}).get("sd"),
        folds=(score.get("folds") or {}).get("n"),
        trials=score.get("trials"),
        created=str(run.get("created", "")),
        trained=cost.get("trained"),
        own=json.dumps(run["with"]) if run.get("with") else None,
        influence=influence,
        groups=groups,
    )


def _name(run: Mapping[str, Any], folder: Path) -> str:
    """A baseline's title; a run's recipe with what it went on from and what was overridden: `bert from wikitext2
    lr=0.0003`, and which of its author's own code it was trained with: `cnn with conv2d`.

    The recipe `default` says nothing: there the model that its rule chose stands.
    """
    if run.get("kind") in ("baseline", "tracked"):
        return str(run.get("title") or run.get("name") or folder.name)
    recipe, model = Path(str(run.get("recipe") or "")).stem, _model_name(run.get("model"))
    recipe = (model if recipe in ("", "default") else "") or recipe or folder.name
    changes = [f"{key.rpartition('.')[2]}={value}" for key, value in _flat(run.get("overrides") or {})]
    origin, own = run.get("from"), [str(one["name"]) for one in run.get("with") or [] if one["count"]]
    begun = [f"from {origin['name']}"] if isinstance(origin, Mapping) else []
    return " ".join([recipe, *begun, *(["with", ", ".join(own)] if own else []), *changes])


def _model_name(model: Any) -> str:
    return str(model.get("name", "")) if isinstance(model, Mapping) else str(model or "")


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in values.items():
        found += _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [(f"{prefix}{key}", value)]
    return found


def _influence(folder: Path, n: int, grouped: bool) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Influence and groups of rows.parquet in the order of the ids; (None, None) where they do not fit the score."""
    path = folder / "rows.parquet"
    if not path.is_file():
        return None, None
    import duckdb

    group = '"group"::DOUBLE' if grouped else "NULL"
    try:
        with duckdb.connect(config={"threads": 1}) as database:
            # Strings are ordered by their UTF-8 bytes, as Python orders them by code points.
            order = 'SELECT influence::DOUBLE AS influence, {} AS "group" FROM read_parquet(?) ORDER BY id::VARCHAR'
            found = database.execute(order.format(group), [str(path)]).fetchnumpy()
    except duckdb.Error:
        return None, None
    influence = np.ma.filled(found["influence"].astype(np.float64), np.nan)
    if len(influence) != n or not np.isfinite(influence).all():
        return None, None
    return influence, np.ma.filled(found["group"].astype(np.float64), np.nan) if grouped else None
