"""What each task publishes, hides and asks for. Torch-free: scorer, host, report and reader know a task only through
this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["CONTRACTS", "Contract", "KindName", "contract_of", "task_of"]

from deepdojo.errors import UnknownNameError

KindName = Literal["label", "text", "number", "distribution", "image", "record"]


@dataclass(frozen=True)
class Contract:
    """The columns of one task.

    Attributes:
        inputs: published for held-out rows; `encode(learn=False)` sees nothing else (but for `host_inputs`).
        targets: hidden for held-out rows.
        predictions: asked for, beside `id`.
        metric: the default metric. Every metric of `deepdojo.scoring` whose kinds of columns occur here can judge
        the task.
        host_inputs: what a model reads of held-out rows where that is the answer itself (language modelling): nothing
        is published, the host runs the model, and only a table that such a run made may rank.
    """

    inputs: Mapping[str, KindName]
    targets: Mapping[str, KindName]
    predictions: Mapping[str, KindName]
    metric: str
    host_inputs: Mapping[str, KindName] = field(default_factory=dict)

    @property
    def host_run(self) -> bool:
        """Whether a prediction table from outside proves nothing, since whoever makes it must know the answers."""
        return bool(self.host_inputs)

    @property
    def reads(self) -> Mapping[str, KindName]:
        """What `encode(learn=False)` sees of a row."""
        return self.host_inputs or self.inputs

    @property
    def columns(self) -> Mapping[str, KindName]:
        """Of a row with its targets."""
        return {**self.reads, **self.targets}

    @property
    def input(self) -> str:
        """The column that a row is about: the first that a model reads."""
        return next(iter(self.reads))

    @property
    def input_kind(self) -> KindName:
        return self.reads[self.input]

    @property
    def target(self) -> str:
        """The target column: the first. The prediction that answers it has the same name, unless the task is
        host-run: what a model says there is how well it knew the answer."""
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
    "language-modelling": Contract(
        inputs={},
        targets={"text": "text"},
        predictions={"nll_nats": "number"},
        metric="bits_per_byte",
        host_inputs={"text": "text", "context": "text"},
    ),
    "masked-language-modelling": Contract(
        inputs={},
        targets={"text": "text"},
        predictions={"guess": "record"},
        metric="masked_word_nats",
        host_inputs={"text": "text"},
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
    found = (name for name, c in CONTRACTS.items() if (c.input_kind, c.target_kind) == kinds and not c.host_run)
    return next(found, None)
