"""From records to the first failure: stages in order, cheap first, each over all cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor

from deepdojo.grader.compare import (
    NOISE,
    Difference,
    Mismatch,
    Pair,
    align,
    allowed_float64,
    difference,
    largest,
)
from deepdojo.grader.draws import map_tensors, tensors_in
from deepdojo.grader.truth import Asked

__all__ = ["GRADIENT_TOLERANCE", "STAGES", "Finding", "failures", "first_failure"]

STAGES = (
    "parse", "name", "call", "forbidden", "input", "structure", "value", "gradient", "float32", "layout", "again",
    "speed",
)  # fmt: skip
GRADIENT_TOLERANCE = 1e-7
NEAR = 1e-4  # a relative error below it is the arithmetic's, not the formula's


@dataclass(frozen=True)
class Finding:
    """A failure before it has words.

    Attributes:
        stage: one of STAGES.
        kind: what it is within the stage; messages go by it.
        case: index into the cases that were asked, or None.
        data: what the message needs.
    """

    stage: str
    kind: str
    case: int | None = None
    difference: Difference | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


Record = Mapping[str, Any]
_Look = Callable[[Asked, Record, float], tuple[str, Difference | None, dict[str, Any]] | None]


def first_failure(asked: Sequence[Asked], records: Sequence[Record], tolerance: float) -> Finding | None:
    """The first stage that fails, and in it the first case.

    A stage is called arithmetic only if nothing in it is plainly wrong: a fault that hardly shows in the first case
    is no matter of digits.
    """
    found = _failures(asked, records, tolerance)
    first = next(found, None)
    if first is None or first.kind != "near" or first.stage not in ("value", "gradient"):
        return first
    same = takewhile(lambda f: f.stage == first.stage, found)
    return next((f for f in same if f.kind != "near"), first)


def failures(asked: Sequence[Asked], records: Sequence[Record], tolerance: float) -> frozenset[tuple[str, str, int]]:
    """All that fails, as (stage, kind, case): by this near misses are told apart."""
    return frozenset((f.stage, f.kind, f.case or 0) for f in _failures(asked, records, tolerance))


def _failures(asked: Sequence[Asked], records: Sequence[Record], tolerance: float) -> Iterator[Finding]:
    for stage, look in _LOOKS:
        for i, (each, record) in enumerate(zip(asked, records, strict=True)):
            found = look(each, record, tolerance)
            if found is not None:
                yield Finding(stage, found[0], i, found[1], found[2])


def _call(asked: Asked, record: Record, tolerance: float) -> Any:
    fault = record["faults"].get("plain")
    if fault is None:
        return None
    return "unwritten" if fault["type"] == "NotImplementedError" else "crash", None, {"fault": fault}


def _input(asked: Asked, record: Record, tolerance: float) -> Any:
    return None if record["changed"] is None else ("changed", None, {"changed": record["changed"]})


def _structure(asked: Asked, record: Record, tolerance: float) -> Any:
    if "plain" not in record:
        return None
    try:
        align(asked.record["plain"], record["plain"])
    except Mismatch as wrong:
        return wrong.kind, None, {"mismatch": wrong}
    return None


def _value(asked: Asked, record: Record, tolerance: float) -> Any:
    return _float64_values(asked, record.get("plain"), tolerance)


def _float64_values(asked: Asked, got: Any, tolerance: float) -> Any:
    allowed = allowed_float64(tolerance, asked.scale)
    found = _values(asked.record["plain"], got, allowed)
    if found is None or found[0] != "near":
        return found
    rounding = asked.rounding()[0]
    return _values(asked.record["plain"], got, lambda pair: max(allowed(pair), rounding.get(pair.path, 0.0)))


def _values(truth: Any, got: Any, allowed: Callable[[Pair], float], *, dtypes: bool = True) -> Any:
    if got is None:
        return None
    try:
        pairs = align(truth, got, dtypes=dtypes)
    except Mismatch:
        return None  # another stage's
    near: tuple[str, Difference, dict[str, Any]] | None = None
    for pair in pairs:
        wrong = difference(pair, allowed(pair))
        if wrong is not None:
            kind = _kind_of(wrong, pair)
            if kind != "near":
                return kind, wrong, {"odd": _odd(pair)} if kind in ("nan", "inf") else {}
            near = near or (kind, wrong, {})
    return near


def _kind_of(wrong: Difference, pair: Pair) -> str:
    if isinstance(pair.expected, Tensor) and isinstance(wrong.expected, float):
        odd = _odd(pair)
        if odd.any():
            return "nan" if pair.got[odd].isnan().any() else "inf"
    return "near" if wrong.relative < NEAR else "wrong"


def _odd(pair: Pair) -> Tensor:
    """Where something finite was expected and something else came out."""
    return ~pair.got.isfinite() & pair.expected.isfinite()


def _gradient(asked: Asked, record: Record, tolerance: float) -> Any:
    fault = record["faults"].get("backward") or record["faults"].get("again")
    if fault is not None:
        return "backward" if "backward" in record["faults"] else "tracked", None, {"fault": fault}
    truth, got = asked.record["grads"], record["grads"]
    if not truth:
        return None
    if got is None:
        return _no_gradient(asked, record)
    inputs = tensors_in(asked.question["arguments"])
    overall = max((largest(t) for t in truth.values() if t is not None), default=0.0)
    for path, expected in truth.items():
        found = got.get(path)
        like = inputs[path]
        expected = torch.zeros_like(like) if expected is None else expected
        missing = found is None
        found = torch.zeros_like(like) if missing else found
        allowed = GRADIENT_TOLERANCE * max(largest(expected), 1e-6 * overall) + NOISE * 1e-3
        wrong = difference(Pair(path, expected, found), allowed)
        if wrong is not None and wrong.relative < NEAR:
            wrong = difference(Pair(path, expected, found), max(allowed, asked.rounding()[1].get(path, 0.0)))
        if wrong is not None:
            zero = not found.any()
            kind = "zero" if zero else _kind_of(wrong, Pair(path, expected, found))
            return kind, wrong, {"path": path, "missing": missing}
    return None


def _no_gradient(asked: Asked, record: Record) -> Any:
    try:
        align(asked.record["plain"], record.get("again"))
    except Mismatch:
        return None  # the stage "again" says it
    return "tracked", None, {"fault": {"type": "RuntimeError", "message": "no gradient came back"}}


def _float32(asked: Asked, record: Record, tolerance: float) -> Any:
    if not asked.question["float32"]:
        return None
    fault = record["faults"].get("float32")
    if fault is not None:
        return "crash", None, {"fault": fault}
    if "float32" not in record:
        return None
    truth, bounds = asked.float32()
    narrow = map_tensors(truth, lambda _, t: t.float() if t.dtype == torch.float64 else t)
    try:
        align(narrow, record["float32"])
    except Mismatch as wrong:
        return wrong.kind, None, {"mismatch": wrong}
    return _values(truth, record["float32"], lambda pair: bounds[pair.path], dtypes=False)


def _layout(asked: Asked, record: Record, tolerance: float) -> Any:
    return _repeat(asked, record, tolerance, "layout")


def _again(asked: Asked, record: Record, tolerance: float) -> Any:
    return _repeat(asked, record, tolerance, "again")


def _repeat(asked: Asked, record: Record, tolerance: float, run: str) -> Any:
    fault = record["faults"].get(run)
    if fault is not None:
        return "crash", None, {"fault": fault}
    if run not in record:
        return None
    try:
        align(asked.record["plain"], record[run])
    except Mismatch as wrong:
        return wrong.kind, None, {"mismatch": wrong}
    return _float64_values(asked, record[run], tolerance)


_LOOKS: tuple[tuple[str, _Look], ...] = (
    ("call", _call),
    ("input", _input),
    ("structure", _structure),
    ("value", _value),
    ("gradient", _gradient),
    ("float32", _float32),
    ("layout", _layout),
    ("again", _again),
)
