"""How a learner's own code stands in for a layer while a model is being built.

    with replaced({"Conv2d": MyConv2d}) as counts:
        model = create_model("cnn", dims)          # every Conv2d(...) in it is a MyConv2d
    require_built(counts, "cnn")                   # refuses a name that the model never builds

Nothing is patched: `Layer.__new__` looks up the stand-in, and layers take functions by `current(name)` when they are
constructed. After the `with` block everything is as before. What is no layer (optimizer, schedule, decoding) is taken
by `current(name, ours)` in the same way, where it is made or called.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import torch
from torch import nn

from deepdojo.errors import RecipeError, UnknownNameError
from deepdojo.layers import ELSEWHERE, LAYERS
from deepdojo.swaps import taking

__all__ = ["Layer", "builtin", "current", "replaced", "require_built"]


@dataclass
class _Swap:
    stand_ins: Mapping[str, Any]
    counts: dict[str, int]
    building: bool
    built: list[tuple[nn.Module, type, tuple, dict]] = field(default_factory=list)
    busy: set[str] = field(default_factory=set)  # names whose stand-in is being built: it may use the built-in inside


_swap: ContextVar[_Swap | None] = ContextVar("deepdojo_layers_swap", default=None)
_builtin: set[type] = set()


class Layer(nn.Module):
    """Base of every layer that a learner's class may replace. Outside `replaced` it is an ordinary nn.Module."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("deepdojo.layers.") and LAYERS.get(cls.__name__) == cls.__module__.split(".")[-1]:
            _builtin.add(cls)

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        swap = _swap.get()
        name = cls.__name__
        if swap is None or not swap.building or cls not in _builtin or name not in swap.stand_ins or name in swap.busy:
            return super().__new__(cls)
        stand_in = swap.stand_ins[name]
        swap.counts[name] += 1
        if issubclass(stand_in, cls):
            layer = super().__new__(stand_in)  # python calls its __init__ next
        else:
            swap.busy.add(name)
            try:
                layer = stand_in(*args, **kwargs)
            finally:
                swap.busy.discard(name)
        swap.built.append((layer, cls, args, kwargs))
        return layer


def current(name: str, ours: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """The function that stands for `name` while a model is being built or trained: a learner's, or else our own.

    Args:
        ours: what is taken else, where it is no function of this folder.
    """
    swap = _swap.get()
    if swap is not None and name in swap.stand_ins:
        # What is called in every step is one place, however often it is asked for.
        swap.counts[name] = swap.counts[name] + 1 if swap.building else max(1, swap.counts[name])
        if swap.stand_ins[name] is not None:
            return swap.stand_ins[name]
    return builtin(name) if ours is None else ours


@contextmanager
def replaced(stand_ins: Mapping[str, Any], *, building: bool = True) -> Iterator[dict[str, int]]:
    """Lets `stand_ins` (name -> class or function) take the place of our layers inside the `with` block.

    Args:
        stand_ins: None only counts how often a name is taken that is no layer.
        building: models are made inside; else they are trained or used there, and classes stay what they are.

    Yields:
        how often each name was built so far.

    Raises:
        UnknownNameError: no layer has that name.
        RecipeError: a class stands for a function or the reverse; its arguments, or the parameters that it makes, are
            not those of the built-in.
    """
    for name, stand_in in stand_ins.items():
        _require_same_arguments(name, stand_in)
    swap = _Swap(stand_ins, dict.fromkeys(stand_ins, 0), building)
    token = _swap.set(swap)
    try:
        with taking(current, frozenset(stand_ins)):
            yield swap.counts
    finally:
        _swap.reset(token)
    for layer, cls, args, kwargs in swap.built:
        _require_same_parameters(layer, cls, args, kwargs)


def require_built(counts: Mapping[str, int], model: str) -> None:
    """Raises RecipeError when a stand-in was never built: the learner's code would not run."""
    unused = [name for name, count in counts.items() if count == 0]
    if unused:
        raise RecipeError(
            f"{model} never builds {' or '.join(unused)}, so that code of yours would not run",
            todo="choose a recipe whose model has that layer, or leave the name out of the file",
        )


def builtin(name: str) -> Any:
    if name not in LAYERS:
        raise UnknownNameError("layer", name, LAYERS)
    return getattr(import_module(f"deepdojo.layers.{LAYERS[name]}"), name)


def _require_same_arguments(name: str, stand_in: Any) -> None:
    if name in ELSEWHERE:
        return
    ours = builtin(name)
    if inspect.isclass(ours) != inspect.isclass(stand_in) or not callable(stand_in):
        raise RecipeError(f"{name} must be a {'class' if inspect.isclass(ours) else 'function'}", where=name)
    wanted = [p.name for p in _parameters(ours)]
    got = _parameters(stand_in)
    extra = [p for p in got[len(wanted) :] if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if [p.name for p in got[: len(wanted)]] != wanted or extra:
        raise RecipeError(
            f"{name} takes ({', '.join(p.name for p in got)}), the built-in takes ({', '.join(wanted)})", where=name
        )


def _parameters(built: Any) -> list[inspect.Parameter]:
    """Of a class those of its __init__: `signature` of early Python 3.11 takes those of an inherited __new__."""
    if not inspect.isclass(built):
        return list(inspect.signature(built).parameters.values())
    return list(inspect.signature(built.__init__).parameters.values())[1:]


def _require_same_parameters(layer: nn.Module, cls: type, args: tuple, kwargs: dict) -> None:
    with torch.device("meta"):  # costs no memory and draws no random number
        twin = cls(*args, **kwargs)
    wanted = {name: tuple(p.shape) for name, p in twin.named_parameters()}
    got = {name: tuple(p.shape) for name, p in layer.named_parameters()}
    if got != wanted:
        raise RecipeError(f"{cls.__name__} has parameters {got}, the built-in has {wanted}", where=cls.__name__)
