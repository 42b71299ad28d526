"""What a metric is, and the table of all. A metric gets two lists of cells; contracts say from which columns."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from deepdojo.contracts import Contract, KindName
from deepdojo.data.rowset import column
from deepdojo.errors import ScoreError, UnknownNameError
from deepdojo.scoring.measured import Measured
from deepdojo.tables import Table, check_cells

__all__ = [
    "METRICS", "Columns", "Metric", "columns_of", "metric", "metric_of", "metrics_for", "same_length", "truth_cells",
]  # fmt: skip

Columns = tuple[str, str]
Function = Callable[[Sequence[Any], Sequence[Any]], Measured]


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: as it stands in `project.toml`.
        summary: the first line of its docstring.
        truth, predicted: the kinds of the two columns that it compares.
        beside: the kind of a second target column, of which the metric needs the row's cell too: its truth cells are
            then pairs. None: the target alone.
        higher_is_better: the direction.
        unit: "fraction", "nats", "bits", "words", "points" (0 to 100), or "target" (the unit of the target column).
        goal: when to choose it, half a sentence.
        title: its name in running text, where that is more than the name with blanks.
        percent: a fraction that people read in per cent.
        function: (truth cells, predicted cells) -> Measured.
        ordered: it judges tasks whose labels have an order, and no others.
        positive: it asks for one label of two, the contract's `positive`: its truth cells are then pairs of the
            label and that one.
        several: of a truth of kind "text": several right answers (texts) may stand in its place; `function` gets the
            cells as they are.
        signature: how others call exactly this computation, where it has a name.
        reads: it judges tasks whose input is of this kind, and no others. None: all.
    """

    name: str
    summary: str
    truth: KindName
    predicted: KindName
    higher_is_better: bool
    unit: str
    goal: str
    function: Function = field(repr=False)
    title: str = ""
    percent: bool = False
    ordered: bool = False
    beside: KindName | None = None
    several: bool = False
    signature: str = ""
    reads: KindName | None = None
    positive: bool = False

    def __call__(self, truth: Sequence[Any], predicted: Sequence[Any]) -> Measured:
        same_length(truth, predicted)
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # a value of infinity is a sentence of `score`, not a warning
            measured = self.function(truth, predicted)
        if not isinstance(measured, Measured):
            raise ScoreError(
                f"the metric {self.name} gives {type(measured).__name__}, not Measured",
                where=self.function.__code__.co_filename, todo="return from_mean(...) or another form of measured.py",
            )  # fmt: skip
        return measured


METRICS: dict[str, Metric] = {}


def metric(
    *,
    truth: KindName,
    predicted: KindName,
    higher_is_better: bool,
    unit: Literal["fraction", "nats", "bits", "words", "points", "target"] = "fraction",
    goal: str = "",
    title: str = "",
    percent: bool = False,
    ordered: bool = False,
    beside: KindName | None = None,
    several: bool = False,
    signature: str = "",
    reads: KindName | None = None,
    positive: bool = False,
) -> Callable[[Function], Metric]:
    """Register a function (truth cells, predicted cells) -> Measured under its own name.

    The arguments are written as literals: `deepdojo.report.metric_facts` reads them from the source.

    Example:
        @metric(truth="number", predicted="number", higher_is_better=False, unit="target", goal="the worst miss counts")
        def median_error(truth, predicted): ...
    """

    kinds = get_args(KindName)
    for kind in (truth, predicted, beside, reads):
        if kind is not None and kind not in kinds:
            raise UnknownNameError("kind of cells", kind, kinds, where="@metric")

    def register(function: Function) -> Metric:
        summary = (inspect.getdoc(function) or "").split("\n", 1)[0]
        made = Metric(
            function.__name__,
            summary,
            truth,
            predicted,
            higher_is_better,
            unit,
            goal,
            function,
            title,
            percent,
            ordered,
            beside,
            several,
            signature,
            reads,
            positive,
        )
        METRICS[made.name] = made
        return made

    return register


def metric_of(name: str) -> Metric:
    """A metric by its name. Raises UnknownNameError with the nearest one."""
    if name not in METRICS:
        raise UnknownNameError("metric", name, METRICS)
    return METRICS[name]


def metrics_for(contract: Contract) -> dict[str, Columns]:
    """The metrics whose kinds the contract has, each with (target column, prediction column); the default first."""
    found = {name: columns for name, entry in METRICS.items() if (columns := _match(contract, entry)) is not None}
    return {name: found[name] for name in sorted(found, key=lambda name: (name != contract.metric, name))}


def columns_of(contract: Contract, metric: str | Metric) -> Columns:
    """The (target column, prediction column) that a metric compares. Raises ScoreError when the contract has none."""
    entry = metric_of(metric) if isinstance(metric, str) else metric
    columns = _match(contract, entry)
    if columns is None and entry.positive and _first(contract.targets, entry.truth) is not None:
        raise ScoreError(
            f"{entry.name} is about one of two labels, and the project does not say which",
            todo="write positive = LABEL in project.toml",
        )
    if columns is None:
        fitting = ", ".join(metrics_for(contract))
        what = f"the metric {entry.name} compares {entry.truth} with {entry.predicted}, which this task does not have"
        raise ScoreError(what, todo=f"take one of: {fitting}")
    return columns


def truth_cells(contract: Contract, metric: Metric, rows: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
    """What a metric gets as truth: the target's cells, or pairs of them with the cells of the column beside it, or with
    the positive label.

    Raises:
        ScoreError: a cell beside the target is not of its kind.
    """
    cells = column(rows, columns_of(contract, metric)[0])
    if metric.positive:
        return [(cell, contract.positive) for cell in cells]
    if metric.beside is None:
        return cells
    name = _first(contract.targets, metric.beside)
    assert name is not None
    check_cells(Table({"id": column(rows, "id"), name: column(rows, name)}, "the solution"), {name: metric.beside})
    return list(zip(cells, column(rows, name), strict=True))


def same_length(truth: Sequence[Any], predicted: Sequence[Any]) -> None:
    """Raises ScoreError when there are no rows or the two lists differ in length."""
    if len(truth) != len(predicted):
        raise ScoreError(f"there are {len(truth)} answers and {len(predicted)} predictions")
    if not len(truth):
        raise ScoreError("there is no row to score", todo="the held-out part must have at least one row")


def numbers(cells: Sequence[Any]) -> np.ndarray:
    """(n,) float64 of number cells. Raises ScoreError when one is not finite."""
    values = np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise ScoreError(f"{cells[row]!r} is not a finite number", where=f"row {row + 1}")
    return values


def _match(contract: Contract, entry: Metric) -> Columns | None:
    if (entry.ordered and not contract.ordered) or entry.reads not in (None, contract.input_kind):
        return None
    if entry.positive and contract.positive is None:
        return None
    target, prediction = _first(contract.targets, entry.truth), _first(contract.predictions, entry.predicted)
    if target is None and entry.several:
        target = _first(contract.targets, "texts")
    lacking = entry.beside is not None and _first(contract.targets, entry.beside) is None
    return None if target is None or prediction is None or lacking else (target, prediction)


def _first(columns: Mapping[str, KindName], kind: KindName) -> str | None:
    return next((name for name, own in columns.items() if own == kind), None)
