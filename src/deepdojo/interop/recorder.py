"""What a task gives to its model, written down: the inputs of each graph, their names, and which axes may differ.

A task predicts two batches, of other numbers of rows and other lengths, through a recorder. An axis that differs
between the two is one that a graph must leave open; all others are part of the model.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deepdojo.errors import DataError, RunError
from deepdojo.interop.calls import Calls, EncoderDecoderCalls, bound
from deepdojo.tasks.base import Batch, Row, Task
from deepdojo.training.predictor import evaluating
from deepdojo.training.store import Store

__all__ = ["Graph", "Input", "recorded", "recorded_calls"]

ROWS = (5, 3)  # of the two batches; more where a length is the same
_FEWEST = 4  # columns of the first batch: two lengths of 2 and more must be cut from it
_LOOKED_AT = 24  # calls of a method that are compared, where a task calls it again and again

Given = dict[str, Any]


@dataclass(frozen=True)
class Input:
    """One tensor that a graph takes.

    Attributes:
        name: in the graph: that of the batch entry, or of the method's parameter where the task made the tensor.
        parameter: of the model's method.
        axes: of each axis its size, or the name of what may be of any size.
        dtype: as numpy calls it.
    """

    name: str
    parameter: str
    axes: tuple[str | int, ...]
    dtype: str


@dataclass(frozen=True)
class Graph:
    """One method of a model, as a task calls it.

    Attributes:
        method: forward, encode or decode.
        parameters: all that the method could be given, in order.
        inputs: what it was given.
        outputs: axes of each tensor that it gave.
        several: whether it gave a tuple.
        example: parameter -> tensor, of the larger batch.
    """

    method: str
    parameters: tuple[str, ...]
    inputs: tuple[Input, ...]
    outputs: tuple[tuple[str | int, ...], ...]
    several: bool
    example: Mapping[str, Tensor]

    def call(self, model: nn.Module, given: Mapping[str, Any]) -> tuple[Tensor, ...]:
        """The outputs of the model itself."""
        found = getattr(model, self.method)(**given)
        return tuple(found) if self.several else (found,)


class _Recorder(Calls):
    """The model, and what it was called with."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.called: dict[str, list[Given]] = {}
        self.asked: set[str] = set()
        self.train(model.training)  # a module is born in training, and would leave the model there

    def run(self, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        given = bound(method, _parameters(self.model, method), args, kwargs)
        for name, value in given.items():
            if not isinstance(value, Tensor):
                what = f"the task calls {method} with {name} = {value!r}, and a graph takes tensors alone"
                raise RunError(what, where=type(self.model).__name__)
        self.called.setdefault(method, []).append(given)
        return getattr(self.model, method)(**given)

    def part(self, name: str) -> Any:
        value = getattr(self.model, name)
        if callable(value) and not isinstance(value, nn.Module):
            raise AttributeError(name)  # a further method: a graph has none
        self.asked.add(name)
        return value


class _EncoderDecoderRecorder(EncoderDecoderCalls, _Recorder):
    """The same for a model of two halves."""


def _parameters(model: nn.Module, method: str) -> tuple[str, ...]:
    return tuple(name for name in inspect.signature(getattr(model, method)).parameters if name != "cache")


def recorded(task: Task, model: nn.Module, rows: Sequence[Row]) -> tuple[list[Graph], set[str]]:
    """The graphs that the task needs, and the further parts of the model that it asked for.

    Args:
        model: on the CPU.
        rows: some, with what the task reads.

    Raises:
        DataError: none of the rows can be encoded. RunError: the task calls the model in a way that no graph has.
    """
    store = Store.pack(task, rows, learn=False, reject=lambda row, reason: None)
    if not len(store):
        raise DataError("none of the rows can be encoded, so there is nothing to trace the model with")
    return recorded_calls(task.predict, model, *_two_batches(task, store))


def recorded_calls(
    predict: Callable[[nn.Module, Batch], Any], model: nn.Module, batch: Batch, other: Batch
) -> tuple[list[Graph], set[str]]:
    """The same from two batches that differ in every size that may differ; the first is the example."""
    called = []
    two_halves = hasattr(model, "encode") and hasattr(model, "decode")
    for each in (batch, other):
        recorder = (_EncoderDecoderRecorder if two_halves else _Recorder)(model)
        with evaluating(recorder):
            predict(recorder, each)
        called.append(recorder)
    first, second = called
    graphs = [_graph(method, model, batch, first.called[method], second.called[method]) for method in first.called]
    return graphs, first.asked | second.asked


def _two_batches(task: Task, store: Store) -> tuple[Batch, Batch]:
    """The longest examples, and fewer of them, cut to half."""
    count = len(store) if store.same_as is None else int(store.same_as.max()) + 1
    lengths = store.length_of if store.length_of is not None else np.zeros(count)
    longest = torch.from_numpy(np.argsort(-lengths, kind="stable"))
    one = store.cut(longest[:1])
    columns = {name: int(one[name].shape[1]) for name in sorted(task.ragged) if name in one}  # targets are not there
    taken = {n for length in columns.values() for n in (max(length, _FEWEST), max(length, _FEWEST) // 2)}
    sizes = [n for n in (*ROWS, 7, 11, 13, 17) if n not in taken]
    batches = []
    for rows, half in zip(sizes, (False, True), strict=False):
        batch = store.cut(longest[torch.arange(rows) % len(longest)])
        for name in columns:
            length = max(batch[name].shape[1], _FEWEST)
            some = torch.arange(length // 2 if half else length) % max(1, batch[name].shape[1])
            for entry in (name, f"{name}_keep"):
                batch[entry] = batch[entry].index_select(1, some)
        batches.append(task.prepare(batch))
    return batches[0], batches[1]


def _graph(method: str, model: nn.Module, batch: Batch, first: list[Given], second: list[Given]) -> Graph:
    one, other = max(product(first[:_LOOKED_AT], second[:_LOOKED_AT]), key=_told_apart)
    if set(one) != set(other):
        raise RunError(f"the task gives {method} other arguments for another batch", where=type(model).__name__)
    names = _axis_names(one, other)
    inputs = tuple(
        Input(_name_of(batch, one, parameter), parameter, _axes(one[parameter], other[parameter], names),
              str(one[parameter].dtype).removeprefix("torch."))
        for parameter in one
    )  # fmt: skip
    with evaluating(model):
        found, again = (getattr(model, method)(**given) for given in (one, other))
    several = isinstance(found, tuple | list)
    pairs = list(zip(found, again, strict=True)) if several else [(found, again)]
    if not all(isinstance(part, Tensor) for part, _ in pairs):
        raise RunError(f"{method} gives more than tensors, which a graph cannot", where=type(model).__name__)
    outputs = tuple(_axes(a, b, names) for a, b in pairs)
    example = {name: copy.copy(tensor) for name, tensor in one.items()}
    return Graph(method, _parameters(model, method), inputs, outputs, several, example)


def _told_apart(pair: tuple[Given, Given]) -> tuple[int, int, int]:
    """How much two calls say about axes: how many differ; in how many sizes; how few of the first are of size 1."""
    one, other = pair
    sizes = [
        (a, b)
        for name in one.keys() & other.keys()
        for a, b in zip(one[name].shape, other[name].shape, strict=False)
        if a != b
    ]
    first = {a for a, _ in sizes}
    return len(sizes), len(first), -sum(a < 2 for a in first)


def _axis_names(one: Given, other: Given) -> dict[tuple[int, int], str]:
    """Sizes in the two calls -> a name. Axes of equal sizes are one; the first axis of all is the batch."""
    names: dict[tuple[int, int], str] = {}
    for parameter in one:
        for axis, sizes in enumerate(zip(one[parameter].shape, other[parameter].shape, strict=True)):
            if sizes[0] != sizes[1] and sizes not in names:
                lengths = sum(name != "batch" for name in names.values())
                names[sizes] = "batch" if axis == 0 else "length" if not lengths else f"length_{lengths + 1}"
    return names


def _axes(a: Tensor, b: Tensor, names: Mapping[tuple[int, int], str]) -> tuple[str | int, ...]:
    return tuple(m if m == n else names.get((m, n), "any") for m, n in zip(a.shape, b.shape, strict=True))


def _name_of(batch: Batch, given: Given, parameter: str) -> str:
    name = next((name for name, value in batch.items() if value is given[parameter]), parameter)
    twice = any(given[p] is given[parameter] for p in given if p != parameter)
    return parameter if twice else name
