"""A run folder as the report sees it: whatever is there, and None or nothing where a file or a column is missing."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepdojo.contracts import CONTRACTS, SAME, Contract
from deepdojo.errors import RunError

__all__ = ["Pairs", "RunFiles", "Training", "model_name", "read_run"]

Json = dict[str, Any]
_BINS = 10
_POINTS = 600


@dataclass
class Pairs:
    """Truth against prediction on the held-out rows, already summed by the database: large runs stay cheap.

    Attributes:
        confusion: (truth, predicted) -> rows. Classification only.
        bins: per tenth of confidence: (lowest, highest, rows, right, mean confidence). Needs probabilities.
        points: at most 600 (id, truth, predicted), chosen by a hash of the id. Regression only.
        residuals: predicted - truth of all rows. Regression only.
        likeness: (likeness, pairs that are the same, pairs that are not), the likest first. Verification only.
    """

    confusion: dict[tuple[str, str], int] = field(default_factory=dict)
    bins: list[tuple[float, float, int, int, float]] = field(default_factory=list)
    points: list[tuple[str, float, float]] = field(default_factory=list)
    residuals: list[float] = field(default_factory=list)
    likeness: list[tuple[float, int, int]] = field(default_factory=list)


@dataclass
class RunFiles:
    """Everything of a run folder that the report draws; `broken` lists files that are there but cannot be read."""

    folder: Path
    run: Json
    score: Json
    data: Json
    environment: Json
    epochs: list[Json]
    steps: list[Json]
    examples: list[Json]
    explanations: Json
    pairs: Pairs
    broken: list[str]
    logged: list[Json] = field(default_factory=list)
    sweep: Json = field(default_factory=dict)
    classes: list[Json] = field(default_factory=list)
    samples: list[Json] = field(default_factory=list)
    trainings: list[Training] = field(default_factory=list)


@dataclass
class Training:
    """One training of a run that holds several: where it lies in the run's folder, and its epochs."""

    place: str
    epochs: list[Json]


def model_name(run: Json) -> str:
    """What the network is called: run.toml's [model] table or plain name, else its recipe, else nothing; of a run that
    another program logged its name."""
    if run.get("kind") == "tracked":
        return str(run.get("name") or "")
    model = run.get("model")
    return str((model.get("name") if isinstance(model, dict) else model) or run.get("recipe") or "")


class _Reader:
    def __init__(self, folder: Path) -> None:
        self.folder, self.broken = folder, list[str]()

    def json(self, name: str, empty: Any) -> Any:
        path = self.folder / name
        if not path.is_file():
            return empty
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self.broken.append(name)
            return empty
        if not isinstance(value, type(empty)):
            self.broken.append(name)
            return empty
        return value

    def toml(self, name: str) -> Json:
        path = self.folder / name
        try:
            return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        except (OSError, ValueError):
            self.broken.append(name)
            return {}

    def lines(self, name: str) -> Iterator[Json]:
        """Objects of a JSON-lines file; a last line cut off by a kill is passed over."""
        path = self.folder / name
        if not path.is_file():
            return
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                yield value


def _database() -> Any:
    import duckdb

    return duckdb.connect(config={"threads": 1})


def _columns(database: Any, path: Path) -> set[str]:
    return {row[0] for row in database.execute("SELECT * FROM read_parquet(?) LIMIT 0", [str(path)]).description}


def _quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


_JOIN = "FROM read_parquet($rows) t JOIN read_parquet($predictions) p ON t.id::VARCHAR = p.id::VARCHAR"


def _classes(database: Any, files: dict[str, str], target: str, distribution: str | None) -> Pairs:
    target, p = _quoted(target), _quoted(distribution or "")
    pairs = Pairs()
    for truth, predicted, rows in database.execute(
        f"SELECT t.{target}::VARCHAR, p.{target}::VARCHAR, count(*) {_JOIN} GROUP BY 1, 2", files
    ).fetchall():
        pairs.confusion[(truth or "", predicted or "")] = rows
    if distribution is not None:
        pairs.bins = [
            (low / _BINS, (low + 1) / _BINS, rows, right, mean)
            for low, rows, right, mean in database.execute(
                f"""SELECT least({_BINS - 1}, floor(c * {_BINS}))::INT, count(*), sum(good)::INT, avg(c) FROM (
                    SELECT list_max(map_values(p.{p})) AS c, (t.{target} = p.{target})::INT AS good {_JOIN}
                    ) WHERE isfinite(c) GROUP BY 1 ORDER BY 1""",
                files,
            ).fetchall()
        ]
    return pairs


