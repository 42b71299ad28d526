"""`SGD` and `Adam` of the lessons as torch optimizers: one learner's object for each group of parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from deepdojo.errors import RecipeError

__all__ = ["OwnOptimizer", "adam", "sgd"]


def adam(own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., torch.optim.Optimizer]]:
    """As AdamW: the decay apart from the gradient."""

    def build(groups: Iterable[dict[str, Any]], *, lr: float, betas: Any, fused: bool = False) -> OwnOptimizer:
        return OwnOptimizer(own["Adam"], groups, lr, betas=tuple(betas), eps=1e-8, decoupled=True)

    return {"adam": build}


def sgd(own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., torch.optim.Optimizer]]:
    def build(
        groups: Iterable[dict[str, Any]], *, lr: float, momentum: float, nesterov: bool, fused: bool = False
    ) -> OwnOptimizer:
        return OwnOptimizer(own["SGD"], groups, lr, momentum=momentum, nesterov=nesterov)

    return {"sgd": build}


class OwnOptimizer(torch.optim.Optimizer):
    """Hands the rate of each step to the learner's objects, and their state to checkpoints.

    Raises: RecipeError where the object keeps its rate nowhere that it can be changed.
    """

    def __init__(self, make: Callable[..., Any], groups: Iterable[dict[str, Any]], lr: float, **options: Any) -> None:
        super().__init__(groups, {"lr": lr, "weight_decay": 0.0})
        self.inner = [
            make(group["params"], lr=lr, weight_decay=group["weight_decay"], **options) for group in self.param_groups
        ]
        self.rates = [[name for name, value in vars(one).items() if _is_rate(value, lr)] for one in self.inner]
        if not all(self.rates):
            raise RecipeError(
                f"{getattr(make, '__name__', 'the optimizer')} keeps its rate nowhere that a schedule could change it",
                todo="store it as self.lr, and read it there at each step",
            )

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group, one, names in zip(self.param_groups, self.inner, self.rates, strict=True):
            for name in names:
                setattr(one, name, group["lr"])
            one.step()

    def state_dict(self) -> dict[str, Any]:
        """What the learner's objects remember, as tensors and one JSON value under parameter 0."""
        tensors: dict[str, Any] = {}
        notes = [_noted(vars(one), group["params"], tensors)
                 for one, group in zip(self.inner, self.param_groups, strict=True)]  # fmt: skip
        groups = [{k: v for k, v in group.items() if k != "params"} for group in self.param_groups]
        return {"state": {0: {**tensors, "own": notes}}, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        held = state_dict["state"].get(0, {})
        for one, group, note in zip(self.inner, self.param_groups, held.get("own", []), strict=False):
            for name, value in _read(note, group["params"], held).items():
                there = vars(one).get(name)
                if isinstance(there, dict):  # keeps its kind, such as a defaultdict
                    there.clear()
                    there.update(value)
                elif not inspect.isgenerator(there):
                    setattr(one, name, value)


def _is_rate(value: Any, lr: float) -> bool:
    return isinstance(value, float) and value == lr


def _noted(value: Any, params: list[Tensor], tensors: dict[str, Any]) -> Any:
    """JSON of plain containers; tensors go to `tensors`, parameters and their ids become their place."""
    if isinstance(value, Tensor):
        place = next((i for i, p in enumerate(params) if p is value), None)
        if place is not None:
            return {"p": place}
        tensors[f"t{len(tensors)}"] = value.detach()
        return {"t": f"t{len(tensors) - 1}"}
    if isinstance(value, dict):
        return {"d": [[_noted(k, params, tensors), _noted(v, params, tensors)] for k, v in value.items()]}
    if isinstance(value, list | tuple):
        return {"l" if isinstance(value, list) else "u": [_noted(v, params, tensors) for v in value]}
    if isinstance(value, int) and not isinstance(value, bool):
        place = next((i for i, p in enumerate(params) if id(p) == value), None)
        return {"v": value} if place is None else {"i": place}
    return {"v": value if isinstance(value, float | str | bool) or value is None else None}


def _read(note: Any, params: list[Tensor], tensors: Mapping[str, Any]) -> Any:
    ((kind, value),) = note.items()
    if kind == "p":
        return params[value]
    if kind == "i":
        return id(params[value])
    if kind == "t":
        return tensors[value]
    if kind == "d":
        return {_read(k, params, tensors): _read(v, params, tensors) for k, v in value}
    if kind in "lu":
        return (list if kind == "l" else tuple)(_read(v, params, tensors) for v in value)
    return value
