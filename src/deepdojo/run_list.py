"""Many run folders at a glance: what each is, how far it is, what to do about it. Reads a few small files of each."""

from __future__ import annotations

import json
import math
import os
import time
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deepdojo.errors import UsageError
from deepdojo.locks import held
from deepdojo.runs import PARTIAL, run_folders

__all__ = ["SORTS", "STATES", "list_runs"]

STATES = ("finished", "running", "interrupted", "failed", "damaged")
SORTS = ("time", "score", "loss", "seconds")
_TAIL_BYTES = 8_192  # of metrics.jsonl, for its last lines
_SILENT_S = 600.0  # a program of somebody else's that has logged nothing for so long is taken to have ended


def list_runs(
    places: Sequence[Path] | None = None,
    *,
    project: str | None = None,
    state: str | None = None,
    sort: str = "time",
) -> list[dict[str, Any]]:
    """All runs seen from here (or in `places`), several trainings of one run counted as one, the newest first.

    Args:
        project: only its runs.
        state: one of `STATES`.
        sort: one of `SORTS`; the best score, the lowest loss or the shortest time first; what lacks it stands last.

    Returns:
        id, project, kind, name, state, created, seconds, step, epoch, loss, metric, score, low, high, n, validation,
        bytes, folder, todo of each.

    Raises:
        UsageError: an unknown state or sort.
    """
    for what, value, known in (("state", state, STATES), ("sort", sort, SORTS)):
        if value is not None and value not in known:
            raise UsageError(f"{value!r} is no {what}", where=f"--{what}", todo=f"take one of {', '.join(known)}")
    found = [_facts(folder) for folder in reversed(run_folders(places))]
    found = [f for f in found if project in (None, f["project"]) and state in (None, f["state"])]
    if sort != "time":
        key = {"score": "score", "loss": "loss", "seconds": "seconds"}[sort]
        up = {f["metric"]: f.pop("_higher") for f in found}
        sign = {f["id"]: -1.0 if sort == "score" and up[f["metric"]] else 1.0 for f in found}
        found.sort(key=lambda f: (f[key] is None, sign[f["id"]] * (f[key] or 0.0)))
    for f in found:
        f.pop("_higher", None)
    return found


def _facts(folder: Path) -> dict[str, Any]:
    info, score = _toml(folder / "run.toml"), _json(folder / "score.json")
    last, epoch = _last(folder)
    state = _state(folder, info, score)
    identity = str(info.get("id") or folder.name.removesuffix(PARTIAL))
    cost = score.get("cost") or {}
    model = info.get("model")
    name = str(info.get("name") or info.get("recipe") or "") or (model.get("name") if isinstance(model, dict) else "")
    metric = str(score.get("metric") or info.get("metric") or "")
    return {
        "id": identity, "project": str(info.get("project") or folder.parent.name), "kind": str(info.get("kind", "run")),
        "name": name, "state": state, "created": str(info.get("created") or ""),
        "seconds": _number(cost.get("seconds", last.get("seconds"))), "step": _number(last.get("step")),
        "epoch": _number(last.get("epoch")),
        "loss": _number(last.get("loss", last.get("train_loss"))), "metric": metric, "score": score.get("value"),
        "low": score.get("low"), "high": score.get("high"), "n": score.get("n"),
        "validation": _number((epoch.get("validation") or {}).get(metric)), "folder": str(folder),
        "bytes": sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()),
        "todo": _todo(state, identity, info), "_higher": score.get("higher_is_better", True),
    }  # fmt: skip


def _number(value: Any) -> float | None:
    """What other programs log may be anything; "nan" is a word."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) else None


def _state(folder: Path, info: dict[str, Any], score: dict[str, Any]) -> str:
    if not info:
        return "damaged"
    if info.get("state") == "failed":
        return "failed"
    if not folder.name.endswith(PARTIAL):
        return "finished" if score else "damaged"
    if info.get("kind") == "tracked":
        return "running" if _alive(folder, info) else "interrupted"
    return "running" if held(folder) else "interrupted"


def _alive(folder: Path, info: dict[str, Any]) -> bool:
    """Whether the program that logs is still there; on another machine, whether it has logged lately."""
    import platform

    if info.get("host") == platform.node() and os.name == "posix" and isinstance(info.get("process"), int):
        try:
            os.kill(info["process"], 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True
    log = folder / "metrics.jsonl"
    return log.is_file() and time.time() - log.stat().st_mtime < _SILENT_S


def _todo(state: str, identity: str, info: dict[str, Any]) -> str:
    if state == "interrupted" and info.get("kind") != "tracked":
        return f"dojo train --resume {identity}"
    if state in ("finished", "failed", "interrupted"):
        return f"dojo report {identity} --open"
    return "delete the folder and train anew" if state == "damaged" else ""


def _last(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The last line of the log, and the last that ended an epoch; of several trainings, of the one that logs now."""
    logs = (
        [folder / "metrics.jsonl"] if (folder / "metrics.jsonl").is_file() else list(folder.glob("*/*/metrics.jsonl"))
    )
    if not logs:
        return {}, {}
    path = max(logs, key=lambda p: p.stat().st_mtime)
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        lines = file.read().decode("utf-8", "replace").split("\n")
    found = [line for text in lines if (line := _object(text))]
    epochs = [line for line in found if line.get("kind") == "epoch"]
    return (found[-1] if found else {}), (epochs[-1] if epochs else {})


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _json(path: Path) -> dict[str, Any]:
    try:
        return _object(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return {}


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def age(created: str, now: datetime | None = None) -> str:
    """`5 min`, `3 h`, `2 days` since an ISO time; empty where it is none."""
    try:
        then = datetime.fromisoformat(created)
    except ValueError:
        return ""
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    minutes = ((now or datetime.now(UTC)) - then).total_seconds() / 60
    if minutes < 90:
        return f"{max(0, round(minutes))} min"
    return f"{round(minutes / 60)} h" if minutes < 48 * 60 else f"{round(minutes / 1440)} days"
