"""A host's own metric (Kaggle's signature, `scoring/custom.py`) in the sandbox: one process measures one submission.

The metric is code from somebody who may have copied it; it sees copies of the two tables and nothing else. Resamples
for the interval and the influence are called inside, so that a submission costs one start.
"""

from __future__ import annotations

import base64
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np

from deepdojo.competition.sandbox.limits import Limits, Outcome
from deepdojo.competition.sandbox.runner import Sandbox
from deepdojo.competition.sandbox.words import stopped_by, tail
from deepdojo.contracts import MEDIA, Contract, KindName
from deepdojo.errors import ScoreError
from deepdojo.scoring.measured import IntervalName
from deepdojo.tables import Table, align, check_cells, media_bytes

__all__ = ["METRIC_LIMITS", "HostMetricError", "HostScore", "score_in_sandbox"]

METRIC_LIMITS = Limits(wall_s=120, cpu_s=120, memory_bytes=2 << 30, output_bytes=64 << 20)
_TO_HOST_CHARS = 4000


class HostMetricError(ScoreError):
    """The host's metric failed through no fault of the sender.

    Attributes:
        details: what the host may read and the sender must not: it can quote hidden answers.
    """

    def __init__(self, details: str) -> None:
        super().__init__("the host's metric failed; the host sees why")
        self.details = details


@dataclass(frozen=True)
class HostScore:
    """A metric's value on one part of the rows: what `scoring.measured.paired_influence` and a board need.

    Attributes:
        low, high, interval: the 95 % interval over 200 resamples, and how it was found.
        influence: (n,) in the order of the part's rows, mean 0.
    """

    metric: str
    value: float
    low: float
    high: float
    n: int
    higher_is_better: bool
    interval: IntervalName
    influence: np.ndarray = field(repr=False)


def score_in_sandbox(
    sandbox: Sandbox,
    path: Path | str,
    contract: Contract,
    solution: Sequence[Mapping[str, Any]],
    table: Table,
    *,
    parts: Mapping[str, np.ndarray] | None = None,
    groups: np.ndarray | None = None,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    limits: Limits = METRIC_LIMITS,
) -> dict[str, HostScore]:
    """What `scoring.custom.score_with_file` gives, for each part of the rows, without the code running here.

    Args:
        solution: one row an id, with the contract's targets.
        table: predictions in any order; aligned and checked before the sandbox starts.
        parts: name -> (m,) numbers of rows, such as public and private; None: {"all": every row}.
        groups: (n,) the group of each row, or None.

    Raises:
        HostMetricError: when the metric file does not load, raises, gives no finite number or breaks a limit.
        ScoreError: ids or cells are wrong; or the metric's ParticipantVisibleError, with its text.
        SandboxError: when the sandbox cannot start.
    """
    path = Path(path)
    try:
        source = path.read_bytes()
    except OSError as error:
        raise HostMetricError(f"{path}: the metric file cannot be read ({error.strerror})") from error
    ids = [str(row["id"]) for row in solution]
    if not ids:
        raise ScoreError("there is no row to score", todo="the held-out part must have at least one row")
    lined_up = align(ids, table)
    kinds = {name: kind for name, kind in contract.predictions.items() if name in lined_up.columns}
    check_cells(lined_up, kinds)
    chosen = parts or {"all": np.arange(len(ids))}
    asked = {
        "truth": {"id": _column(ids, "label")}
        | {name: _column([row[name] for row in solution], kind) for name, kind in contract.targets.items()},
        "said": {name: _column(list(cells), kinds.get(name, "label")) for name, cells in lined_up.columns.items()},
        "kinds": kinds, "parts": {name: np.asarray(rows).tolist() for name, rows in chosen.items()},
        "groups": None if groups is None else np.asarray(groups).tolist(), "options": dict(options or {}), "seed": seed,
    }  # fmt: skip
    inside = Path(__file__).with_name("metric_inside.py").read_bytes()
    done = sandbox.run(
        [sys.executable, "-B", "/input/measure.py", "/input/asked.json", "/tmp/output/answer.json"],
        files={"/input/measure.py": inside, "/input/metric.py": source, "/input/asked.json": _json(asked)},
        output="answer.json", limits=limits,
    )  # fmt: skip
    return _read(done, {name: len(rows) for name, rows in chosen.items()}, limits)


def _read(done: Outcome, sizes: Mapping[str, int], limits: Limits) -> dict[str, HostScore]:
    """The answer, believed in nothing: the metric could have written it itself."""
    if done.stopped is not None or done.output is None:
        why = stopped_by(done, limits) or f"it gave no answer, exit code {done.exit_code}"
        raise HostMetricError(f"the metric: {why}\n{tail(done.stderr, lines=40, chars=_TO_HOST_CHARS)}")
    try:
        answer = json.loads(done.output)
        if "participant" in answer:
            said = tail(str(answer["participant"]).encode(), lines=3, chars=500)
            raise ScoreError(said or "the metric refuses this submission", where="the metric")
        if "host" in answer:
            raise HostMetricError(tail(str(answer["host"]).encode(), lines=60, chars=_TO_HOST_CHARS))
        return {name: _score(answer, name, n) for name, n in sizes.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HostMetricError(f"the metric left an answer that is none ({type(error).__name__}: {error})") from error


def _score(answer: dict[str, Any], name: str, n: int) -> HostScore:
    part = answer["parts"][name]
    value, low, high = (float(part[key]) for key in ("value", "low", "high"))
    influence = np.frombuffer(base64.b64decode(part["influence"]), dtype="<f8")
    whole = influence.shape == (n,) and np.isfinite(influence).all() and part["interval"] in get_args(IntervalName)
    if not (whole and all(map(math.isfinite, (value, low, high)))):
        raise ValueError(f"no finite score of {n} rows")
    interval = cast(IntervalName, part["interval"])
    return HostScore(
        str(answer["name"])[:200], value, low, high, n, bool(answer["higher_is_better"]), interval, influence
    )


def _column(cells: Sequence[Any], kind: KindName) -> dict[str, Any]:
    """A column as JSON holds it; pictures and sounds as base64 of their files."""
    if kind in MEDIA:
        return {"bytes": True, "cells": [base64.b64encode(media_bytes(cell)).decode() for cell in cells]}
    return {"bytes": False, "cells": list(cells)}


def _json(asked: Mapping[str, Any]) -> bytes:
    return json.dumps(asked, default=_plain).encode("utf-8", "surrogatepass")


def _plain(value: Any) -> Any:
    """What columns hold beside JSON's own types: numpy's numbers and arrays, mappings of our own."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a cell of type {type(value).__name__} cannot be sent to the metric")
