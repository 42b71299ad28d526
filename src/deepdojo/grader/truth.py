"""The grader's side of a case: what the oracle answers, and how far float32 may be from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from deepdojo.grader.compare import Mismatch, Pair, align, largest
from deepdojo.grader.draws import map_tensors, tensors_in
from deepdojo.grader.observe import call, observe, to_dtype
from deepdojo.grader.spec import Check, Drawn, LessonError

__all__ = ["Asked", "ask"]

_JIGGLES = 4
_EPS32, _EPS64 = torch.finfo(torch.float32).eps, torch.finfo(torch.float64).eps


@dataclass
class Asked:
    """A drawn case with its question (all that a learner's process gets) and its answer.

    Attributes:
        question: see `observe`.
        record: the oracle's.
        scale: the largest input.
    """

    drawn: Drawn
    question: dict[str, Any]
    record: dict[str, Any]
    scale: float
    _oracle: Callable[..., Any]
    _bounds: tuple[Any, dict[str, float]] | None = field(default=None, repr=False)
    _rounding: tuple[dict[str, float], dict[str, float]] | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        return self.drawn.case.name

    def float32(self) -> tuple[Any, dict[str, float]]:
        """The truth on inputs rounded to float32, and for each leaf how far from it an answer may be.

        8 x max(torch's own float32 error, effect of jiggling the inputs by one float32 rounding) + 32 eps x largest.
        The jiggle is what an honest two-pass mean at 10,000 needs: torch accumulates wider than its inputs.
        """
        if self._bounds is None:
            self._bounds = _float32_bounds(self._oracle, self.question["arguments"])
        return self._bounds

    def rounding(self) -> tuple[dict[str, float], dict[str, float]]:
        """8 x what one float64 rounding of the inputs does to each answer, and to each gradient.

        Asked for only where an answer is nearly right: two close numbers at 10,000 leave an honest normalisation fewer
        digits than the tolerance wants.
        """
        if self._rounding is None:
            self._rounding = _float64_rounding(self._oracle, self.question, self.record)
        return self._rounding


def ask(check: Check, drawn: Drawn, *, runs_from: int | None = None) -> Asked:
    """Calls the oracle. Raises LessonError where it fails.

    Args:
        runs_from: the seed of what oracle and learner draw themselves; None: that of the case.
    """
    names = list(check._order)
    positional = check.positional(drawn.arguments)
    arguments = dict(zip(names, positional, strict=False))
    try:
        value = call(check.oracle, map_tensors(arguments, lambda _, t: t.clone()))
    except Exception as error:
        what = f"the oracle fails on case {drawn.case.name!r}: {type(error).__name__}: {error}"
        raise LessonError(what, where="check.py") from error
    grads = drawn.grads if check.gradient else ()
    question = {
        "arguments": arguments,
        "grads": list(grads),
        "cotangents": _cotangents(value, drawn.seed) if grads else {},
        "float32": check.float32 and drawn.case.float32,
        "layout": check.layout,
        "seed": drawn.seed if runs_from is None else runs_from,
    }
    record = observe(check.oracle, question, runs=("plain", "again"))
    if record["faults"]:
        raise LessonError(
            f"the oracle has no gradient on case {drawn.case.name!r}: {record['faults']}", where="check.py"
        )
    scale = max((largest(t) for t in tensors_in(arguments).values()), default=1.0)
    return Asked(drawn, question, record, max(scale, 1.0), check.oracle)


def _cotangents(value: Any, seed: int) -> dict[str, Tensor]:
    gen = torch.Generator().manual_seed(seed + 77)
    return {
        path: torch.randn(t.shape, generator=gen, dtype=torch.float64)
        for path, t in tensors_in(value).items()
        if t.is_floating_point()
    }


def _float32_bounds(oracle: Callable[..., Any], arguments: dict[str, Any]) -> tuple[Any, dict[str, float]]:
    rounded = map_tensors(arguments, to_dtype)
    wide = map_tensors(rounded, lambda p, t: to_dtype(p, t, torch.float64))
    truth = call(oracle, map_tensors(wide, lambda _, t: t.clone()))
    gen = torch.Generator().manual_seed(1)

    moved = [map_tensors(wide, lambda _, t: _jiggled(t, _EPS32, gen)) for _ in range(_JIGGLES)]
    others = [call(oracle, each) for each in (rounded, *moved)]
    bounds: dict[str, float] = {}
    for other in others:
        for pair in _pairs(truth, other):
            bounds[pair.path] = max(bounds.get(pair.path, 0.0), 8 * _error(pair))
    for pair in align(truth, truth):
        bounds[pair.path] = bounds.get(pair.path, 0.0) + 32 * _EPS32 * largest(pair.expected)
    return truth, bounds


def _float64_rounding(
    oracle: Callable[..., Any], question: dict[str, Any], record: dict[str, Any]
) -> tuple[dict[str, float], dict[str, float]]:
    gen = torch.Generator().manual_seed(2)
    values: dict[str, float] = {}
    grads: dict[str, float] = {}
    for _ in range(_JIGGLES):
        moved = {**question, "arguments": map_tensors(question["arguments"], lambda _, t: _jiggled(t, _EPS64, gen))}
        other = observe(oracle, moved, runs=("plain", "again"))
        for pair in _pairs(record["plain"], other["plain"]):
            values[pair.path] = max(values.get(pair.path, 0.0), 8 * _error(pair))
        for path, expected in (record["grads"] or {}).items():
            found = (other["grads"] or {}).get(path)
            if expected is not None and found is not None:
                grads[path] = max(grads.get(path, 0.0), 8 * _error(Pair(path, expected, found)))
    return values, grads


def _pairs(truth: Any, moved: Any) -> list[Pair]:
    """None where the last digits of the inputs decide how much is returned: no leaf says how far another may be."""
    try:
        return align(truth, moved, dtypes=False)
    except Mismatch:
        return []


def _jiggled(t: Tensor, eps: float, gen: torch.Generator) -> Tensor:
    if not t.is_floating_point():
        return t.clone()
    return t * (1 + eps * (2 * torch.rand(t.shape, generator=gen, dtype=t.dtype) - 1))


def _error(pair: Pair) -> float:
    if not isinstance(pair.expected, Tensor):
        return largest(float(pair.expected) - float(pair.got)) if isinstance(pair.expected, float) else 0.0
    if not pair.expected.is_floating_point():
        return 0.0
    return largest(pair.expected.double() - pair.got.double())