def _values(database: Any, files: dict[str, str], target: str) -> Pairs:
    target = _quoted(target)
    finite = f"isfinite(t.{target}) AND isfinite(p.{target})"
    some = f"WHERE {finite} ORDER BY md5(t.id::VARCHAR) LIMIT {_POINTS}"
    points = database.execute(
        f"SELECT t.id::VARCHAR, t.{target}::DOUBLE, p.{target}::DOUBLE {_JOIN} {some}", files
    ).fetchall()
    every = f"SELECT (p.{target} - t.{target})::DOUBLE {_JOIN} WHERE {finite} ORDER BY 1"
    residuals = database.execute(every, files).fetchall()
    return Pairs(points=points, residuals=[row[0] for row in residuals])


def _likeness(database: Any, files: dict[str, str], target: str, answer: str) -> Pairs:
    same, value = f"(t.{_quoted(target)} = '{SAME}')::INT", f"p.{_quoted(answer)}::DOUBLE"
    counted = database.execute(
        f"SELECT {value}, sum({same})::INT, sum(1 - {same})::INT {_JOIN} GROUP BY 1 ORDER BY 1 DESC", files
    ).fetchall()
    return Pairs(likeness=counted)


def _pairs(reader: _Reader, contract: Contract | None) -> Pairs:
    """`contract`: of the run's task, None where run.toml does not say it."""
    rows, predictions = reader.folder / "rows.parquet", reader.folder / "predictions.parquet"
    if not (rows.is_file() and predictions.is_file()):
        return Pairs()
    files = {"rows": str(rows), "predictions": str(predictions)}
    try:
        with _database() as database:
            have, asked = _columns(database, rows), _columns(database, predictions)
            target = contract.target if contract is not None else "label" if "label" in have else "value"
            if contract is not None and contract.compared and contract.answer_kind == "number":
                return _likeness(database, files, target, contract.answer)
            if target not in have & asked:
                return Pairs()
            kind = contract.target_kind if contract is not None else "label" if target == "label" else "number"
            if kind == "label":
                distribution = contract.distribution if contract is not None else "probabilities"
                return _classes(database, files, target, distribution if distribution in asked else None)
            return _values(database, files, target) if kind == "number" else Pairs()
    except Exception:  # duckdb has an error class for each way a file can be broken; the report then says which file
        reader.broken.append("rows.parquet or predictions.parquet")
        return Pairs()


def read_run(folder: Path) -> RunFiles:
    """Read what a run folder holds.

    Raises:
        RunError: the folder does not exist or holds neither `run.toml` nor `score.json`.
    """
    if not ((folder / "run.toml").is_file() or (folder / "score.json").is_file()):
        raise RunError(
            "this is no run folder: it has neither run.toml nor score.json", where=str(folder), todo="see `dojo board`"
        )
    reader = _Reader(folder)
    run, score = reader.toml("run.toml"), reader.json("score.json", {})
    # Of several seeds one is shown in detail: its errors, its reasons.
    shown = (score.get("seeds") or {}).get("shown") if isinstance(run.get("group"), dict) else None
    detail = _Reader(folder / shown) if isinstance(shown, str) else reader
    metrics = list(detail.lines("metrics.jsonl"))
    kept = detail if (detail.folder / "examples.json").is_file() else reader
    found = RunFiles(
        folder=folder,
        run=run,
        score=score,
        data=reader.json("data.json", {}),
        environment=reader.json("environment.json", {}),
        epochs=[m for m in metrics if m.get("kind") == "epoch"],
        logged=[m for m in metrics if m.get("kind") == "log"],
        steps=[m for m in metrics if m.get("kind") == "step"],
        examples=[e for e in kept.json("examples.json", []) if isinstance(e, dict)],
        explanations=detail.json("explanations/index.json", {}),
        pairs=_pairs(detail, CONTRACTS.get(str(run.get("task")))),
        broken=reader.broken,
        classes=[c for c in detail.json("classes.json", []) if isinstance(c, dict)],
        sweep=detail.json("find_lr.json", {}),
        samples=[e for e in detail.json("samples.json", []) if isinstance(e, dict)],
        trainings=_trainings(folder) if isinstance(run.get("group"), dict) else [],
    )
    found.broken += detail.broken if detail is not reader else []
    return found


def _trainings(folder: Path) -> list[Training]:
    """In the order of their seeds and folds."""
    places = [
        p.parent for form in ("seeds/*", "folds/*", "seeds/*/folds/*") for p in folder.glob(f"{form}/metrics.jsonl")
    ]
    places.sort(key=lambda p: [int(part) for part in p.relative_to(folder).parts if part.isdigit()])
    return [
        Training(
            place.relative_to(folder).as_posix(),
            [line for line in _Reader(place).lines("metrics.jsonl") if line.get("kind") == "epoch"],
        )
        for place in places
    ]
