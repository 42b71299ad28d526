"""Made run folders: what a board reads, without any training."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
import tomlkit

MakeRun = Callable[..., Path]


def write_run(
    runs: Path,
    name: str,
    right: np.ndarray,
    *,
    kind: str = "run",
    digest: str = "d1",
    metric: str = "accuracy",
    created: str = "2026-11-24T06:40:00Z",
    seconds: float = 3.0,
    value: float | None = None,
    order: np.ndarray | None = None,
    **head: Any,
) -> Path:
    """A run whose accuracy is the mean of `right` (n,) 0/1; rows.parquet holds the rows in `order`."""
    folder = runs / name
    folder.mkdir(parents=True)
    value = float(right.mean()) if value is None else value
    run = {"id": name, "kind": kind, "recipe": "cnn", "created": created, "seed": 0, "project": "made", **head}
    (folder / "run.toml").write_text(tomlkit.dumps(run), encoding="utf-8")
    rows = np.arange(len(right)) if order is None else order
    lines = [{"id": f"r{i:04d}", "label": "a", "influence": float(right[i] - value), "group": float(i)} for i in rows]
    source = folder / "rows.json"
    source.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    with duckdb.connect() as database:
        database.execute(f"COPY (SELECT * FROM read_json('{source}')) TO '{folder / 'rows.parquet'}' (FORMAT parquet)")
    source.unlink()
    score = {
        "metric": metric, "value": value, "low": max(0.0, value - 0.05), "high": min(1.0, value + 0.05),
        "n": len(right),
        "higher_is_better": True, "digest": digest, "groups": False, "data_share": 1.0,
        "cost": {"parameters": 1000, "train_flops": 1e9, "seconds": 2 * seconds, "train_seconds": seconds},
    }  # fmt: skip
    (folder / "score.json").write_text(json.dumps(score), encoding="utf-8")
    return folder


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """`make_run(name, right, ...)` puts a run folder into `tmp_path / "runs"`."""
    return lambda name, right, **given: write_run(tmp_path / "runs", name, right, **given)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


def answers(n: int, correct: int) -> np.ndarray:
    """(n,) of which the first `correct` are right."""
    return (np.arange(n) < correct).astype(float)


@pytest.fixture(scope="session")
def postgresql_server():
    from tests.competition.databases import postgresql

    with postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a new, empty database is: SQLite, then PostgreSQL (or a skip with a reason)."""
    if request.param == "sqlite":
        return str(tmp_path / "server.sqlite")
    return request.getfixturevalue("postgresql_server").fresh()


@pytest.fixture
def database(address: str):
    from deepdojo.competition.database.engine import open_database

    opened = open_database(address)
    yield opened
    opened.close()
