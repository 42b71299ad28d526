"""torch's optimizers without its compiler: the first `step` of a process loads it, which takes seconds and changes
nothing in code that is not compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch
from torch.optim import Optimizer

from deepdojo.compiler import without_compiler

__all__ = ["light_optimizers"]


@contextmanager
def light_optimizers() -> Iterator[None]:
    """Inside, `step` of torch's own optimizers runs as it is. A torch that is built otherwise loads its compiler."""
    kinds = [k for k in vars(torch.optim).values() if isinstance(k, type) and issubclass(k, Optimizer)]
    kept = [(kind, vars(kind).get("step")) for kind in kinds]
    with without_compiler():
        for kind, step in kept:
            wrapper = _compiler_asking(step)
            if wrapper is not None:
                kind.step = _plain(wrapper.__wrapped__)  # type: ignore[method-assign]
        try:
            yield
        finally:
            for kind, step in kept:
                if step is not None:
                    kind.step = step  # type: ignore[method-assign]
                elif "step" in vars(kind):  # torch hooks it into a class when the first of its kind is made
                    del kind.step


def _compiler_asking(step: Any) -> Any:
    """The wrapper that torch puts around `step`, which imports the compiler; None where there is none."""
    while step is not None and not (_name(step) == "_use_grad" and hasattr(step, "__wrapped__")):
        step = getattr(step, "__wrapped__", None)
    return step


def _name(function: Any) -> str:
    return str(getattr(getattr(function, "__code__", None), "co_name", ""))


def _plain(inner: Any) -> Callable[..., Any]:
    @wraps(inner)
    def plain(self: Any, *args: Any, **kwargs: Any) -> Any:
        with torch.set_grad_enabled(bool(self.defaults.get("differentiable", False))):
            return inner(self, *args, **kwargs)

    return plain
