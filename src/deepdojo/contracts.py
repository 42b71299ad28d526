"""What each task publishes, hides and asks for. Torch-free: scorer, host, report and reader know a task only through
this."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

__all__ = ["CONTRACTS", "DIFFERENT", "MEDIA", "SAME", "Contract", "KindName", "contract_of", "task_of"]

from deepdojo.errors import UnknownNameError

KindName = Literal[
    "label",
    "labels",
    "text",
    "texts",
    "tokens",
    "number",
    "vector",
    "matrix",
    "skeleton",
    "distribution",
    "marginals",
    "boxes",
    "audio",
    "image",
    "video",
    "gallery",
    "record",
]

MEDIA: frozenset[KindName] = frozenset({"image", "video", "audio"})
"""Kinds whose cells are encoded files: in Parquet their bytes, in a zip files of their own."""

SAME, DIFFERENT = "same", "different"
"""The labels of a pair of pictures: of one name, or of two."""


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
        ordered: the labels are grades.
        aligned: columns of a row whose cells have the same length (a tag for each word).
        optional: inputs that a project has only if its [columns] name them (`given`).
        hints: columns of rows with targets that help to learn and may be absent or empty (where an answer stands).
        within: column of texts -> the column of text in which one of them must stand, sign by sign.
        positive: the label that a project with two classes looks for; None where it names none.
        verbatim: a text is right as a whole or wrong (what was said), where other texts are so by degree.
        compared: inputs that hold what the first one is compared with. A row to learn from has none of them (None):
        its label is a name. A row that validates or is tested on is a question, and its names may be new ones.
    """

    inputs: Mapping[str, KindName]
    targets: Mapping[str, KindName]
    predictions: Mapping[str, KindName]
    metric: str
    host_inputs: Mapping[str, KindName] = field(default_factory=dict)
    ordered: bool = False
    aligned: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    hints: Mapping[str, KindName] = field(default_factory=dict)
    within: Mapping[str, str] = field(default_factory=dict)
    positive: str | None = None
    verbatim: bool = False
    compared: tuple[str, ...] = ()

    def given(self, roles: Collection[str]) -> Contract:
        """The contract of a project with these roles: without optional inputs that are not among them."""
        gone = [name for name in self.optional if name not in roles]
        if not gone:
            return self
        return replace(self, inputs={name: kind for name, kind in self.inputs.items() if name not in gone})

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
        return {**self.reads, **self.targets, **self.hints}

    @property
    def input(self) -> str:
        """The column that a row is about: the first that a model reads."""
        return next(iter(self.reads))

    @property
    def input_kind(self) -> KindName:
        return self.reads[self.input]

    @property
    def target(self) -> str:
        """The target column: the first."""
        return next(iter(self.targets))

    @property
    def target_kind(self) -> KindName:
        return self.targets[self.target]

    @property
    def answer(self) -> str:
        """The prediction that answers the target: that of the same name, else the first. Of a host-run task it is how
        well the model knew the answer."""
        return self.target if self.target in self.predictions else next(iter(self.predictions))

    @property
    def answer_kind(self) -> KindName:
        return self.predictions[self.answer]

    def met(self, truth: Mapping[str, Any], cells: Mapping[str, Any]) -> bool | None:
        """Whether predicted cells answer the target; None where that is a matter of degree."""
        right, said = truth[self.target], cells[self.answer]
        if self.target_kind == "texts" and self.target in self.within:
            return any(said.strip().lower() == text.strip().lower() for text in right)
        if self.verbatim:
            return bool(said.split() == right.split())
        if self.target_kind != self.answer_kind:  # a similarity has no threshold of its own
            return None
        return bool(right == said) if self.target_kind in ("label", "labels", "tokens") else None

    @property
    def distribution(self) -> str | None:
        """The prediction column that holds the probabilities of classes of which one is right, if there is one."""
        return next((name for name, kind in self.predictions.items() if kind == "distribution"), None)

    @property
    def probabilities(self) -> str | None:
        """The prediction column that holds probabilities of classes or of labels, if there is one."""
        return next((name for name, kind in self.predictions.items() if kind in ("distribution", "marginals")), None)


