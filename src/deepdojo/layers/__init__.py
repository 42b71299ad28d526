"""The mathematics: one idea a file, a fast torch kernel with a plain `*_reference` beside it. No tasks, files or data.

`LAYERS` names everything that a learner's own code may stand in for; the table, and `layer_summaries()`, need no torch.
"""

from __future__ import annotations

import ast
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["LAYERS", "Layer", "current", "layer_summaries", "replaced", "require_built"]

LAYERS: dict[str, str] = {
    # name -> file of this folder
    "AdditiveAttention": "attention_additive_bahdanau",
    "AttentionPooling": "pooling_over_time",
    "BatchNorm1d": "batch_normalisation",
    "BatchNorm2d": "batch_normalisation",
    "CRF": "crf",
    "CausalSelfAttention": "attention_causal",
    "Conv1d": "convolution",
    "Conv2d": "convolution",
    "DecoderBlock": "transformer_decoder_block",
    "Dropout": "dropouts",
    "ElmanOutput": "elman",
    "Embedding": "embeddings",
    "EncoderLayer": "transformer_encoder_layer",
    "GRU": "gru",
    "LSTM": "lstm",
    "LayerNorm": "layer_normalisation",
    "LearnedPositions": "positions_learned",
    "Linear": "fully_connected",
    "LuongAttention": "attention_luong",
    "MultiHeadAttention": "attention_multi_head",
    "RMSNorm": "rms_normalisation",
    "RNN": "elman",
    "RotaryPositions": "positions_rotary",
    "SinusoidalPositions": "positions_sinusoidal",
    "average_over_space": "pooling",
    "batch_norm": "batch_normalisation",
    "causal_attention": "attention_causal",
    "conv1d": "convolution",
    "conv2d": "convolution",
    "ctc_loss": "loss_ctc",
    "dropout": "dropouts",
    "elman_cell": "elman",
    "embedding": "embeddings",
    "gelu": "activations",
    "gru_cell": "gru_gates",
    "k_max_over_time": "pooling_over_time",
    "last_over_time": "pooling_over_time",
    "layer_norm": "layer_normalisation",
    "log_partition": "crf_log_partition",
    "linear": "fully_connected",
    "lstm_cell": "lstm_gates",
    "max_over_space": "pooling",
    "max_over_time": "pooling_over_time",
    "max_pool2d": "pooling",
    "mean_over_time": "pooling_over_time",
    "relu": "activations",
    "relu_squared": "activations",
    "rms_norm": "rms_normalisation",
    "rotary": "positions_rotary",
    "scaled_dot_product_attention": "attention_dot_product",
    "silu": "activations",
    "sinusoidal_positions": "positions_sinusoidal",
    "softmax": "activations",
    "tag_marginals": "crf_marginals",
    "tanh": "activations",
    "viterbi": "crf_viterbi",
}
"""Every replaceable class and function, and the file of this folder that holds it."""

_HOOK = ("Layer", "current", "replaced", "require_built")


def __getattr__(name: str) -> Any:
    file = "hook" if name in _HOOK else LAYERS.get(name)
    if file is None:
        raise AttributeError(f"module 'deepdojo.layers' has no attribute {name!r}")
    return getattr(import_module(f"deepdojo.layers.{file}"), name)


@cache
def layer_summaries() -> dict[str, str]:
    """The first line of the docstring of every replaceable layer, by name, read from the source without torch."""
    trees: dict[str, dict[str, str]] = {}
    for file in sorted(set(LAYERS.values())):
        tree = ast.parse(Path(__file__).with_name(f"{file}.py").read_text(encoding="utf-8"))
        trees[file] = {
            node.name: (ast.get_docstring(node) or "").split("\n")[0]
            for node in tree.body
            if isinstance(node, ast.ClassDef | ast.FunctionDef)
        }
    return {name: trees[file][name] for name, file in LAYERS.items()}
