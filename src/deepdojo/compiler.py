"""torch's compiler is loaded only where something is compiled: it costs a CPU second and more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch.optim import Optimizer
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["without_compiler"]

_RESOLVED = "__dynamo_disable"
"""Where torch keeps what it calls instead of a method that its compiler must leave alone (`torch/_compile.py`)."""


@contextmanager
def without_compiler() -> Iterator[None]:
    """Optimizers and dispatch modes ask torch's compiler to leave their methods alone, and the first such call loads
    it. Inside, these methods run as they are, which outside of compiled code is the same.

    A torch that keeps this elsewhere loads its compiler, and nothing else changes.
    """
    spared = [method for method in map(_plain, _left_alone()) if method is not None and not hasattr(method, _RESOLVED)]
    for method in spared:
        setattr(method, _RESOLVED, method)
    try:
        yield
    finally:
        for method in spared:
            delattr(method, _RESOLVED)


def _left_alone() -> Iterator[Any]:
    for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict"):
        yield getattr(Optimizer, name, None)
    for mode in _subclasses(TorchDispatchMode):
        yield mode.__dict__.get("__torch_dispatch__")


def _subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    below: type[Any]
    for below in kind.__subclasses__():
        yield below
        yield from _subclasses(below)


def _plain(method: Any) -> Callable[..., Any] | None:
    return getattr(method, "__wrapped__", None)
