"""A user's metric: a Python file with Kaggle's signature, run only with consent.

    def score(solution, submission, row_id_column_name: str, **options) -> float

pandas is not a dependency. A file that imports it gets data frames and needs pandas installed; any other file gets
`Frame`, the mapping part of a data frame: `frame["label"]` is a numpy array, `del frame["id"]`, `len(frame)`,
`frame.columns`.
"""

from __future__ import annotations

import ast
import inspect
import math
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.contracts import Contract
from deepdojo.errors import ConsentError, ScoreError, UnknownNameError
from deepdojo.scoring.measured import Measured, group_index
from deepdojo.scoring.score import Score, from_measured
from deepdojo.tables import Table, align, check_cells

__all__ = ["DRAWS", "CustomMetric", "Frame", "load_metric", "score_with_file"]

DRAWS = 200  # each resample is one call of somebody's function
_BLOCKS = 500  # calls that the influence may cost


class Frame:
    """Columns by name, as numpy arrays: what a metric needs of a data frame."""

    def __init__(self, columns: Mapping[str, np.ndarray]) -> None:
        self._columns = dict(columns)

    @property
    def columns(self) -> list[str]:
        return list(self._columns)

    def __getitem__(self, name: str) -> np.ndarray:
        return self._columns[name]

    def __setitem__(self, name: str, values: Any) -> None:
        self._columns[name] = np.asarray(values)

    def __delitem__(self, name: str) -> None:
        del self._columns[name]

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(next(iter(self._columns.values()), ()))


