"""The table of models, and what their source files say about them, read without importing torch."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from deepdojo.errors import RecipeError, UnknownNameError

__all__ = ["ALIASES", "MODELS", "Field", "ModelEntry", "fitting", "is_alias", "model_fields", "unknown_model"]


@dataclass(frozen=True)
class ModelEntry:
    """Where a model stands and how it is called.

    Attributes:
        module: the file of this folder, which holds one class `...Config` and one class that is built from it.
        protocols: the protocols of `protocols.py` that it meets.
    """

    module: str
    protocols: tuple[str, ...]

    @property
    def summary(self) -> str:
        """One line: what it is."""
        return _docstring(self.module)[0]

    @property
    def paper(self) -> str:
        """The source paper, or ''."""
        text = " ".join(line.strip() for line in _docstring(self.module))
        return text.partition("Source: ")[2]

    @property
    def details(self) -> str:
        """What its file says between the first line and the source, but for the legend of dimensions; or ''."""
        paragraphs = "\n".join(_docstring(self.module)[1:]).partition("Source: ")[0].split("\n\n")
        return " ".join(" ".join(p.split()) for p in paragraphs if not p.strip().startswith("Dimensions:")).strip()

    def config_class(self) -> type:
        return getattr(import_module(f"deepdojo.models.{self.module}"), _config_node(self.module).name)

    def model_class(self) -> type:
        name = _config_node(self.module).name.removesuffix("Config")
        return getattr(import_module(f"deepdojo.models.{self.module}"), name)


# One line a model; everything else about it is in its file.
MODELS: Mapping[str, ModelEntry] = {
    "linear": ModelEntry("linear", ("Classifier", "TableModel")),
    "mlp": ModelEntry("mlp", ("Classifier", "TableModel")),
    "lenet": ModelEntry("lenet", ("Classifier",)),
    "cnn": ModelEntry("cnn", ("Classifier",)),
    "all_convolutional": ModelEntry("all_convolutional", ("Classifier",)),
    "resnet": ModelEntry("resnet", ("Classifier",)),
    "resnet_imagenet": ModelEntry("resnet_imagenet", ("Classifier",)),
    "inception": ModelEntry("inception", ("Classifier",)),
    "vit": ModelEntry("vit", ("Classifier",)),
    "clip_cnn": ModelEntry("clip_cnn", ("ClipClassifier",)),
    "spectrogram_cnn": ModelEntry("spectrogram_cnn", ("Classifier",)),
    "dense_detector": ModelEntry("dense_detector", ("DenseDetector",)),
    "embedding_cnn": ModelEntry("embedding_cnn", ("Embedder",)),
    "bag_of_ngrams": ModelEntry("bag_of_ngrams", ("Classifier",)),
    "text_cnn": ModelEntry("text_cnn", ("Classifier",)),
    "rnn": ModelEntry("rnn", ("Classifier",)),
    "transformer": ModelEntry("transformer", ("Classifier",)),
    "decoder": ModelEntry("decoder", ("LanguageModel",)),
    "bert": ModelEntry("bert", ("Classifier", "MaskedLanguageModel")),
    "bilstm_crf": ModelEntry("bilstm_crf", ("Tagger",)),
    "encoder_decoder": ModelEntry("encoder_decoder", ("Seq2Seq",)),
    "seq2seq": ModelEntry("seq2seq", ("Seq2Seq",)),
    "fastspeech": ModelEntry("fastspeech", ("MelDecoder",)),
    "show_and_tell": ModelEntry("show_and_tell", ("Seq2Seq",)),
    "forecast_linear": ModelEntry("forecast_linear", ("Forecaster",)),
    "forecast_mlp": ModelEntry("forecast_mlp", ("Forecaster",)),
    "forecast_rnn": ModelEntry("forecast_rnn", ("Forecaster",)),
    "frame_cnn": ModelEntry("frame_cnn", ("FrameLabeller",)),
    "signal_cnn": ModelEntry("signal_cnn", ("SignalClassifier",)),
    "transformer_tagger": ModelEntry("transformer_tagger", ("Tagger",)),
    "span_reader": ModelEntry("span_reader", ("SpanReader",)),
}


# What people call some of them.
ALIASES: Mapping[str, str] = {
    "gpt": "decoder", "gpt2": "decoder", "llama": "decoder", "qwen": "decoder", "qwen2": "decoder",
    "qwen3": "decoder", "mistral": "decoder", "lenet5": "lenet", "vgg": "cnn", "all_cnn": "all_convolutional",
    "lstm": "rnn", "gru": "rnn", "elman": "rnn", "inception_v3": "inception", "googlenet": "inception",
    "resnet18": "resnet_imagenet", "resnet34": "resnet_imagenet", "resnet50": "resnet_imagenet",
    "resnet20": "resnet", "resnet56": "resnet", "encoder": "transformer", "logistic_regression": "linear",
    "protonet": "embedding_cnn", "arcface": "embedding_cnn",
    "centernet": "dense_detector", "attention": "transformer", "translation": "encoder_decoder",
    "captioning": "show_and_tell", "tagger": "bilstm_crf", "crf": "bilstm_crf",
    "tts": "fastspeech", "tacotron": "fastspeech",
    "nlinear": "forecast_linear", "dlinear": "forecast_linear", "tide": "forecast_mlp",
    "cnn1d": "signal_cnn",
}  # fmt: skip


def is_alias(name: str) -> bool:
    """Whether people call one of the models so."""
    return _plain(name) in ALIASES


def unknown_model(name: str) -> UnknownNameError:
    """What to say of a name that no model has: under what name it is here, or the nearest one."""
    said = UnknownNameError("model", name, MODELS)
    if is_alias(name):
        known = ALIASES[_plain(name)]
        said.todo = f"it is here as {known!r}: dojo show {known}"
    return said


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")


@dataclass(frozen=True)
class Field:
    """A field of a model's config, as its source has it.

    Attributes:
        name: the key in a recipe's [model].
        type: as written ("int", "tuple[int, ...]").
        default: as written ("0.1"), or None when the data must give it.
        help: its docstring.
    """

    name: str
    type: str
    default: str | None
    help: str


def model_fields(name: str) -> list[Field]:
    """The config fields of a model with their docstrings. Raises UnknownNameError."""
    if name not in MODELS:
        raise unknown_model(name)
    return list(_fields(MODELS[name].module))


def fitting(dims: Collection[str] | Mapping[str, Any], protocol: str | None = None) -> list[str]:
    """The models whose required dimensions are all in `dims` and that meet `protocol`."""
    return [
        name
        for name, entry in MODELS.items()
        if (protocol is None or protocol in entry.protocols)
        and all(field.name in dims for field in model_fields(name) if field.default is None)
    ]


@cache
def _tree(module: str) -> ast.Module:
    path = Path(__file__).with_name(f"{module}.py")
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecipeError(
            f"the table of models names the file {path.name}, which is not there", where=__file__, todo="write it"
        ) from None


def _docstring(module: str) -> list[str]:
    return (ast.get_docstring(_tree(module)) or "").split("\n")


def _config_node(module: str) -> ast.ClassDef:
    return next(n for n in _tree(module).body if isinstance(n, ast.ClassDef) and n.name.endswith("Config"))


@cache
def _fields(module: str) -> tuple[Field, ...]:
    body = _config_node(module).body
    fields = []
    for node, following in zip(body, [*body[1:], None], strict=True):
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
            continue
        text = (
            following.value.value
            if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
            else ""
        )
        default = None if node.value is None else ast.unparse(node.value)
        fields.append(Field(node.target.id, ast.unparse(node.annotation), default, " ".join(str(text).split())))
    return tuple(fields)
