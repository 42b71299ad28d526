"""What a lesson's check.py is written with: seven names, five of them here, two in `draws`.

check = Check(oracle, cases=[case("no mask", q=normal("B H T K"), ...)], mutants=[mutant("no_scale", find, put, ...)])
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deepdojo.errors import DojoError
from deepdojo.grader.draws import letters_in, map_tensors, resolve, start
from deepdojo.grader.words import Text, fill

__all__ = ["Adapter", "Case", "Check", "Drawn", "LessonError", "Mutant", "adapt", "case", "mutant", "near_miss"]


_SHOWN = 7  # arguments in a message


class LessonError(DojoError):
    """A lesson's folder is wrong: its author's to mend."""


@dataclass(frozen=True)
class Drawn:
    """A case under one seed.

    Attributes:
        arguments: in the order of the call.
        grads: paths of the tensors whose gradient is compared.
        sizes: of the axes, by letter.
    """

    case: Case
    seed: int
    arguments: dict[str, Any]
    grads: tuple[str, ...]
    sizes: dict[str, int]

    def values(self) -> dict[str, Any]:
        """What the blanks of a sentence may name: sizes and plain arguments."""
        plain = {k: v for k, v in self.arguments.items() if isinstance(v, (int, float, str))}
        return {**plain, **self.sizes}


@dataclass(frozen=True)
class Case:
    """One call that is asked for; see `case`."""

    name: str
    sizes: Mapping[str, int | Sequence[int]]
    arguments: Mapping[str, Any]
    gradient: bool = True
    float32: bool = True
    note: Text | None = None
    nan: Text | None = None

    def draw(self, seed: int) -> Drawn:
        # Each case has a stream of its own: a case added in front changes no other.
        own = sum((i + 1) * b for i, b in enumerate(self.name.encode())) % 1_000_003
        drawing = start(self.sizes, list(dict.fromkeys(letters_in(dict(self.arguments)))), seed * 1_000_003 + own)
        grads: list[str] = []
        for name, value in self.arguments.items():
            drawing.arguments[name] = resolve(value, drawing, name, grads)
        wanted = tuple(grads) if self.gradient else ()
        return Drawn(self, seed, drawing.arguments, wanted, dict(drawing.sizes))


@dataclass(frozen=True)
class Mutant:
    """A known mistake: the solution with one edit, or a function of its own, and what to say of it.

    Attributes:
        near: it is right but for its arithmetic, and recognised by that.
    """

    name: str
    edits: tuple[tuple[str, str], ...]
    text: Text
    function: Any = None
    near: bool = False
    slow: bool = False


@dataclass(frozen=True)
class Adapter:
    """How the learner's names become one function of the case's arguments.

    Attributes:
        source: the driver's text without its decorator: it is sent to the learner's process, the rest of check.py is
            not. It is read while check.py runs: later its author may have changed the file.
    """

    names: tuple[str, ...]
    drive: Callable[..., Any]
    source: str = field(repr=False)


@dataclass
class Check:
    """A lesson's check.

    Attributes:
        oracle: independent, float64, fast; with the learner's signature (with `adapt`: the case's arguments).
        cases: simple ones first; each is drawn anew for every seed.
        mutants: known mistakes; together with their sentences they are the diagnosis.
        outputs: names of what is returned, where it is a tuple.
        adapt: for classes, for several functions, for behaviour over several calls.
        forbidden: names of torch functions that may not be called.
        allowed: what may be used instead, said when a forbidden one is called.
        twins: groups of mutants that no case can tell apart, or that are the same function.
        speed: a larger case that is timed; slower than `speed_limit` times the oracle fails.
        slow: what to do about slowness.
        hang: a question that helps when there is no answer in time.
        gradient, float32, layout: checks that the lesson has use for; `layout` is non-contiguous input.
        tolerance: of float64 values, relative to the largest entry.
    """

    oracle: Callable[..., Any]
    cases: Sequence[Case]
    mutants: Sequence[Mutant] = ()
    outputs: Sequence[str] = ()
    adapt: Adapter | None = None
    forbidden: Sequence[str] = ()
    allowed: Any = None  # (English, Chinese)
    twins: Sequence[Sequence[str]] = ()
    speed: Case | None = None
    speed_limit: float = 200.0
    slow: Any = None  # (English, Chinese)
    hang: Any = None  # (English, Chinese)
    gradient: bool = True
    float32: bool = True
    layout: bool = True
    tolerance: float = 1e-9
    _order: tuple[str, ...] = field(init=False, repr=False, default=())

    def __post_init__(self) -> None:
        for name in ("allowed", "slow", "hang"):
            pair = getattr(self, name)
            if pair is not None:
                setattr(self, name, Text(*pair))
        self._order = tuple(inspect.signature(self.oracle).parameters)
        names = [m.name for m in self.mutants]
        if len({*names}) < len(names):
            raise LessonError("two mutants have the same name", where="check.py")
        unknown = {n for group in self.twins for n in group} - {*names}
        if unknown:
            raise LessonError(f"twins name {sorted(unknown)[0]!r}, which is no mutant", where="check.py")
        for each in self.cases:
            strange = [n for n in each.arguments if n not in self._order]
            if strange:
                raise LessonError(f"the oracle takes no {strange[0]!r}", where=f"check.py, case {each.name!r}")

    def twins_of(self, name: str) -> set[str]:
        """The mutants that count as the same as `name`, itself among them."""
        return {name}.union(*(group for group in self.twins if name in group))

    def positional(self, arguments: Mapping[str, Any]) -> list[Any]:
        """Arguments in the order of the signature, so that a learner may name parameters otherwise."""
        defaults = {k: p.default for k, p in inspect.signature(self.oracle).parameters.items()}
        last = max((self._order.index(n) for n in arguments), default=-1)
        return [arguments.get(n, defaults[n]) for n in self._order[: last + 1]]


def case(
    name: str,
    *,
    sizes: Mapping[str, int | Sequence[int]] | None = None,
    gradient: bool = True,
    float32: bool = True,
    note: tuple[str, str] | None = None,
    nan: tuple[str, str] | None = None,
    **arguments: Any,
) -> Case:
    """One call. Arguments are `normal(...)`, `keep(...)`, a function of the `Drawing`, constants, or nestings of these.

    Args:
        name: short, as the messages quote it ("fully masked row").
        sizes: axes that must be so and not drawn: `{"h": 3}`, or one of several `{"N": (1, 2)}`.
        gradient, float32: False where this case has no use for the check (a kink, numbers beyond float32).
        note: (English, Chinese) said beside the case's name instead of the shapes: "values near 10 000".
        nan: (English, Chinese) the first sentence where NaN or infinity comes out: "NaN for large logits".
    """
    texts = [Text(*pair) if pair else None for pair in (note, nan)]
    return Case(name, dict(sizes or {}), arguments, gradient, float32, *texts)


def mutant(name: str, *edits: str, en: str, zh: str, function: Any = None, slow: bool = False) -> Mutant:
    """A known mistake and its sentence in both languages; blanks as `{K}` and `{sqrt(K)}` take the case's numbers.

    Args:
        edits: what to find in solution.py (exactly once) and what to put there, in pairs.
        function: instead of edits, a whole function (or a dict of the names that `adapt` takes).
        slow: it is right, but fails the speed check.
    """
    return Mutant(name, _pairs(name, edits), Text(en, zh), function, False, slow)


def near_miss(name: str, *edits: str, en: str, zh: str, function: Any = None) -> Mutant:
    """A mistake of arithmetic, not of the formula: it loses digits. Recognised by which cases lose them, since the lost
    digits themselves are noise."""
    return Mutant(name, _pairs(name, edits), Text(en, zh), function, True)


def adapt(*names: str) -> Callable[[Callable[..., Any]], Adapter]:
    """Marks a driver: `drive(Adam, **case arguments)` gets what the learner wrote under these names, and the case.

    The driver runs in the learner's process and is sent there as text: it may use `torch`, `math` and what it imports
    itself, nothing else of check.py.
    """
    return lambda drive: Adapter(names, drive, _without_decorator(text_of(drive)))


def text_of(function: Callable[..., Any]) -> str:
    """The function as it stands in check.py. Raises LessonError where the file is another one by now."""
    try:
        return inspect.cleandoc("\n" + inspect.getsource(function))
    except (OSError, SyntaxError, IndexError):  # gone, or shorter than the line that it was defined at
        name = getattr(function, "__name__", "a function")
        raise LessonError(f"was changed while it was read: {name} is not where it was", where="check.py") from None


def _without_decorator(text: str) -> str:
    lines = text.splitlines()
    first = next((i for i, line in enumerate(lines) if line.startswith("def ")), None)
    if first is None:
        raise LessonError("was changed while it was read: no driver stands below @adapt", where="check.py")
    return "\n".join(lines[first:]) + "\n"


def sentence(text: Text, drawn: Drawn) -> Text:
    """The blanks of a sentence filled from a case; where the case lacks one, a neighbour's `?` beats a crash."""
    try:
        return fill(text, drawn.values())
    except KeyError:
        return fill(text, _Unknown(drawn.values()))


class _Unknown(dict):
    def __missing__(self, key: str) -> str:
        return "?"


def shapes(drawn: Drawn) -> str:
    """`q (2,3,5,11) k (2,3,7,11) padding 1`: what was given, short."""
    parts: list[str] = []

    def tensor(path: str, value: Any) -> None:
        size = ",".join(map(str, value.shape))
        parts.append(f"{path} ({size})" if value.dim() else f"{path} {value.item():.4g}")

    for name, value in drawn.arguments.items():
        before = len(parts)
        map_tensors(value, tensor, name)
        if len(parts) == before and value is not None:
            parts.append(f"{name} {_short(value)}")
    return " ".join(parts if len(parts) <= _SHOWN else [*parts[:_SHOWN], "…"])


def _short(value: Any, room: int = 60) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= room else text[: room - 1] + "…"


def _pairs(name: str, edits: Sequence[str]) -> tuple[tuple[str, str], ...]:
    if len(edits) % 2:
        raise LessonError(f"mutant {name!r} has a text to find and nothing to put there", where="check.py")
    return tuple(zip(edits[::2], edits[1::2], strict=True))
