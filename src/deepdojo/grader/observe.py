"""One function, one case: what it returns, its gradients, what it does to its inputs. Nothing is judged here.

The same code runs in a learner's process and, for oracle and mutants, in the grader's.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepdojo.grader.draws import map_tensors, tensors_in

__all__ = ["RUNS", "call", "observe", "spread_out", "to_dtype"]

RUNS = ("plain", "again", "float32", "layout")


def _fault(error: BaseException) -> dict[str, Any]:
    return {"type": type(error).__name__, "message": str(error)[:400], "line": None}


def observe(
    function: Callable[..., Any],
    question: Mapping[str, Any],
    *,
    runs: tuple[str, ...] = RUNS,
    guard: Callable[[], AbstractContextManager[Any]] = nullcontext,
    fault: Callable[[BaseException], dict[str, Any]] = _fault,
    catch: type[BaseException] = Exception,
) -> dict[str, Any]:
    """The record of one case.

    Args:
        question: `arguments` (name -> value, in order of the call), `grads` (paths), `cotangents` (path of an output
            -> tensor), `float32` and `layout` (whether these runs are asked for), `seed` of what the function draws.
        runs: which runs to make: `plain` float64, `again` with gradients, `float32`, `layout` non-contiguous.
        guard: what each call runs in.
        fault: an exception as data.
        catch: what counts as the function's fault; a learner may raise SystemExit.

    Returns:
        for each run its output, or `faults[run]`; `changed`: the first input that the plain run changed; `grads`: path
        -> tensor or None, where outputs have the shapes of the cotangents.
    """
    record: dict[str, Any] = {"faults": {}, "changed": None, "grads": None}
    for run in runs:
        if (run in ("float32", "layout") and not question[run]) or (record["faults"] and run != "plain"):
            continue
        try:
            with _same_draws(question["seed"]):
                if run == "plain":
                    record["plain"] = _plain(function, question, guard, record)
                elif run == "again":
                    record["again"] = _again(function, question, guard, record, fault)
                else:
                    given = map_tensors(question["arguments"], to_dtype if run == "float32" else spread_out)
                    record[run] = call(function, given, guard)
        except catch as error:
            record["faults"][run] = fault(error)
    return record


def call(function: Callable[..., Any], arguments: Mapping[str, Any], guard: Callable[[], Any] = nullcontext) -> Any:
    with guard():
        return function(*arguments.values())


@contextmanager
def _same_draws(seed: int) -> Iterator[None]:
    """What a function draws at random is the same in every process: else no known mistake could give its numbers."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


def _plain(function: Callable[..., Any], question: Mapping[str, Any], guard: Any, record: dict[str, Any]) -> Any:
    given = map_tensors(question["arguments"], lambda _, t: t.clone())
    out = call(function, given, guard)
    # Before any backward pass: torch's own words about a changed input would hide what happened.
    record["changed"] = _changed(question["arguments"], given)
    return map_tensors(out, lambda _, t: t.detach().clone())


def _again(
    function: Callable[..., Any], question: Mapping[str, Any], guard: Any, record: dict[str, Any], fault: Any
) -> Any:
    wanted = set(question["grads"])
    if record["changed"] is not None:
        wanted = set()  # a leaf that wants a gradient must not be changed in place: torch refuses, and not in our words
    given = map_tensors(question["arguments"], lambda path, t: t.clone().requires_grad_(path in wanted))
    out = call(function, given, guard)
    kept = map_tensors(out, lambda _, t: t.detach().clone())
    if wanted:
        try:
            record["grads"] = _gradients(out, {p: t for p, t in tensors_in(given).items() if p in wanted}, question)
        except Exception as error:
            record["faults"]["backward"] = fault(error)
    return kept


def _gradients(out: Any, leaves: dict[str, Tensor], question: Mapping[str, Any]) -> dict[str, Tensor | None] | None:
    found = tensors_in(out)
    cotangents: Mapping[str, Tensor] = question["cotangents"]
    if any(path not in found or found[path].shape != c.shape for path, c in cotangents.items()):
        return None
    pairs = [(found[path], c.to(found[path].dtype)) for path, c in cotangents.items() if found[path].requires_grad]
    if not pairs:
        return dict.fromkeys(leaves)
    outs, weights = zip(*pairs, strict=True)
    grads = torch.autograd.grad(outs, list(leaves.values()), weights, allow_unused=True)
    return dict(zip(leaves, grads, strict=True))


def to_dtype(_: str, tensor: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor.clone()


def spread_out(_: str, tensor: Tensor) -> Tensor:
    """The same numbers in memory that is not contiguous."""
    if tensor.dim() >= 2:
        return tensor.transpose(0, -1).contiguous().transpose(0, -1)
    return torch.stack([tensor, tensor], -1)[..., 0]


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any] | None:
    """The first place where an input is another than before the call."""
    old, new = tensors_in(before), tensors_in(after)
    for path, tensor in old.items():
        now = new.get(path)
        if now is None or now.shape != tensor.shape:
            return {"path": path, "index": None, "before": None, "after": None}
        differs = (now != tensor) & ~((now != now) & (tensor != tensor))
        if differs.any():
            index = tuple(int(i) for i in differs.nonzero()[0])
            return {"path": path, "index": list(index), "before": tensor[index].item(), "after": now[index].item()}
    plain_before, plain_after = (map_tensors(x, lambda *_: None) for x in (before, after))
    for name, value in plain_before.items():
        if plain_after.get(name) != value:
            return {"path": name, "index": None, "before": repr(value)[:60], "after": repr(plain_after.get(name))[:60]}
    return None
