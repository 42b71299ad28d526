"""The held-out rows that a run got most wrong, as a list."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from deepdojo.boxes import SURE
from deepdojo.data.rowset import ById
from deepdojo.errors import RunError
from deepdojo.runs import Run
from deepdojo.session.examples import readable, worst_rows
from deepdojo.session.finish import row_losses
from deepdojo.session.listener import Listener
from deepdojo.session.start import recorded_data, session_of

__all__ = ["worst_held_out"]


def worst_held_out(
    run: Run, listener: Listener, *, count: int, offline: bool = False, trust: bool = False
) -> list[dict[str, Any]]:
    """Of each row: id, file, line, truth, predicted, the probability of what was predicted, loss, text.

    Raises:
        RunError: the run has no score, or of its task no row is an error by itself.
    """
    contract = run.contract
    if run.score["value"] is None:
        raise RunError("the run has no score, so no errors are known", where=run.id, todo="train without "
                       "--validation-only")  # fmt: skip
    if contract.host_run:
        raise RunError(f"of {run.info['task']} no row is an error by itself", where=run.id, todo="see its report")
    dataset = recorded_data(run, trust=trust, offline=offline)
    session = session_of(run, dataset, listener=listener, started=time.monotonic(), trust=trust, budget_s=None)
    cells = ById(run.predictions().rows())
    truth = [row for row in dataset.truth("test") if row["id"] in cells]
    losses = row_losses(session.judge, truth, cells.rows)
    kind, target, answer = contract.target_kind, contract.target, contract.answer
    wrong = np.ones(len(truth), dtype=bool)
    if kind == contract.answer_kind and (kind in ("label", "labels", "tokens") or contract.verbatim):
        wrong = np.array([_parts(cells[row["id"]][answer]) != _parts(row[target]) for row in truth], dtype=bool)
    inputs, found = ById(dataset.rows("test")), []
    for at in worst_rows(losses, wrong, count):
        row = truth[at]
        own = cells[row["id"]]
        said = own[answer]
        if contract.answer_kind == "boxes":  # all that a person would be shown
            said = [box for box in said if box[1] >= SURE]
        file, line = dataset.where(row["id"])
        sure = own[contract.distribution].get(own[answer]) if contract.distribution is not None else None
        cell = inputs[row["id"]][contract.input]
        text = readable(cell, contract.input_kind) if contract.input_kind in ("text", "tokens", "texts") else ""
        found.append({
            "id": row["id"], "file": file, "line": line, "truth": readable(row[target], kind),
            "predicted": readable(said, contract.answer_kind), "probability": sure, "loss": float(losses[at]),
            "text": str(text),
        })  # fmt: skip
    return found


def _parts(cell: Any) -> Any:
    return cell if isinstance(cell, str) else sorted(cell) if isinstance(cell, list | tuple) else cell
