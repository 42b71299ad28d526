"""Fit the floors of a task, one thread each, and give their predictions as rows of the prediction table."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from deepdojo.baselines import FLOORS, Floor, floors_for
from deepdojo.baselines.deciding import Deciding
from deepdojo.baselines.problem import Problem, Row, Unfit
from deepdojo.columns import Coded, Distributions, Numbers, Texts
from deepdojo.errors import UnknownNameError
from deepdojo.tables import Table, TableRows

__all__ = ["FloorResult", "run_floors"]

MOST_PROBABILITIES = 1000
"""Of more classes a row keeps the likeliest 100, normalised: 10,000 classes × 10,000 rows would fill the memory."""

WITHOUT_SKLEARN = ("answers", "boxes", "constant", "forecasts", "language", "masked", "tags")


@dataclass(frozen=True)
class FloorResult:
    """What one floor predicts.

    Attributes:
        predictions: one dict a test row, made when asked for: "id" and the contract's prediction columns.
        seconds: CPU seconds of fitting and predicting.
        about: what was fitted and how its settings were chosen, one sentence without a full stop.
    """

    name: str
    title: str
    predictions: TableRows
    seconds: float
    about: str


def run_floors(
    task: str,
    train_rows: Sequence[Row],
    test_rows: Sequence[Row],
    *,
    seed: int = 0,
    metric: str = "",
    validation_rows: Sequence[Row] = (),
    floors: Sequence[str] | None = None,
    progress: Callable[[str], None] | None = None,
    left_out: Callable[[str], None] | None = None,
    positive: str | None = None,
    threshold: float | str | None = None,
) -> Iterator[FloorResult]:
    """Fit and predict, one floor after the other; one that cannot use these rows is left out and `left_out` told.

    Args:
        train_rows: with targets; all that is learned is learned from these.
        test_rows: inputs only. validation_rows: with targets, they choose settings (20 rows or more).
        floors: names of `FLOORS` (default: all of the task's).
        positive, threshold: as in project.toml; a threshold by a metric is each floor's own, from its probabilities of
            the validation rows.
        progress: called with a floor's title before it is fitted. left_out: called with a sentence, title and reason.

    Raises:
        UnknownNameError: for an unknown task or floor. DataError: without training rows.
    """
    from threadpoolctl import threadpool_limits

    names = floors_for(task) if floors is None else list(floors)
    for name in names:
        if name not in floors_for(task):
            raise UnknownNameError(f"floor for {task}", name, floors_for(task))
    asked = Deciding(positive, threshold) if positive is not None and threshold is not None else None
    tested = test_rows if asked is None else [*asked.first(validation_rows), *test_rows]
    problem = Problem(task, train_rows, tested, validation_rows, seed, metric)
    say = progress or (lambda sentence: None)
    for name in names:
        floor = FLOORS[name]
        say(floor.title)
        function = _loaded(floor)
        began = time.process_time()
        try:
            with threadpool_limits(1):
                predicted, about = function(problem)
        except Unfit as error:
            if left_out is not None:
                left_out(f"{floor.title} is left out: {error}")
            continue
        seconds = time.process_time() - began
        table = _cells(problem, predicted)
        if asked is not None:
            table, about = asked.decide(problem, table, about)
        yield FloorResult(name, floor.title, table.rows(), round(seconds, 3), about)


def _loaded(floor: Floor) -> Callable[[Problem], tuple[np.ndarray | Mapping[str, Sequence[Any]], str]]:
    """The floor's function, with its libraries: threadpool_limits reaches only what is loaded; no clock runs yet."""
    if floor.module not in WITHOUT_SKLEARN:
        import_module("sklearn.ensemble" if floor.function == "boosting" else "sklearn.linear_model")
    return getattr(import_module(f"deepdojo.baselines.{floor.module}"), floor.function)


def _cells(problem: Problem, predicted: np.ndarray | Mapping[str, Sequence[Any]]) -> Table:
    """(n, K) probabilities, (n,) values, or the columns themselves -> the prediction table; of equally likely classes
    the first by name."""
    target, distribution = problem.contract.target, problem.contract.distribution
    ids = Texts(row["id"] for row in problem.test)
    if isinstance(predicted, Mapping):
        return Table({"id": ids, **predicted})
    answer, kind = next(iter(problem.contract.predictions.items()))
    if kind == "number":
        return Table({"id": ids, answer: Numbers(predicted)})
    if kind == "record":  # hidden words: what they cost, and how many were guessed
        return Table({"id": ids, answer: [{"nats": float(x), "right": int(n)} for x, n in predicted]})
    best = predicted.argmax(axis=1) if len(ids) else np.zeros(0, dtype=np.int64)
    columns: dict[str, Sequence[Any]] = {"id": ids, target: Coded(best, problem.classes)}
    if distribution is not None:
        columns[distribution] = _distributions(problem.classes, predicted)
    return Table(columns)


def _distributions(classes: Sequence[str], predicted: np.ndarray) -> Sequence[Any]:
    if len(classes) <= MOST_PROBABILITIES:
        return Distributions(classes, predicted)
    kept = MOST_PROBABILITIES // 10
    likeliest = np.sort(np.argpartition(-predicted, kept, axis=1)[:, :kept], axis=1)
    found = []
    for row, p in zip(likeliest, predicted, strict=True):
        total = p[row].sum()
        found.append({classes[k]: float(p[k] / total) for k in row})
    return found
