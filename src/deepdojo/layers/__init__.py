"""The mathematics: one idea a file, a fast torch kernel with a plain `*_reference` beside it. No tasks, files or data.

`LAYERS` names everything that a learner's own code may stand in for; the table, `layer_summaries()` and
`layer_sources()` need no torch.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["LAYERS", "Layer", "current", "layer_sources", "layer_summaries", "replaced", "require_built"]

LAYERS: dict[str, str] = {
    # name -> file of this folder
    "ArcFace": "loss_arcface",
    "BatchNorm1d": "batch_normalisation",
    "BatchNorm2d": "batch_normalisation",
    "CausalSelfAttention": "attention_causal",
    "Conv1d": "convolution",
    "Conv2d": "convolution",
    "DecoderBlock": "transformer_decoder_block",
    "Dropout": "dropouts",
    "Embedding": "embeddings",
    "EncoderLayer": "transformer_encoder_layer",
    "LSTM": "lstm",
    "LayerNorm": "layer_normalisation",
    "LearnedPositions": "positions_learned",
    "Linear": "fully_connected",
    "MultiHeadAttention": "attention_multi_head",
    "RMSNorm": "rms_normalisation",
    "RotaryPositions": "positions_rotary",
    "SinusoidalPositions": "positions_sinusoidal",
    "adaptive_average_pool2d": "pooling_adaptive",
    "arcface_logits": "loss_arcface",
    "average_over_space": "pooling",
    "batch_hard_triplet_loss": "loss_triplet",
    "batch_norm": "batch_normalisation",
    "causal_attention": "attention_causal",
    "conv1d": "convolution",
    "conv2d": "convolution",
    "cross_entropy": "loss_cross_entropy",
    "distillation_loss": "loss_distillation",
    "dropout": "dropouts",
    "embedding": "embeddings",
    "gelu": "activations",
    "last_over_time": "pooling",
    "layer_norm": "layer_normalisation",
    "linear": "fully_connected",
    "lstm_cell": "lstm_gates",
    "max_over_space": "pooling",
    "max_over_time": "pooling",
    "max_pool2d": "pooling",
    "mean_over_time": "pooling",
    "prototypical_loss": "loss_prototypical",
    "relu": "activations",
    "relu_squared": "activations",
    "rms_norm": "rms_normalisation",
    "rotary": "positions_rotary",
    "scaled_dot_product_attention": "attention_dot_product",
    "silu": "activations",
    "sinusoidal_positions": "positions_sinusoidal",
    "softmax": "activations",
    "tanh": "activations",
    "triplet_loss": "loss_triplet",
}
"""Every replaceable class and function, and the file of this folder that holds it."""

_HOOK = ("Layer", "current", "replaced", "require_built")


def __getattr__(name: str) -> Any:
    file = "hook" if name in _HOOK else LAYERS.get(name)
    if file is None:
        raise AttributeError(f"module 'deepdojo.layers' has no attribute {name!r}")
    return getattr(import_module(f"deepdojo.layers.{file}"), name)


@cache
def _docstrings() -> dict[str, str]:
    """The docstring of every replaceable layer, by name, read from the source without torch."""
    trees: dict[str, dict[str, str]] = {}
    for file in sorted(set(LAYERS.values())):
        tree = ast.parse(Path(__file__).with_name(f"{file}.py").read_text(encoding="utf-8"))
        trees[file] = {
            node.name: ast.get_docstring(node) or ""
            for node in tree.body
            if isinstance(node, ast.ClassDef | ast.FunctionDef)
        }
    return {name: trees[file][name] for name, file in LAYERS.items()}


def layer_summaries() -> dict[str, str]:
    """The first line of the docstring of every replaceable layer, by name."""
    return {name: text.split("\n")[0] for name, text in _docstrings().items()}


def layer_sources() -> dict[str, str]:
    """Who published every replaceable layer: what its docstring says after `Source:`, or else that of the first other
    layer which it names (`see conv2d`); or ""."""
    texts = _docstrings()
    own = {name: _source(text) for name, text in texts.items()}
    named = {name: [other for other in re.findall(r"`(\w+)`", text) if own.get(other)] for name, text in texts.items()}
    return {name: own[name] or next((own[other] for other in named[name]), "") for name in texts}


def _source(text: str) -> str:
    said = text.partition("Source: ")[2].partition("\n\n")[0]
    said = re.split(r"[.\n]\s+(?:Raises|Numerics|Cost|Args|Returns|Deviation)s?\b", said)[0]
    return " ".join(said.split()).rstrip(".")
