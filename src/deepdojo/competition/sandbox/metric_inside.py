"""Runs inside the sandbox: loads the host's metric and measures one submission. The server never imports it.

python metric_inside.py ASKED ANSWER       two JSON files; `metric.py` in this folder writes and reads them
"""

from __future__ import annotations

import base64
import json
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.contracts import Contract
from deepdojo.errors import DojoError, ScoreError
from deepdojo.scoring.custom import DRAWS, CustomMetric, load_metric
from deepdojo.scoring.score import from_measured
from deepdojo.tables import Table


def main() -> None:
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    try:
        loaded = load_metric("/input/metric.py", trusted=True, options=asked["options"])
        answer = {
            "name": loaded.name, "higher_is_better": loaded.higher_is_better,
            "parts": {name: measure(loaded, asked, rows) for name, rows in asked["parts"].items()},
        }  # fmt: skip
    except DojoError as error:
        cause = error.__cause__
        shown = type(cause).__name__ == "ParticipantVisibleError"
        details = "" if cause is None else "".join(traceback.format_exception(cause))
        answer = {"participant": error.what} if shown else {"host": f"{error}\n{details}"}
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")


def measure(loaded: CustomMetric, asked: dict, rows: list[int]) -> dict:
    """Value, interval and influence over some of the rows."""
    truth = {name: cells(column, rows) for name, column in asked["truth"].items()}
    said: dict[str, Sequence[Any]] = {name: cells(column, rows) for name, column in asked["said"].items()}
    targets: dict[str, Any] = dict.fromkeys(name for name in truth if name != "id")  # their kinds are not looked at
    contract = Contract({}, targets, asked["kinds"], "accuracy")
    solution = [dict(zip(truth, row, strict=True)) for row in zip(*truth.values(), strict=True)]
    groups = None if asked["groups"] is None else np.asarray(asked["groups"])[rows]
    measured = loaded.measure(contract, solution, Table(said, "the submission"), groups)
    score = from_measured(
        loaded.name, measured, loaded.higher_is_better, groups=groups, draws=DRAWS, seed=asked["seed"]
    )
    return {
        "value": score.value, "low": score.low, "high": score.high, "interval": score.interval,
        "influence": base64.b64encode(score.influence.astype("<f8").tobytes()).decode(),
    }  # fmt: skip


def cells(column: dict, rows: list[int]) -> list:
    values = [column["cells"][row] for row in rows]
    return [base64.b64decode(value) for value in values] if column["bytes"] else values


if __name__ == "__main__":
    try:
        main()
    except ScoreError as error:
        sys.exit(str(error))
