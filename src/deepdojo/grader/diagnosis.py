"""Why it is wrong: a known mistake is named only where it gives the learner's own numbers on every case.

Then patterns that hold on every case; else nothing. Never a guess.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from deepdojo.grader.compare import Mismatch, Pair, align, difference, largest
from deepdojo.grader.judge import STAGES, Finding, failures
from deepdojo.grader.lessons import Lesson
from deepdojo.grader.loading import as_function
from deepdojo.grader.observe import RUNS, observe
from deepdojo.grader.spec import Check, Mutant
from deepdojo.grader.truth import Asked

__all__ = ["BUDGET_S", "Mistakes", "named_mutants"]

BUDGET_S = 1.0
Fails = frozenset[tuple[str, str, int]]
_VALUES, _GRADIENTS = 1e-8, 1e-6
_LATE = ("float32", "layout", "again")


class Mistakes:
    """What the known mistakes answer to a lesson's questions: found out when first needed, kept for later verdicts."""

    def __init__(self, lesson: Lesson, check: Check, asked: Sequence[Asked]) -> None:
        self.check, self._lesson, self._asked = check, lesson, asked
        self._answers: dict[tuple[str, tuple[str, ...]], tuple[Callable[..., Any], list[dict[str, Any]]]] = {}

    def answers(self, mutant: Mutant, runs: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        """Its records, case after case: one function for all, as a learner's file is loaded once."""
        key = mutant.name, runs
        if key not in self._answers:
            self._answers[key] = as_function(self._lesson, self.check, mutant), []
        function, known = self._answers[key]
        for i, each in enumerate(self._asked):
            if i == len(known):
                known.append(observe(function, each.question, runs=runs))
            yield known[i]

    def find_out(self, wanted: Callable[[], bool]) -> None:
        """Asks them ahead, one question after the other, for as long as `wanted()` says so."""
        for mutant in self.check.mutants:
            if not mutant.slow and not mutant.near:
                answers = self.answers(mutant, RUNS[:2])
                while wanted() and next(answers, None) is not None:
                    pass


def named_mutants(
    mistakes: Mistakes,
    asked: Sequence[Asked],
    records: Sequence[Mapping[str, Any]],
    finding: Finding,
    *,
    budget_s: float = BUDGET_S,
) -> list[Mutant]:
    """The mutants that agree with the learner on every case, in the order of check.py; empty when none is known.

    Args:
        asked: the first of the questions; the learner's code answered these.
    """
    deadline = time.monotonic() + budget_s
    found: list[Mutant] = []
    tolerance = mistakes.check.tolerance
    by_failures = finding.stage in _LATE or finding.kind == "near"
    seen = failures(asked, records, tolerance) if by_failures else frozenset()
    for mutant in mistakes.check.mutants:
        if mutant.slow or time.monotonic() > deadline:
            continue
        if mutant.near and not by_failures:
            continue
        agrees = mutant.near or all(map(_agree, mistakes.answers(mutant, RUNS[:2]), records))
        if agrees and (mutant.near or finding.stage in _LATE):
            runs = list(islice(mistakes.answers(mutant, RUNS), len(asked)))
            agrees = _loses_alike(failures(asked, runs, tolerance), seen, finding)
        if agrees:
            found.append(mutant)
    return found


def _loses_alike(theirs: Fails, ours: Fails, finding: Finding) -> bool:
    """What is left of lost digits is noise, and so is a case at the bound: they agree when they fail first by the same
    stage, in the same way, and mostly in the same cases."""
    first = next((stage for stage in STAGES for s, _, _ in theirs if s == stage), None)
    if first != finding.stage:
        return False
    a, b = ({(kind, case) for s, kind, case in fails if s == finding.stage} for fails in (theirs, ours))
    return len(a & b) >= 0.5 * len(a | b)


def _agree(theirs: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    for run in ("plain", "again", "backward"):
        ours, other = record["faults"].get(run), theirs["faults"].get(run)
        if _said(ours) != _said(other):
            return False
    if (record["changed"] is None) != (theirs["changed"] is None):
        return False
    for run in ("plain", "again"):
        if (run in record) != (run in theirs) or (run in record and not _same(theirs[run], record[run], _VALUES)):
            return False
    return _same_gradients(theirs["grads"], record["grads"])


def _said(fault: Mapping[str, Any] | None) -> tuple[str, str] | None:
    """Type and message: sizes are distinct primes, so that the same words mean the same mistake."""
    return None if fault is None else (str(fault["type"]), str(fault["message"]))


def _same(expected: Any, got: Any, tolerance: float) -> bool:
    try:
        pairs = align(expected, got)
    except Mismatch:
        return False
    return all(difference(pair, tolerance * largest(pair.expected)) is None for pair in pairs)


def _same_gradients(theirs: Mapping[str, Any] | None, ours: Mapping[str, Any] | None) -> bool:
    if not theirs or not ours:
        return not theirs and not ours
    overall = max((largest(t) for t in theirs.values() if t is not None), default=0.0)
    for path, expected in theirs.items():
        got = ours.get(path)
        if expected is None or got is None:
            other = got if expected is None else expected
            if other is not None and other.any():
                return False
            continue
        allowed = _GRADIENTS * max(largest(expected), 1e-6 * overall)
        if got.shape != expected.shape or difference(Pair(path, expected, got), allowed) is not None:
            return False
    return True
