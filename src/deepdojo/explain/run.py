"""Explanations of a run's decisions on held-out rows, and the test of each method. Knows no task by name."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from deepdojo.errors import DataError, UnknownNameError
from deepdojo.explain.attention_rollout import rollout
from deepdojo.explain.deletion import LEAST_UNITS, Deletion, delete, gap
from deepdojo.explain.evidence import MAX_UNITS, OutOfTime, Probe, evaluation
from deepdojo.explain.occlusion import occlusion
from deepdojo.explain.own_functions import area_under_deletion, gradients
from deepdojo.tasks.base import Row, Task

__all__ = ["METHODS", "explain_rows"]


@dataclass(frozen=True)
class Method:
    """A way to score pieces.

    Attributes:
        score: a probe's scores (P,) and the number of passes, or None where the method has no meaning for the model.
        complete: whether scores shall sum to what all pieces carry together; the error is then reported.
        silent: a model that it has no meaning for is no news.
    """

    title: str
    score: Callable[[Probe], tuple[np.ndarray, int] | None]
    complete: bool
    silent: bool = False


METHODS: Mapping[str, Method] = {
    "occlusion": Method("occlusion", occlusion, complete=False),
    "integrated_gradients": Method("integrated gradients", gradients, complete=True),
    "attention_rollout": Method("attention rollout", rollout, complete=False, silent=True),
}
NOTHING_TO_DELETE = "decisions of this task cannot be explained by deleting parts: no part has an empty value"
EXTRA_FRAC = 0.25
LOOKED_AT = 10
LARGE_ENTRIES = 100_000
LARGE_ROWS = 10
"""Rows of more entries than that, such as pictures with boxes, take seconds each: so many of them are explained. Ten
decide a paired test at p = 0.002, and a clock would give other rows each time."""


def explain_rows(
    task: Task,
    model: nn.Module,
    rows: Sequence[Row],
    cells: Mapping[str, Mapping[str, Any]],
    *,
    device: torch.device | str,
    seed: int = 0,
    n: int = 20,
    methods: Sequence[str] | None = None,
    truth: Mapping[str, Row] | None = None,
    progress: Callable[[int, int], None] | None = None,
    time_s: float | None = None,
    max_units: int = MAX_UNITS,
) -> dict[str, Any]:
    """What each of some held-out decisions rests on, and whether that beats a random order.

    The deletion gap is measured on a plain seeded sample of `n` rows with at least three pieces, at most `LARGE_ROWS`
    where a row has more than `LARGE_ENTRIES` entries. Where `truth` is given
    and less than a quarter of `n` are right, or wrong, further rows of that kind are explained: to be shown, they do
    not enter the gap.

    Args:
        rows: held-out rows with the contract's inputs; targets are not read.
        cells: id -> the model's predicted cells; rows without any are left out.
        methods: names of `METHODS`, all by default.
        truth: id -> the row's targets, used for that choice alone.
        time_s: no pass of the model is begun later than this many seconds after the call; a row that is not finished
            then is left out.
        max_units: a text with more pieces is deleted in half as many spans, whose pieces share their score equally.

    Returns:
        explanations/index.json: rows_n, summary (a method each: gap, low, high, p, random_gap, random_low, random_high,
        n, passes of one example in all, seconds, the gap of exp(evidence) as bounded_gap, bounded_low, bounded_high,
        by a learner's `deletion_auc` its mean, and where scores shall sum to what the pieces carry, the median
        relative completeness_error),
        items (a row and method each; `counted` where the row is in the gap), looks (of each row where the model looked
        in the picture for each part of its answer, if it does), selection (rows: how many, right, wrong,
        extra to the gap), skipped (reason -> rows), notes (sentences for the user). A summary needs two rows.
        Equal seeds give equal results but for the seconds.

    Raises:
        UnknownNameError: a method that does not exist.
    """
    chosen = list(METHODS) if methods is None else list(methods)
    for name in chosen:
        if name not in METHODS:
            raise UnknownNameError("explanation method", name, METHODS)
    if not task.blank:
        return {"rows_n": 0, "summary": [], "items": [], "skipped": {}, "notes": [NOTHING_TO_DELETE],
                "selection": {"rows": 0, "right": 0, "wrong": 0, "extra": 0}}  # fmt: skip
    tallies = {name: _Tally() for name in chosen}
    session = _Session(task, model, cells, torch.device(device), seed, n, max_units, tallies)
    session.ends = math.inf if time_s is None else time.perf_counter() + time_s
    order = np.random.default_rng(seed).permutation(len(rows))

    def known(row: Row) -> bool | None:
        return _is_right(task, truth, row["id"], cells.get(row["id"]))

    with torch.inference_mode(False), evaluation(model):
        session.sample([rows[i] for i in order[: LOOKED_AT * n]], known, progress)
        for wanted in (False, True):
            session.add((row for i in order if known(row := rows[i]) is wanted), wanted)
    return session.result()


def _is_right(task: Task, truth: Mapping[str, Row] | None, key: str, cells: Mapping[str, Any] | None) -> bool | None:
    """Whether the answer is right; None where that is a matter of degree, or no truth is at hand."""
    if truth is None or key not in truth or cells is None or task.contract.host_run:
        return None
    return task.contract.met(truth[key], cells)


@dataclass
class _Tally:
    """What a method cost."""

    passes: int = 0
    seconds: float = 0.0
    errors: list[float] = field(default_factory=list)
    areas: list[float] = field(default_factory=list)


@dataclass
class _Session:
    task: Task
    model: nn.Module
    cells: Mapping[str, Mapping[str, Any]]
    device: torch.device
    seed: int
    n: int
    max_units: int
    tallies: dict[str, _Tally]
    deletions: list[Deletion] = field(default_factory=list)
    items: list[dict[str, Any]] = field(default_factory=list)
    looks: list[dict[str, Any]] = field(default_factory=list)
    rights: dict[str, bool | None] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    tried: set[str] = field(default_factory=set)
    ends: float = math.inf
    stopped: bool = False

    def sample(
        self,
        order: Sequence[Row],
        known: Callable[[Row], bool | None],
        progress: Callable[[int, int], None] | None,
    ) -> None:
        """Explain and test the first `n` rows of `order` that can be."""
        for row in order:
            if len(self.deletions) >= self.n or self._late():
                return
            if not self.explained_in_time(row, known(row), counted=True):
                return
            if progress is not None:
                progress(len(self.deletions), self.n)

    def add(self, candidates: Iterable[Row], wanted: bool) -> None:
        """Explain further rows until a quarter of `n` is right (or wrong)."""
        least = round(self.n * EXTRA_FRAC)
        for row in candidates:
            if sum(right is wanted for right in self.rights.values()) >= least or self._late():
                return
            if row["id"] not in self.tried and not self.explained_in_time(row, wanted, counted=False):
                return

    def _late(self) -> bool:
        self.stopped = self.stopped or time.perf_counter() > self.ends
        return self.stopped

    def explained_in_time(self, row: Row, right: bool | None, *, counted: bool) -> bool:
        """`explain`; False, and nothing of the row kept, where time ended within it."""
        before = {
            name: replace(tally, errors=[*tally.errors], areas=[*tally.areas]) for name, tally in self.tallies.items()
        }
        try:
            self.explain(row, right, counted=counted)
        except OutOfTime:
            self.stopped, self.tallies = True, {name: before[name] for name in self.tallies}
        return not self.stopped

    def explain(self, row: Row, right: bool | None, *, counted: bool) -> None:
        """Scores of one row by all methods, and, if `counted`, its deletion test."""
        self.tried.add(row["id"])
        probe = self._probe(row)
        if probe is None:
            return
        if probe.entries > LARGE_ENTRIES and self.n > LARGE_ROWS:
            self.n = LARGE_ROWS
            self._note(f"rows of more than {LARGE_ENTRIES:,} numbers take long: {LARGE_ROWS} are tested")
        evidence, blank = map(float, probe.after(np.repeat([[False], [True]], probe.units, axis=1)))
        scores = self._scores(probe, evidence - blank)
        if not np.isfinite([evidence, blank]).all() or not all(np.isfinite(values).all() for values in scores.values()):
            self._skip("the evidence is not finite")
            return
        if counted:
            self._test(probe, scores)
        if probe.units < len(probe.labels):
            self._note(f"texts of more than {self.max_units} words are deleted in spans of neighbouring words")
        if probe.others[1] > 0:
            self._note("of a row that is read in several parts the first one is explained")
        self.rights[row["id"]] = right
        kind = self.task.contract.input_kind
        for method, values in scores.items():
            item = {"id": row["id"], "method": method, "kind": kind, "pieces": probe.labels}
            item |= _size(probe, self.task, row) | {
                "scores": values.tolist(),
                "evidence": evidence,
                "blank": blank,
                "counted": counted,
            }
            self.items.append(item)
        looks = self.task.looks(self.model, probe.batch)
        if looks:
            parts = [{"part": look.part, "weights": np.round(look.weights, 5).tolist()} for look in looks]
            self.looks.append({"id": row["id"], "parts": parts})

    def _probe(self, row: Row) -> Probe | None:
        """The row's probe, or None with the reason counted."""
        if row["id"] not in self.cells:
            self._skip("no prediction")
            return None
        try:
            probe = Probe.of(
                self.task, self.model, row, self.cells[row["id"]], self.device, max_units=self.max_units, ends=self.ends
            )
        except DataError:
            self._skip("cannot be read")
            return None
        if probe is None:
            self._skip("the prediction cannot stand as a truth")
        elif probe.units < LEAST_UNITS:
            self._skip(f"fewer than {LEAST_UNITS} pieces")
        else:
            return probe
        return None

    def _scores(self, probe: Probe, carried: float) -> dict[str, np.ndarray]:
        """Method -> (P,), given the evidence that all pieces carry together.

        A method that has no meaning for the model is dropped for good, and said.
        """
        scores: dict[str, np.ndarray] = {}
        for name in list(self.tallies):
            method = METHODS[name]
            began = time.perf_counter()
            found = method.score(probe)
            if found is None:
                del self.tallies[name]
                self.items = [item for item in self.items if item["method"] != name]
                if not method.silent:
                    self._note(f"{method.title} is left out: this model reads whole numbers without a look-up module")
                continue
            scores[name] = found[0]
            tally = self.tallies[name]
            tally.passes += found[1]
            tally.seconds += time.perf_counter() - began
            if method.complete and carried != 0:
                tally.errors.append(abs(float(found[0].sum()) - carried) / abs(carried))
        return scores

    def _test(self, probe: Probe, scores: Mapping[str, np.ndarray]) -> None:
        # A row's thirds depend on its place in the sample alone: a method added or removed moves no other figure.
        generator = np.random.default_rng([self.seed, 2, len(self.deletions)])
        sums = {name: probe.sums(values) for name, values in scores.items()}
        for name, values in sums.items():
            area = area_under_deletion(probe, values)
            if area is not None:
                self.tallies[name].areas.append(area)
        self.deletions.append(delete(probe, sums, generator))

    def _skip(self, reason: str) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + 1

    def _note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)

    def result(self) -> dict[str, Any]:
        counted = len(self.deletions)
        if self.stopped:
            self._note(f"the time for explanations ended after {len(self.rights)} rows")
        if counted == 1:
            self._note("one row is too few for a deletion gap with an interval")
        rights = list(self.rights.values())
        return {
            "rows_n": counted,
            "summary": [self._summary(name, tally) for name, tally in self.tallies.items()] if counted > 1 else [],
            "items": self.items,
            "looks": self.looks,
            "selection": {
                "rows": len(rights),
                "right": sum(right is True for right in rights),
                "wrong": sum(right is False for right in rights),
                "extra": len(rights) - counted,
            },
            "skipped": self.skipped,
            "notes": self.notes,
        }

    def _summary(self, name: str, tally: _Tally) -> dict[str, Any]:
        own, random = gap(self.deletions, name, seed=self.seed), gap(self.deletions, None, seed=self.seed)
        bounded = gap([d.bounded for d in self.deletions if d.bounded is not None], name, seed=self.seed)
        return {
            "method": name,
            "title": METHODS[name].title,
            "gap": own.value,
            "low": own.low,
            "high": own.high,
            "p": own.p,
            "random_gap": random.value,
            "random_low": random.low,
            "random_high": random.high,
            "bounded_gap": bounded.value,
            "bounded_low": bounded.low,
            "bounded_high": bounded.high,
            "n": len(self.deletions),
            "passes": tally.passes,
            "seconds": tally.seconds,
            **({"completeness_error": float(np.median(tally.errors))} if tally.errors else {}),
            **({"deletion_auc": float(np.mean(tally.areas))} if tally.areas else {}),
        }


def _size(probe: Probe, task: Task, row: Row) -> dict[str, Any]:
    """Height and width of what boxes are drawn on; nothing for other pieces."""
    if not isinstance(probe.labels[0], list):
        return {}
    canvas = task.canvas(row, {})
    if canvas is not None:
        return {"size": list(canvas)}
    entry = next(iter(probe.owner))
    return {"size": list(probe.batch[entry].shape[-2:])}
