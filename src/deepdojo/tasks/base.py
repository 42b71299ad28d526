"""The interface between rows and a model. Read this file and one task to know them all.

Legend: B examples in a batch, C classes or channels, T tokens.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.contracts import CONTRACTS, Contract
from deepdojo.errors import DataError, RecipeError, UnknownNameError

__all__ = ["Batch", "ClassBatching", "Example", "Look", "Part", "Piece", "Row", "Task"]

Row = dict[str, Any]
Example = dict[str, Any]
Batch = dict[str, Tensor]
Part = Any


@dataclass(frozen=True)
class Piece:
    """What an explanation deletes as one: an image patch, a token, a column.

    Attributes:
        label: the token or the column; [y0, x0, y1, x1] in pixels of the model's input; [start, end] in steps of it.
        where: batch entry -> index into one example's tensor.
    """

    label: str | list[int]
    where: Mapping[str, Any]


@dataclass(frozen=True)
class Look:
    """Where a model looked in the picture while it gave one part of its answer, as its own weights say.

    Attributes:
        part: the word.
        weights: (rows, columns) over a grid that covers the picture evenly; not negative.
    """

    part: str
    weights: np.ndarray


@dataclass(frozen=True)
class ClassBatching:
    """Batches of whole classes.

    Attributes:
        entry: the fixed entry that holds an example's class.
        each: examples of a class in a batch.
        family: the fixed entry that holds which classes are alike (letters of one alphabet); None: none are.
        hard: share of the batches whose classes come from as few families as have enough of them.
    """

    entry: str
    each: int
    family: str | None = None
    hard: float = 0.0


@dataclass(frozen=True)
class Task(ABC):
    """A fitted task. Its fields are JSON values or codecs: all that was learned from training rows, and nothing
    else."""

    name: ClassVar[str]
    ragged: ClassVar[frozenset[str]] = frozenset()
    """Entries padded to the longest of their batch; each gets `<name>_keep`, True for what is real."""
    length: ClassVar[str | None] = None
    """The ragged entry whose length sorts examples into batches."""
    beside: ClassVar[tuple[str, ...]] = ()
    """Further ragged entries whose lengths are added to it where an example has them: a translation beside its
    source."""
    blank: ClassVar[Mapping[str, float]] = {}
    """Entries that an explanation perturbs, and what stands there for `nothing`, after `prepare`. None: nothing can be
    deleted, so decisions are not explained."""
    images: ClassVar[tuple[str, ...]] = ()
    """Entries (B, C, Y, X) that augmentation may mirror and move without changing what is right."""
    boxes: ClassVar[tuple[str, ...]] = ()
    """Ragged entries (B, N, 4) of boxes on them, x0, y0, x1, y1 in their pixels: augmentation moves both together."""
    spectra: ClassVar[tuple[str, ...]] = ()
    """Entries (B, N, M), frames of mel bands in nats above silence, that augmentation may play faster or higher, put
    noise on and cover in parts without changing what is right."""
    soft: ClassVar[bool] = False
    """Whether `loss` takes probabilities (B, C) in the place of the classes that `classes` names."""
    smooths: ClassVar[bool] = False
    """Whether `loss` itself spreads the share `batch["label_smoothing"]` (B,) of each target over all classes: as
    probabilities the classes of every step of a text would be larger than the model."""
    shares: ClassVar[bool] = False
    """Whether rows share examples when they are predicted (the pictures of a gallery): `parts_needed` then says which,
    and each is encoded and predicted once, for however many rows."""
    writes: ClassVar[bool] = False
    """Whether the model can go on with a text (`write`)."""
    protocol: ClassVar[str]
    """The name in `models/protocols.py` that a model must follow."""

    @property
    def contract(self) -> Contract:
        return CONTRACTS[self.name]

    @property
    def window(self) -> int | None:
        """Training cuts the `length` entry of all examples, laid end to end, into windows of so many values, at offsets
        that each epoch draws anew; a batch has them, and the values one step later as `<name>_next`. None: examples
        are learned from as they are encoded."""
        return None

    @property
    def while_training(self) -> Task:
        """The task as validation rows are predicted with after each epoch, where a cheaper way judges as well (a
        search with one beam). What a run reports is the task's own."""
        return self

    @property
    def eval_tokens(self) -> int:
        """Values of the `length` entry that a batch may hold when nothing is learned."""
        return 32_768

    @classmethod
    @abstractmethod
    def fit(cls, rows: Sequence[Row], *args: Any, **options: Any) -> Self:
        """Vocabulary, classes, mean and spread, from training rows only. `options` is the recipe's [task]."""

    @abstractmethod
    def dims(self) -> dict[str, Any]:
        """What a model must be built for, in the words of model configs."""

    @abstractmethod
    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        """Examples of one row.

        Args:
            learn: True gives targets too, and only examples that one can learn from; False reads the contract's inputs
                alone and gives at least one example. Deterministic and free of the device: it runs once.
        """

    def parts_needed(self, row: Row) -> list[tuple[Any, Any]]:
        """Of a task that `shares`: (key, cell) of each example that a row needs, in the order of its parts. What has
        equal keys is the same example."""
        raise NotImplementedError

    def encode_shared(self, cell: Any) -> Example:
        """The example of one of these cells."""
        raise NotImplementedError

    @property
    def class_batches(self) -> ClassBatching | None:
        """How training batches are drawn where each must hold several examples of each of its classes."""
        return None

    def encode_many(self, rows: Sequence[Row], *, learn: bool) -> Iterator[list[Example] | DataError]:
        """`encode` of each row, or why it cannot be encoded. A task overrides it where many at once are faster."""
        for row in rows:
            try:
                yield list(self.encode(row, learn=learn))
            except DataError as error:
                yield error

    @abstractmethod
    def loss(self, model: nn.Module, batch: Batch) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        """(total, weight) of each example. The loop's loss is sum(total) / sum(weight) over micro-batches."""

    @abstractmethod
    def predict(self, model: nn.Module, batch: Batch) -> list[Part]:
        """One plain part for each example, on the device, without gradient."""

    @abstractmethod
    def decode(self, row: Row, parts: list[Part]) -> dict[str, Any]:
        """All parts of a row folded into its cells of the prediction table."""

    @abstractmethod
    def pieces(self, row: Row, example: Example) -> list[Piece]:
        """What an explanation may delete of this example."""

    def looks(self, model: nn.Module, batch: Batch) -> list[Look]:
        """Where the model looks for each part of the answer that the batch's one example holds: a report draws it over
        the picture. Nothing for models that do not choose where they look."""
        return []

    def canvas(self, row: Row, example: Example) -> tuple[int, int] | None:
        """Height and width of what the boxes of `pieces` lie on; None: the last two axes of the entry that they are
        of."""
        return None

    def tint(self, row: Row, parts: list[Part]) -> list[tuple[str, float]]:
        """Pieces of a row's text with the loss of each, where the parts say so: a report shows them tinted."""
        return []

    def timing(self, row: Row, parts: list[Part]) -> list[tuple[str, float]]:
        """Of a task that says a text: each sign with the seconds that it lasts; a report draws them along the sound."""
        return []

    def write(
        self,
        model: nn.Module,
        prompt: str,
        count: int,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
    ) -> str:
        """A text that begins with `prompt` and goes on for `count` symbols, where the task `writes`.

        Args:
            temperature: 0 takes the likeliest. top_k, top_p: draw from the likeliest alone.
        """
        raise NotImplementedError

    def classes(self) -> dict[str, int]:
        """Entries that hold a class index, and how many classes there are; they may come as probabilities if `soft`."""
        return {}

    @classmethod
    def words(cls) -> dict[str, float]:
        """Ragged entries whose cells may become the unknown one, and its id."""
        return {name: value for name, value in cls.blank.items() if name in cls.ragged}

    def draw(self, batch: Batch, generator: torch.Generator) -> Batch:
        """What a task draws anew for each training batch, on the batch's device: which words are hidden. The generator
        is on the CPU; seed, step and micro-batch decide it. A task that draws nothing leaves this as it is."""
        return batch

    def prepare(self, batch: Batch) -> Batch:
        """The batch as the model gets it (idempotent): integers that stand for real values made float and
        normalised."""
        return batch

    def prime(self, model: nn.Module, batches: Iterable[Batch]) -> None:  # noqa: B027 - most tasks have nothing to say
        """Let a model that asks for it look once at all training examples before its first step."""

    def as_truth(self, row: Row, cells: Mapping[str, Any]) -> Row:
        """The row as if the prediction were the answer: explanations ask how its loss moves."""
        return {**row, **{column: cells[column] for column in self.contract.targets if column in cells}}

    def adopted(self) -> Self:
        """The task after a codec was put into it that comes from where a network was pre-trained. Raises RecipeError
        for one that it cannot use."""
        return self

    def blank_of(self, entry: str) -> float:
        """`blank` of a fitted task: the id of what is unknown, where a tokenizer has one of its own."""
        return self.blank[entry]

    def state(self) -> dict[str, Any]:
        """JSON state from which `restore_task` makes an equal task."""
        return {"task": self.name, **dataclasses.asdict(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        hints = typing.get_type_hints(cls)
        fields = [f for f in dataclasses.fields(cls) if f.name in state]  # an older run lacks what is newer than it
        return cls(**{f.name: _restored(hints[f.name], state[f.name]) for f in fields})

    @classmethod
    def check_options(cls, options: Mapping[str, Any]) -> None:
        """Raise for an unknown key of the recipe's [task], with the nearest right one, or a value of a wrong type."""
        known = {p.name: p for p in inspect.signature(cls.fit).parameters.values() if p.kind is p.KEYWORD_ONLY}
        hints = typing.get_type_hints(cls.fit)
        for key, value in options.items():
            if key not in known:
                raise UnknownNameError(f"{cls.name} option", key, known, where=f"task.{key}")
            if not _fits(value, hints[key]):
                raise RecipeError(f"{value!r} does not fit; expected {_readable(hints[key])}", where=f"task.{key}")


def _fits(value: Any, hint: Any) -> bool:
    allowed = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for kind in allowed:
        if kind is type(None):
            if value is None:
                return True
        elif typing.get_origin(kind) is list:
            if isinstance(value, list | tuple) and all(_fits(part, typing.get_args(kind)[0]) for part in value):
                return True
        elif isinstance(value, bool):  # a bool is an int to Python; a recipe that says `true` does not mean 1
            if kind is bool:
                return True
        elif isinstance(value, (int, float) if kind is float else kind):
            return True
    return False


def _readable(hint: Any) -> str:
    allowed = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    words: dict[Any, str] = {
        list[str]: "a list of texts",
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "text",
    }
    return " or ".join(words.get(kind, str(kind)) for kind in allowed if kind is not type(None))


def _restored(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    codecs = [kind for kind in kinds if dataclasses.is_dataclass(kind)]
    if codecs:  # of several the one whose `kind` the state names; the first has none
        codec: Any = next((c for c in codecs if getattr(c, "kind", None) == value.get("kind")), codecs[0])
        hints = typing.get_type_hints(codec)
        fields = [f for f in dataclasses.fields(codec) if f.name in value]
        return codec(**{f.name: _restored(hints[f.name], value[f.name]) for f in fields})
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)[0]
        return tuple(_restored(inner, v) for v in value)
    return value


def mean_of(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of a row's parts, in float64."""
    return np.mean(np.asarray(parts, dtype=np.float64), axis=0)
