"""A learner's parts compared with the built-in ones on the very calls that the model makes, before it is trained.

A model is made once with the built-in parts under watch and does a step; what they were called with is kept. Each call
is then done anew in float64 by both, and values, gradients (under a random cotangent) and changed arguments must agree.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deepdojo.errors import DojoError, RecipeError
from deepdojo.layers.hook import replaced
from deepdojo.stand_ins.homes import ours
from deepdojo.stand_ins.own import Idea, OwnCode
from deepdojo.stand_ins.probe_calls import COMPARISONS

__all__ = ["Watch", "compared", "watch_layers", "watched"]

MOST_CALLS = 3
"""Of each part that are compared, of different shapes."""
VALUE, GRADIENT = 1e-9, 1e-7
"""Of the largest entry; the grader's own tolerances."""
DRAWN = ("dropout", "drop_path", "draw")
"""What is random gives another answer each time; its shape alone is compared."""


@dataclass
class _Call:
    """What a part was called with; `module`: the path of the layer, where it is a class."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    module: str = ""


@dataclass
class Watch:
    """The calls of the built-in parts, by name, and how often each was taken."""

    calls: dict[str, list[_Call]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


@contextmanager
def watched(own: OwnCode) -> Iterator[Watch]:
    """Models made and steps done inside use the built-in parts, and their calls are kept."""
    watch = Watch({part: [] for part in own.parts})
    spies: dict[str, Any] = {}
    for part in own.parts:
        plain = ours(part)
        spies[part] = plain if plain is None or inspect.isclass(plain) else _spy(plain, watch.calls[part])
    with replaced(spies) as counts:
        watch.counts = counts
        yield watch


def _spy(plain: Callable[..., Any], calls: list[_Call]) -> Callable[..., Any]:
    def spied(*args: Any, **kwargs: Any) -> Any:
        if len(calls) < MOST_CALLS and _shapes((args, kwargs)) not in [_shapes((c.args, c.kwargs)) for c in calls]:
            calls.append(_Call(_copied(args), _copied(kwargs)))
        return plain(*args, **kwargs)

    spied.__signature__ = inspect.signature(plain)  # type: ignore[attr-defined]
    return spied


def watch_layers(watch: Watch, model: nn.Module) -> None:
    """Keeps what the layers of `model` are given whose class is watched."""
    for part, calls in watch.calls.items():
        cls = ours(part)
        for path, module in model.named_modules() if inspect.isclass(cls) else ():
            if type(module) is cls and len(calls) < MOST_CALLS:
                calls.append(call := _Call((), {}, path))
                module.register_forward_pre_hook(_keeping(call), with_kwargs=True)


def _keeping(call: _Call) -> Callable[..., None]:
    def keep(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not call.args and not call.kwargs:  # the first call, of the training step: a later one may hold a cache
            call.args, call.kwargs = _copied(args), _copied(kwargs)

    return keep


def compared(own: OwnCode, watch: Watch, plain: nn.Module, theirs: nn.Module) -> None:
    """Raises RecipeError where a learner's part gives another value, gradient or shape than the built-in one.

    Args:
        plain: the model with the built-in parts, which was watched. theirs: the same with the learner's.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for idea in own.ideas:
            for part, made in idea.parts.items():
                for call in watch.calls[part]:
                    if not inspect.isclass(made):
                        plain_part = ours(part)
                        assert plain_part is not None
                        if part in COMPARISONS:
                            COMPARISONS[part](idea, plain_part, made, call.args, call.kwargs)
                        else:
                            _compare(idea, part, plain_part, made, call)
                    elif call.args or call.kwargs:
                        _compare_layers(idea, plain.get_submodule(call.module), theirs.get_submodule(call.module), call)


def _compare_layers(idea: Idea, plain: nn.Module, theirs: nn.Module, call: _Call) -> None:
    """The same for a class: a module of each kind with the same weights, on what the built-in one was given."""
    names = [name for name, _ in plain.named_parameters()]
    training = bool(getattr(theirs, "compared_in_training", False))  # else dropout inside would draw

    def through(module: nn.Module) -> Callable[..., Any]:
        module = copy.deepcopy(module).cpu().double().train(training)

        def run(*both: Any, **more: Any) -> Any:
            weights = dict(zip(names, both[: len(names)], strict=True))
            return torch.func.functional_call(module, weights, both[len(names) :], more)

        return run

    weights = tuple(p.detach().clone().requires_grad_() for p in plain.parameters())
    _compare(idea, idea.name, through(plain), through(theirs), _Call((*weights, *call.args), call.kwargs))


