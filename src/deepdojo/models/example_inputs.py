"""One example for each kind of model, at which parameters and operations are counted and listed. Needs no torch.

To have a new protocol counted, add a line to `EXAMPLES`; a model whose usual input is another one, a line to `OWN`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from deepdojo.models.table import MODELS, model_fields

__all__ = ["EXAMPLES", "OWN", "Example", "Input", "example_of", "reads"]


@dataclass(frozen=True)
class Input:
    """A tensor of one example: real numbers; ids of tokens or categories, if `below` says of how many; or a mask.

    Attributes:
        shape: without the batch.
        below: ids are smaller than this.
        mask: boolean, all real.
    """

    shape: tuple[int, ...]
    below: int | None = None
    mask: bool = False

    def tensor(self) -> Any:
        """(1, *shape)."""
        import torch

        if self.mask:
            return torch.ones(1, *self.shape, dtype=torch.bool)
        return torch.zeros(1, *self.shape, dtype=torch.float32 if self.below is None else torch.int64)


@dataclass(frozen=True)
class Example:
    """What a family of models is counted at.

    Attributes:
        says: what it is, to stand after "for" ("a 3x32x32 image, 10 classes").
        protocol: of `protocols.py`.
        kind: of the contract's input column: image, text, tokens, record.
        dims: what the data fix, as tasks give it. A model is counted with its defaults for everything else.
        inputs: what it is called with.
        call: how, where that is not `model(*inputs)`.
    """

    says: str
    protocol: str
    kind: str
    dims: Mapping[str, Any]
    inputs: tuple[Input, ...]
    call: Callable[..., Any] | None = None

    def run(self, model: Any) -> Any:
        tensors = [each.tensor() for each in self.inputs]
        return model(*tensors) if self.call is None else self.call(model, *tensors)


def image(side: int, channels: int = 3, classes: int = 10) -> Example:
    """A square image of `side` pixels and its class."""
    dims = {
        "in_channels": channels, "height": side, "width": side, "in_features": channels * side * side,
        "num_outputs": classes,
    }  # fmt: skip
    says = f"a {channels}x{side}x{side} image, {classes:,} classes"
    return Example(says, "Classifier", "image", dims, (Input((channels, side, side)),))


def text(tokens: int, vocabulary: int, classes: int) -> Example:
    """A text and its class."""
    dims = {"vocab_size": vocabulary, "max_tokens": tokens, "first_character": vocabulary, "num_outputs": classes}
    says = f"a text of {tokens} tokens, {vocabulary:,} in the vocabulary, {classes} classes"
    return Example(says, "Classifier", "text", dims, (Input((tokens,), below=vocabulary),))


def _written(model: Any, source: Any, target: Any) -> Any:
    """What a sequence-to-sequence model costs: the source read once, each target token scored from those before it."""
    return model.decode(target, model.encode(source))


# One line a protocol (and kind of input). A model takes the first whose protocol it meets and whose dims are enough.
EXAMPLES: tuple[Example, ...] = (
    Example(
        "a row of 10 numbers and 3 categories of 8 values, 2 classes", "TableModel", "record",
        {"in_features": 10, "category_sizes": [8, 8, 8], "num_outputs": 2}, (Input((10,)), Input((3,), below=8)),
    ),
    image(32),
    Example(
        "a second of sound in 40 mel bands, 10 classes", "Classifier", "audio",
        {"in_channels": 1, "height": 40, "width": 100, "in_features": 4000, "bands": 40, "num_outputs": 10},
        (Input((1, 40, 100)),),
    ),
    text(64, 20_000, 2),
    Example(
        "a text of 128 bytes", "LanguageModel", "text", {"vocab_size": 256, "context": 128}, (Input((128,), below=256),)
    ),
    Example(
        "a text of 64 tokens, 20,000 in the vocabulary", "MaskedLanguageModel", "text", {"vocab_size": 20_000},
        (Input((64,), below=20_000),),
    ),
    Example(
        "a sentence of 24 words, 20,000 in the vocabulary, 3 further features of 8 values, 9 tags", "Tagger", "tokens",
        {"vocab_size": 20_000, "feature_sizes": [8, 8, 8], "num_outputs": 9},
        (Input((24,), below=20_000), Input((24, 3), below=8), Input((24,), mask=True)),
    ),
    Example(
        "a sentence of 24 tokens and its translation of 24, 10,000 in each vocabulary", "Seq2Seq", "text",
        {"source_vocab_size": 10_000, "target_vocab_size": 10_000},
        (Input((24,), below=10_000), Input((24,), below=10_000)), _written,
    ),
    Example(
        "a 3x128x128 image and its caption of 12 words, 10,000 in the vocabulary", "Seq2Seq", "image",
        {"in_channels": 3, "height": 128, "width": 128, "target_vocab_size": 10_000},
        (Input((3, 128, 128)), Input((12,), below=10_000)), _written,
    ),
    Example(
        "168 steps of a series, 24 ahead with 21 numbers known of each, 9 quantiles", "Forecaster", "vector",
        {"context": 168, "horizon": 24, "known_channels": 21, "num_outputs": 9}, (Input((168,)), Input((21, 24))),
    ),
    Example(
        "2 channels of 100 steps and 6 numbers, 4 classes", "SignalClassifier", "matrix",
        {"in_channels": 2, "steps": 100, "in_features": 6, "num_outputs": 4}, (Input((2, 100)), Input((6,))),
    ),
    Example(
        "9 steps of a grey video of 48x80 pixels, 2 classes", "ClipClassifier", "video",
        {"in_channels": 3, "steps": 9, "height": 48, "width": 80, "num_outputs": 2}, (Input((9, 3, 48, 80)),),
    ),
    Example(
        "three seconds of sound in 40 mel bands, 30 symbols", "FrameLabeller", "audio",
        {"frame_features": 40, "num_outputs": 30}, (Input((300, 40)), Input((300,), mask=True)),
    ),
    Example(
        "a question of 12 words on a passage of 120, 20,000 in the vocabulary, 31 numbers a word, spans of up to 16",
        "SpanReader", "text",
        {"vocab_size": 20_000, "form_sizes": [2_000, 10], "num_features": 31, "num_kinds": 18, "max_span": 16},
        (
            Input((12,), below=20_000), Input((12, 2), below=10), Input((12,), mask=True), Input((2,), below=18),
            Input((120,), below=20_000), Input((120, 2), below=10), Input((120,), mask=True), Input((120, 31)),
            Input((120, 12), mask=True),
        ),
    ),
    Example(
        "a sentence of 50 characters and 190 frames of 80 bands", "MelDecoder", "text",
        {"vocab_size": 40, "mel_bands": 80, "hop_samples": 256, "window_samples": 1024},
        (Input((50,), below=40), Input((50,), mask=True), Input((190,), mask=True)),
    ),
    replace(image(256, classes=20), says="a 3x256x256 image, 20 classes of objects", protocol="DenseDetector"),
    replace(image(56, channels=1, classes=40), says="a 1x56x56 image, 40 names to learn from", protocol="Embedder"),
)  # fmt: skip

# Models whose usual input is another one.
OWN: Mapping[str, Example] = {
    "lenet": image(28, channels=1),
    "resnet_imagenet": image(224, classes=1000),
    "inception": image(299, classes=1000),
}


def example_of(name: str) -> Example | None:
    """The example at which a model is counted, or None where no line of `EXAMPLES` is for it."""
    if name in OWN:
        return OWN[name]
    needed = _needed(name)
    fitting = (e for e in EXAMPLES if e.protocol in MODELS[name].protocols and needed <= set(e.dims))
    return next(fitting, None)


def reads(name: str, protocol: str, kind: str) -> bool:
    """Whether a model can be built for a task that asks for `protocol` and has an input of `kind`."""
    if protocol not in MODELS[name].protocols:
        return False
    known = [e for e in (*EXAMPLES, *OWN.values()) if (e.protocol, e.kind) == (protocol, kind)]
    return not known or any(_needed(name) <= set(e.dims) for e in known)


def _needed(name: str) -> set[str]:
    return {field.name for field in model_fields(name) if field.default is None}
