"""What each task publishes, hides and asks for. Torch-free: scorer, host, report and reader know a task only through
this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["CONTRACTS", "Contract", "KindName", "contract_of", "task_of"]

from deepdojo.errors import UnknownNameError

KindName = Literal["label", "text", "number", "distribution", "image", "record"]


@dataclass(frozen=True)
class Contract:
    """The columns of one task.

    Attributes:
        inputs: published for held-out rows; `encode(learn=False)` sees nothing else.
        targets: hidden for held-out rows.
        predictions: asked for, beside `id`.
        metric: the default metric. Every metric of `deepdojo.scoring` whose kinds of columns occur here can judge
        the task.
    """

    inputs: Mapping[str, KindName]
    targets: Mapping[str, KindName]
    predictions: Mapping[str, KindName]
    metric: str

    @property
    def input(self) -> str:
        """The input column that a row is about: the first."""
        return next(iter(self.inputs))

    @property
    def input_kind(self) -> KindName:
        return self.inputs[self.input]

    @property
    def target(self) -> str:
        """The target column: the first. The prediction that answers it has the same name."""
        return next(iter(self.targets))

    @property
    def target_kind(self) -> KindName:
        return self.targets[self.target]

    @property
    def distribution(self) -> str | None:
        """The prediction column that holds probabilities, if there is one."""
        return next((name for name, kind in self.predictions.items() if kind == "distribution"), None)


def _classification(inputs: Mapping[str, KindName]) -> Contract:
    return Contract(
        inputs=inputs,
        targets={"label": "label"},
        predictions={"label": "label", "probabilities": "distribution"},
        metric="accuracy",
    )


CONTRACTS: Mapping[str, Contract] = {
    "image-classification": _classification({"image": "image"}),
    "text-classification": _classification({"text": "text"}),
    "tabular-classification": _classification({"features": "record"}),
    "tabular-regression": Contract(
        inputs={"features": "record"}, targets={"value": "number"}, predictions={"value": "number"}, metric="rmse"
    ),
}


def contract_of(task: str) -> Contract:
    """The contract of a task by its name. Raises UnknownNameError with the nearest name."""
    if task not in CONTRACTS:
        raise UnknownNameError("task", task, CONTRACTS)
    return CONTRACTS[task]


def task_of(input_kind: str, target_kind: str) -> str | None:
    """The task that goes from one kind of input to one kind of target, None where there is none."""
    kinds = (input_kind, target_kind)
    return next((name for name, c in CONTRACTS.items() if (c.input_kind, c.target_kind) == kinds), None)