@dataclass(frozen=True)
class CustomMetric:
    """A loaded metric file.

    Attributes:
        higher_is_better: the file's `HIGHER_IS_BETTER`, else True (as on Kaggle, the file itself need not say it).
        pandas: the file imports pandas and gets data frames.
    """

    name: str
    path: Path
    function: Any = field(repr=False)
    higher_is_better: bool
    pandas: bool
    options: Mapping[str, Any]

    def value(self, solution: Mapping[str, np.ndarray], submission: Mapping[str, np.ndarray]) -> float:
        """One call. Raises ScoreError: the text of a ParticipantVisibleError, or what went wrong."""
        frames = [self._frame(columns) for columns in (solution, submission)]
        try:
            found = float(self.function(frames[0], frames[1], "id", **self.options))
        except (Exception, SystemExit) as error:  # somebody else's code may raise anything
            raise self._fault(error) from error
        if not math.isfinite(found):
            raise ScoreError(f"the metric gave {found}", where=self.path.name, todo="return a finite number")
        return found

    def measure(
        self, contract: Contract, solution: Sequence[Mapping[str, Any]], table: Table, groups: np.ndarray | None = None
    ) -> Measured:
        """Align, check and wrap: a weighting repeats rows, so only whole counts can be asked for."""
        ids = [str(row["id"]) for row in solution]
        lined_up = align(ids, table)
        check_cells(lined_up, {name: kind for name, kind in contract.predictions.items() if name in lined_up.columns})
        truth = {"id": _array(ids), **{name: _array([row[name] for row in solution]) for name in contract.targets}}
        said = {name: _array(cells) for name, cells in lined_up.columns.items()}
        base = self.value(truth, said)

        def value_at(weights: np.ndarray) -> np.ndarray:
            return np.array([self._resampled(truth, said, row, base) for row in weights])

        index = group_index(groups, len(ids))
        return Measured(
            value_at, len(ids), influence_of=lambda: self._influence(truth, said, base, index), max_draws=DRAWS
        )

    def _resampled(
        self, truth: Mapping[str, np.ndarray], said: Mapping[str, np.ndarray], weights: np.ndarray, base: float
    ) -> float:
        if np.all(weights == 1):
            return base
        picks = np.repeat(np.arange(len(weights)), np.rint(weights).astype(int))
        fresh = {"id": _array([str(i) for i in range(len(picks))])}  # a row drawn twice must not look like a doubled id
        try:
            return self.value(
                {name: cells[picks] for name, cells in truth.items()} | fresh,
                {name: cells[picks] for name, cells in said.items()} | fresh,
            )
        except ScoreError:
            return math.nan  # undefined on this resample (one class left): it is left out of the interval

    def _influence(
        self, truth: Mapping[str, np.ndarray], said: Mapping[str, np.ndarray], base: float, index: np.ndarray | None
    ) -> np.ndarray:
        """Leave-one-out in at most 500 calls: above that blocks of rows, or of whole groups, are left out together.

        A block's influence stands on its first row alone: sums and sums of squares over rows, which paired tests take,
        are then those of the blocks. Spread over the block's rows, one number would count as many.
        """
        unit = np.arange(len(truth["id"])) if index is None else index
        units = int(unit.max()) + 1
        shuffled = np.random.default_rng(0).permutation(units)  # rows may be sorted; equal for all entries: paired
        block = (shuffled * min(units, _BLOCKS) // units)[unit]
        out = np.zeros(len(unit))
        for b in range(block.max() + 1):
            inside = block == b
            size = np.count_nonzero(inside)
            if size < len(unit):
                without = self._resampled(truth, said, (~inside).astype(float), base)
                if math.isfinite(without):
                    out[np.flatnonzero(inside)[0]] = (len(unit) - size) * (base - without)
        return out - out.mean()

    def _frame(self, columns: Mapping[str, np.ndarray]) -> Any:
        if not self.pandas:
            return Frame({name: cells.copy() for name, cells in columns.items()})
        import pandas

        return pandas.DataFrame(dict(columns))

    def _fault(self, error: BaseException) -> ScoreError:
        if type(error).__name__ == "ParticipantVisibleError":
            return ScoreError(str(error), where=self.path.name)
        todo = "import pandas in it if it needs data frames" if not self.pandas else "mend the metric file"
        return ScoreError(f"the metric raised {type(error).__name__} ({error})", where=self.path.name, todo=todo)


def load_metric(path: Path | str, *, trusted: bool, options: Mapping[str, Any] | None = None) -> CustomMetric:
    """Load a metric file.

    Args:
        trusted: somebody agreed that the file's code runs here.
        options: further keyword arguments of its `score`.

    Raises:
        ConsentError: without consent.
        ScoreError: when the file is missing, does not run, has no `score`, or needs pandas where there is none.
        UnknownNameError: for an option that `score` does not take.
    """
    path = Path(path)
    if not trusted:
        raise ConsentError("this metric is code that would run here", where=str(path), todo="read it, then add --trust")
    try:
        source = path.read_bytes()
    except OSError as error:
        raise ScoreError(f"the metric file cannot be read ({error.strerror})", where=str(path)) from error
    module = _run(path, source)
    function = getattr(module, "score", None)
    if not callable(function):
        raise ScoreError(
            "the metric file has no function score",
            where=path.name,
            todo="define score(solution, submission, row_id_column_name)",
        )
    options = dict(options or {})
    _check_options(function, options, path)
    higher = bool(getattr(module, "HIGHER_IS_BETTER", True))
    return CustomMetric(f"python:{path.name}", path, function, higher, _imports_pandas(source), options)


def score_with_file(
    path: Path | str,
    contract: Contract,
    solution: Sequence[Mapping[str, Any]],
    table: Table,
    *,
    trusted: bool,
    groups: np.ndarray | None = None,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Score:
    """`score` by a user's metric file, the interval over 200 resamples. Raises as `load_metric` does."""
    loaded = load_metric(path, trusted=trusted, options=options)
    measured = loaded.measure(contract, solution, table, groups)
    return from_measured(loaded.name, measured, loaded.higher_is_better, groups=groups, draws=DRAWS, seed=seed)


def _run(path: Path, source: bytes) -> types.ModuleType:
    """Execute the file as a module of its own name; no __pycache__ is written beside it."""
    module = types.ModuleType(f"deepdojo_metric_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses inside the file look their module up
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "pandas":
            todo = "install it with pip install pandas, or write the metric without it"
            raise ScoreError("the metric needs pandas, which is not installed", where=path.name, todo=todo) from error
        raise ScoreError(f"the metric needs {error.name}, which is not installed", where=path.name) from error
    except (Exception, SystemExit) as error:  # somebody else's code may raise anything
        raise ScoreError(f"the metric file does not run ({type(error).__name__}: {error})", where=path.name) from error
    return module


def _imports_pandas(source: bytes) -> bool:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return any(name.split(".")[0] == "pandas" for name in names)


def _check_options(function: Any, options: Mapping[str, Any], path: Path) -> None:
    parameters = list(inspect.signature(function).parameters.values())
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    known = [p.name for p in parameters[3:]]
    for name in options:
        if name not in known:
            raise UnknownNameError("option", name, known, where=path.name)


def _array(cells: Sequence[Any]) -> np.ndarray:
    """A column: float64 for numbers, else objects (labels, distributions), as pandas would hold them."""
    if cells and all(isinstance(cell, int | float) for cell in cells):
        return np.array(cells, dtype=np.float64)
    out = np.empty(len(cells), dtype=object)
    out[:] = list(cells)
    return out