def _classification(inputs: Mapping[str, KindName], optional: tuple[str, ...] = ()) -> Contract:
    return Contract(
        inputs=inputs,
        optional=optional,
        targets={"label": "label"},
        predictions={"label": "label", "probabilities": "distribution"},
        metric="accuracy",
    )


CONTRACTS: Mapping[str, Contract] = {
    "image-classification": _classification({"image": "image"}),
    "detection": Contract(
        inputs={"image": "image"}, targets={"boxes": "boxes"}, predictions={"boxes": "boxes"}, metric="map50"
    ),
    "video-classification": _classification({"clip": "video"}),
    "captioning": Contract(
        inputs={"image": "image"},
        targets={"captions": "texts"},
        predictions={"caption": "text"},
        metric="caption_bleu",
    ),
    "verification": Contract(
        inputs={"image": "image", "other": "image"},
        targets={"label": "label"},
        predictions={"similarity": "number"},
        metric="eer",
        hints={"family": "label"},
        compared=("other",),
    ),
    "identification": Contract(
        inputs={"image": "image", "gallery": "gallery"},
        targets={"label": "label"},
        predictions={"label": "label", "similarities": "vector"},
        metric="accuracy",
        hints={"family": "label"},
        compared=("gallery",),
    ),
    "text-classification": _classification({"text": "text"}),
    "multi-label-classification": Contract(
        inputs={"text": "text"},
        targets={"labels": "labels"},
        predictions={"labels": "labels", "probabilities": "marginals"},
        metric="micro_f1",
    ),
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
    "ordinal-text-classification": Contract(
        inputs={"text": "text"},
        targets={"label": "label"},
        predictions={"label": "label", "probabilities": "distribution"},
        metric="quadratic_kappa",
        ordered=True,
    ),
    "forecasting": Contract(
        inputs={"past": "vector", "known": "matrix"},
        targets={"future": "vector", "scale": "number"},
        predictions={"future": "vector", "quantiles": "matrix"},
        metric="mase",
    ),
    "signal-classification": _classification({"signal": "matrix", "numbers": "vector"}, ("numbers",)),
    "skeleton-classification": _classification({"motion": "skeleton"}),
    "audio-classification": _classification({"audio": "audio"}),
    "speech-recognition": Contract(
        inputs={"audio": "audio"}, targets={"text": "text"}, predictions={"text": "text"}, metric="wer", verbatim=True
    ),
    "signal-transcription": Contract(
        inputs={"signal": "matrix"}, targets={"text": "text"}, predictions={"text": "text"}, metric="wer", verbatim=True
    ),
    "tagging": Contract(
        inputs={"words": "tokens", "pos": "tokens"},
        targets={"tags": "tokens"},
        predictions={"tags": "tokens"},
        metric="chunk_f1",
        aligned=("words", "pos", "tags"),
        optional=("pos",),
    ),
    "question-answering": Contract(
        inputs={"question": "text", "context": "text"},
        targets={"answers": "texts"},
        predictions={"answer": "text"},
        metric="squad_f1",
        hints={"starts": "vector"},
        within={"answers": "context"},
    ),
    "masked-language-modelling": Contract(
        inputs={},
        targets={"text": "text"},
        predictions={"guess": "record"},
        metric="masked_word_nats",
        host_inputs={"text": "text"},
    ),
    "speech-synthesis": Contract(
        inputs={"text": "text"}, targets={"audio": "audio"}, predictions={"audio": "audio"}, metric="mel_distance"
    ),
    "translation": Contract(
        inputs={"source": "text"}, targets={"target": "text"}, predictions={"target": "text"}, metric="bleu"
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