def _compare(idea: Idea, part: str, plain: Callable[..., Any], theirs: Callable[..., Any], call: _Call) -> None:
    given = _doubled((call.args, call.kwargs))
    wanted, wanted_grads, wanted_args = _answer(plain, given)
    try:
        got, got_grads, got_args = _answer(theirs, given)
    except DojoError:
        raise
    except Exception as error:
        raise _refused(idea, f"stops with {type(error).__name__}: {error}", given) from None
    if [tuple(t.shape) for t in got] != [tuple(t.shape) for t in wanted]:
        said = f"gives {_said_shapes(got)} where the built-in gives {_said_shapes(wanted)}"
        raise _refused(idea, said, given)
    if part in DRAWN:
        return
    for what, ours_, theirs_, limit in (
        ("value", wanted, got, VALUE), ("gradient", wanted_grads, got_grads, GRADIENT),
        ("argument after the call", wanted_args, got_args, VALUE),
    ):  # fmt: skip
        for a, b in zip(ours_, theirs_, strict=True):
            if not _close(a, b, limit):
                raise _refused(idea, f"gives another {what} than the built-in {part}: {_difference(a, b)}", given)


def _refused(idea: Idea, what: str, given: Any) -> RecipeError:
    return RecipeError(
        f"{idea.name} {what}", where=f"{idea.file}, called with {_said_shapes(_tensors(given))}",
        todo="compare both on small numbers, as dojo grade does",
    )  # fmt: skip


def _answer(function: Callable[..., Any], given: tuple[Any, Any]) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """(outputs, gradients of what wants one, arguments as they are after the call)."""
    args, kwargs = _mapped(given, lambda t: t.detach().clone().requires_grad_(t.requires_grad))
    leaves = [t for t in _tensors((args, kwargs)) if t.requires_grad]
    with torch.enable_grad():
        out = _tensors(function(*args, **kwargs))
        floats = [t for t in out if t.is_floating_point() and t.requires_grad]
        grads: list[Tensor] = []
        if leaves and floats:
            draws = torch.Generator().manual_seed(1)
            cotangents = [torch.randn(t.shape, generator=draws, dtype=torch.float64).to(t) for t in floats]
            found = torch.autograd.grad(floats, leaves, cotangents, allow_unused=True)
            grads = [torch.zeros_like(t) if g is None else g for g, t in zip(found, leaves, strict=True)]
        elif leaves:
            grads = [torch.zeros_like(t) for t in leaves]
    return [t.detach() for t in out], grads, [t.detach() for t in _tensors((args, kwargs))]


def _close(a: Tensor, b: Tensor, limit: float) -> bool:
    if not a.is_floating_point():
        return bool((a == b).all())
    if b.is_floating_point():  # what is made in float32 from numbers cannot be nearer than that
        limit = max(limit, 16 * torch.finfo(b.dtype).eps)
    b = b.to(a)
    finite = torch.isfinite(a)
    if not bool((finite == torch.isfinite(b)).all()):
        return False
    size = a[finite].abs().max() if bool(finite.any()) else a.new_tensor(0.0)
    return bool(((a - b)[finite].abs() <= limit * size.clamp(min=1e-6)).all())


def _difference(a: Tensor, b: Tensor) -> str:
    apart = (a.double() - b.double()).abs().nan_to_num(nan=float("inf")).flatten()
    at = int(apart.argmax())
    return f"{float(b.flatten()[at]):.6g} where it is {float(a.flatten()[at]):.6g}"


def _doubled(given: Any) -> Any:
    """In float64; what has a gradient is shaken a little, since ties (a maximum of zeros) have no gradient to agree
    on."""

    def double(t: Tensor) -> Tensor:
        if not t.is_floating_point():
            return t.cpu()
        wide = t.detach().cpu().double()
        if t.requires_grad:
            scale = wide.std().nan_to_num(0.0) if wide.numel() > 1 else wide.new_tensor(0.0)
            wide = wide + 1e-2 * (scale + 1e-2) * torch.randn_like(wide)
        return wide.requires_grad_(t.requires_grad)

    return _mapped(given, double)


def _copied(given: Any) -> Any:
    return _mapped(given, lambda t: t.detach().clone().requires_grad_(t.requires_grad and t.is_floating_point()))


def _mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, dict):
        return {k: _mapped(v, change) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_mapped(v, change) for v in value)
    return value


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, np.ndarray):
        return [torch.from_numpy(value.copy())]
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        return [t for v in value.values() for t in _tensors(v)]
    return [t for v in value for t in _tensors(v)] if isinstance(value, list | tuple) else []


def _shapes(given: Any) -> list[tuple[tuple[int, ...], bool]]:
    """What tells calls apart: the first step of a recurrence has a state without a gradient, later ones with one."""
    return [(tuple(t.shape), t.requires_grad) for t in _tensors(given)]


def _said_shapes(tensors: list[Tensor]) -> str:
    return " ".join(str(tuple(t.shape)) for t in tensors[:6]) or "nothing"
