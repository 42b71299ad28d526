"""What each family of tasks asks of a model: a call, and nothing else.

Dimensions: B batch, T time, S source, D width, N chosen steps, F numbers, G categories, C classes or outputs, V
vocabulary, Ch channels, Y and X image axes, H steps ahead, Q quantiles, W lengths of spans.
"""

from __future__ import annotations

from typing import Any, Protocol

from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = [
    "AuxiliaryClassifier",
    "Classifier",
    "ClipClassifier",
    "DenseDetector",
    "Embedder",
    "Forecaster",
    "FrameLabeller",
    "LanguageModel",
    "MaskedLanguageModel",
    "MelDecoder",
    "Seq2Seq",
    "SignalClassifier",
    "SpanReader",
    "TableModel",
    "Tagger",
]


class Classifier(Protocol):
    """One row of scores for an image, or for token ids with `keep` (True = a real token)."""

    def __call__(
        self,
        x: Float[Tensor, "B Ch Y X"] | Int[Tensor, "B T"],
        keep: Bool[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B C"]: ...


class AuxiliaryClassifier(Protocol):
    """A classifier with a second head for training, `auxiliary`, or None in its place where it was built without one.

    Called with `auxiliary=True` it gives the scores of both. `forward_with_auxiliary` is that call by name.
    """

    auxiliary: Any

    def forward_with_auxiliary(
        self, x: Float[Tensor, "B Ch Y X"]
    ) -> tuple[Float[Tensor, "B C"], Float[Tensor, "B C"]]: ...


class SignalClassifier(Protocol):
    """One row of scores for a signal of Ch channels over T steps, and F numbers beside it (F may be 0)."""

    def __call__(self, signal: Float[Tensor, "B Ch T"], numbers: Float[Tensor, "B F"]) -> Float[Tensor, "B C"]: ...


class ClipClassifier(Protocol):
    """One row of scores for T steps of a video, each of Ch channels: a frame and what changed since the last one."""

    def __call__(self, x: Float[Tensor, "B T Ch Y X"]) -> Float[Tensor, "B C"]: ...


class TableModel(Protocol):
    """One row of outputs for the numbers and the category ids of a table's row."""

    def __call__(self, numbers: Float[Tensor, "B F"], categories: Int[Tensor, "B G"]) -> Float[Tensor, "B C"]: ...


class LanguageModel(Protocol):
    """Scores of the token after each step, from that step and those before it; `cache` holds earlier steps."""

    def __call__(self, tokens: Int[Tensor, "B T"], cache: Any = None) -> Float[Tensor, "B T V"]: ...


class MaskedLanguageModel(Protocol):
    """Scores of every token at each step of a text with hidden words, or at the N steps that `at` names alone."""

    def __call__(
        self,
        x: Int[Tensor, "B T"],
        keep: Bool[Tensor, "B T"] | None = None,
        segments: Int[Tensor, "B T"] | None = None,
        at: Bool[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T V"] | Float[Tensor, "N V"]: ...


class Seq2Seq(Protocol):
    """A source becomes a memory once; the target's tokens are scored from those before them and the memory."""

    def encode(self, source: Tensor, keep: Bool[Tensor, "B S"] | None = None) -> Float[Tensor, "B S D"]: ...

    def decode(
        self,
        target: Int[Tensor, "B T"],
        memory: Float[Tensor, "B S D"],
        keep: Bool[Tensor, "B S"] | None = None,
        cache: Any = None,
    ) -> Float[Tensor, "B T V"]: ...

    def new_cache(self) -> Any:
        """What `decode` fills so that a step costs one step; `reorder(rows)` lets beams be dropped and doubled."""


class DenseDetector(Protocol):
    """For every cell of a coarse map: a logit of a centre for each class, and the distances to the box's four sides."""

    def __call__(
        self, image: Float[Tensor, "B Ch Y X"]
    ) -> tuple[Float[Tensor, "B C y x"], Float[Tensor, "B 4 y x"]]: ...


class MelDecoder(Protocol):
    """Frames of a mel spectrum for a text: as many as `frame_keep` has, shared among its tokens.

    To learn, a task asks in two steps: `read` gives the state, the mean frame and ln of the duration of each token,
    `speak` the frames once it is known how long each token lasts, and the mean frames repeated. `vocoder`, where there
    is one, makes sound of frames (and a mask of them).
    """

    vocoder: Any

    def __call__(
        self, tokens: Int[Tensor, "B S"], keep: Bool[Tensor, "B S"], frame_keep: Bool[Tensor, "B T"]
    ) -> tuple[Float[Tensor, "B T C"], Float[Tensor, "B S"]]: ...

    def read(
        self, tokens: Int[Tensor, "B S"], keep: Bool[Tensor, "B S"]
    ) -> tuple[Float[Tensor, "B S D"], Float[Tensor, "B S C"], Float[Tensor, "B S"]]: ...

    def speak(
        self,
        states: Float[Tensor, "B S D"],
        means: Float[Tensor, "B S C"],
        durations: Float[Tensor, "B S"],
        frame_keep: Bool[Tensor, "B T"],
    ) -> tuple[Float[Tensor, "B T C"], Float[Tensor, "B T C"]]: ...


class Embedder(Protocol):
    """One vector for a picture: pictures of one name lie near each other, of two names apart.

    A model that learns a direction for each name of the training rows has it as `centres`, an `ArcFace`; called with
    `cosines=True` it gives the cosines (B, C) with them in the place of the vectors. Else `centres` is None.
    """

    centres: Any

    def __call__(
        self, x: Float[Tensor, "B Ch Y X"], keep: None = None, *, cosines: bool = False
    ) -> Float[Tensor, "B D"]: ...


class Forecaster(Protocol):
    """Q quantiles of each of H steps ahead, from T steps of the past and F numbers known of each step ahead."""

    def __call__(self, past: Float[Tensor, "B T"], known: Float[Tensor, "B F H"]) -> Float[Tensor, "B H Q"]: ...


class FrameLabeller(Protocol):
    """Scores of each symbol, the blank among them, for each of S frames that N frames of F numbers become, and which of
    those are real: what CTC asks for."""

    def __call__(
        self, features: Float[Tensor, "B N F"], keep: Bool[Tensor, "B N"] | None = None
    ) -> tuple[Float[Tensor, "B S V"], Bool[Tensor, "B S"]]: ...


class Tagger(Protocol):
    """Scores of each tag for each word, from word ids and F further ids of a word (suffix, capitals, ...).

    `crf`, where there is one, scores the tags of a sentence together: `crf.nll` is the loss, `crf.decode` the answer.
    """

    crf: Any

    def __call__(
        self, words: Int[Tensor, "B T"], shapes: Int[Tensor, "B T F"], keep: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T C"]: ...


class SpanReader(Protocol):
    """Scores of the spans of a passage as answers to a question: entry [b, t, w] is that from token t to t + w.

    A span that leaves the passage has -inf. A word comes as its id and G ids of its spelling; a token of the passage
    also with F numbers, and with whether it shares its stem with each word of the question; a question also as ids of
    its kind and of the word that says what is asked for.
    """

    def __call__(
        self,
        question: Int[Tensor, "B S"],
        question_forms: Int[Tensor, "B S G"],
        question_keep: Bool[Tensor, "B S"],
        asked: Int[Tensor, "B 2"],
        passage: Int[Tensor, "B T"],
        passage_forms: Int[Tensor, "B T G"],
        passage_keep: Bool[Tensor, "B T"],
        numbers: Float[Tensor, "B T F"],
        same: Bool[Tensor, "B T S"],
    ) -> Float[Tensor, "B T W"]: ...
