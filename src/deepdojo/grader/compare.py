"""Two answers side by side: same structure, shapes, dtypes; then the first entry that differs by more than allowed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from deepdojo.grader.protocol import Opaque

__all__ = ["Difference", "Mismatch", "Pair", "align", "allowed_float64", "difference", "show", "shown_apart"]

NOISE = 1e-13  # of the largest input: what float64 leaves of numbers that cancel exactly


@dataclass(eq=False)  # not frozen: Python itself writes __traceback__ and __context__ into what is raised
class Mismatch(Exception):
    """Structure, shape or dtype differ: where, and what stood there."""

    kind: str  # "structure", "shape", "dtype", "length"
    path: str
    expected: str
    got: str


@dataclass(frozen=True)
class Pair:
    """Two leaves of one path: tensors of one shape, or plain values."""

    path: str
    expected: Any
    got: Any


@dataclass(frozen=True)
class Difference:
    """The first entry that differs.

    Attributes:
        wrong, total: how many entries of this leaf differ, of how many.
        relative: the largest error relative to the largest entry; inf where one is not finite.
    """

    path: str
    index: tuple[int, ...] | None
    expected: Any
    got: Any
    wrong: int = 1
    total: int = 1
    relative: float = math.inf


def align(expected: Any, got: Any, *, dtypes: bool = True) -> list[Pair]:
    """Leaves in pairs. Raises Mismatch at the first place where they are of another kind, length, shape or dtype.

    Lists and tuples count as the same, and so do numbers and tensors of one number where a number is expected.
    """
    return list(_pairs(expected, got, "", dtypes))


def _pairs(expected: Any, got: Any, path: str, dtypes: bool) -> Iterator[Pair]:
    if isinstance(expected, Tensor):
        yield _tensors(expected, got, path, dtypes)
    elif isinstance(expected, (list, tuple)):
        if not isinstance(got, (list, tuple)):
            raise Mismatch("structure", path, kind_of(expected), kind_of(got))
        # The first item that differs says more than two lengths: it is compared before them.
        common = [
            list(_pairs(e, g, f"{path}[{i}]", dtypes)) for i, (e, g) in enumerate(zip(expected, got, strict=False))
        ]
        if len(got) != len(expected):
            wrong = next((p for p in _flat(common) if difference(p, 1e-9) is not None), None)
            if wrong is None:
                raise Mismatch("length", path, str(len(expected)), str(len(got)))
            yield wrong
        else:
            yield from _flat(common)
    elif isinstance(expected, dict):
        if not isinstance(got, dict) or {*map(repr, got)} != {*map(repr, expected)}:
            raise Mismatch("structure", path, kind_of(expected), kind_of(got))
        for key, value in expected.items():
            yield from _pairs(value, got[key], f"{path}.{key}" if path else str(key), dtypes)
    else:
        yield _plain(expected, got, path)


def _flat(nested: Sequence[Sequence[Pair]]) -> Iterator[Pair]:
    for each in nested:
        yield from each


def _tensors(expected: Tensor, got: Any, path: str, dtypes: bool) -> Pair:
    if not isinstance(got, Tensor):
        raise Mismatch("structure", path, kind_of(expected), kind_of(got))
    if got.shape != expected.shape:
        raise Mismatch("shape", path, _size(expected), _size(got))
    if dtypes and got.dtype != expected.dtype:
        raise Mismatch("dtype", path, str(expected.dtype)[6:], str(got.dtype)[6:])
    return Pair(path, expected, got)


def _plain(expected: Any, got: Any, path: str) -> Pair:
    if isinstance(got, Tensor) and got.dim() == 0 and isinstance(expected, (bool, int, float)):
        got = got.item()
    numbers = isinstance(expected, (int, float)) and isinstance(got, (int, float))
    if type(expected) is bool or type(got) is bool:
        numbers = type(expected) is type(got)
    if not numbers and type(expected) is not type(got):
        raise Mismatch("structure", path, kind_of(expected), kind_of(got))
    return Pair(path, expected, got)


def difference(pair: Pair, allowed: float) -> Difference | None:
    """None where the two agree: numbers within `allowed` (absolute), infinities and NaN in the same places."""
    e, g = pair.expected, pair.got
    if not isinstance(e, Tensor):
        if isinstance(e, float) or isinstance(g, float):
            same = e == g or (math.isnan(e) and math.isnan(g)) or abs(e - g) <= allowed
            relative = abs(e - g) / max(abs(e), 1e-300) if math.isfinite(e) and math.isfinite(g) else math.inf
            return None if same else Difference(pair.path, None, e, g, relative=relative)
        return None if e == g else Difference(pair.path, None, e, g)
    wrong = _wrong(e, g, allowed)
    if not wrong.any():
        return None
    index = tuple(int(i) for i in wrong.nonzero()[0]) if e.dim() else None
    at = index or ()
    return Difference(
        pair.path, index, e[at].item(), g[at].item(), int(wrong.sum()), e.numel(), _relative(e, g)
    )  # fmt: skip


def _wrong(e: Tensor, g: Tensor, allowed: float) -> Tensor:
    if not (e.is_floating_point() or e.is_complex()):
        return e != g
    e, g = _wide(e), _wide(g)
    same = (e == g) | (e.isnan() & g.isnan())
    near = ((e - g).abs() <= allowed) & e.isfinite() & g.isfinite()
    return ~(same | near)


def _relative(e: Tensor, g: Tensor) -> float:
    if not (e.is_floating_point() or e.is_complex()):
        return math.inf
    e, g = _wide(e), _wide(g)
    finite = e.isfinite()
    if not torch.equal(finite, g.isfinite()) or not finite.any():
        return math.inf
    return float((e - g)[finite].abs().max() / e[finite].abs().max().clamp_min(1e-300))


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.complex128 if x.is_complex() else torch.float64)


def largest(value: Any) -> float:
    """The largest finite magnitude of a leaf."""
    if isinstance(value, Tensor):
        if not value.is_floating_point() and not value.is_complex():
            return 0.0
        finite = value[value.isfinite()].abs()
        return float(finite.max()) if finite.numel() else 0.0
    return abs(value) if isinstance(value, float) and math.isfinite(value) else 0.0


def allowed_float64(tolerance: float, scale: float) -> Callable[[Pair], float]:
    """Tolerance of the leaf's largest entry; `scale` is the largest input, for answers that cancel to nothing."""
    return lambda pair: max(tolerance * largest(pair.expected), NOISE * scale)


def kind_of(value: Any) -> str:
    """`Tensor (2, 3) float64`, `a tuple of 2`, `None`: short, and the same in both languages."""
    if isinstance(value, Tensor):
        return f"Tensor {_size(value)}"
    if isinstance(value, Opaque):
        return value.kind
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__} ({len(value)})"
    if isinstance(value, dict):
        return f"dict ({', '.join(map(str, list(value)[:6]))})"
    return "None" if value is None else type(value).__name__


def show(value: Any, digits: int = 4) -> str:
    """A number or a plain value, short."""
    if isinstance(value, float):
        return f"{value:.{digits}g}" if value else "0"
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"


def shown_apart(expected: Any, got: Any) -> tuple[str, str]:
    """Both with as many digits as it takes to see the difference."""
    for digits in (4, 6, 8, 10, 12, 17):
        pair = show(expected, digits), show(got, digits)
        if pair[0] != pair[1]:
            return pair
    return pair


def _size(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))
