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

__all__ = ["ELSEWHERE", "LAYERS", "Layer", "current", "layer_sources", "layer_summaries", "replaced", "require_built"]

LAYERS: dict[str, str] = {
    # name -> file of this folder
    "AdditiveAttention": "attention_additive_bahdanau",
    "AlibiPositions": "positions_alibi",
    "ArcFace": "loss_arcface",
    "AttentionPooling": "pooling_over_time",
    "BatchNorm1d": "batch_normalisation",
    "BatchNorm2d": "batch_normalisation",
    "BatchNorm3d": "batch_normalisation",
    "CRF": "crf",
    "CausalSelfAttention": "attention_causal",
    "Conv1d": "convolution",
    "Conv2d": "convolution",
    "Conv3d": "convolution_3d",
    "ConvTranspose1d": "convolution_transposed",
    "ConvTranspose2d": "convolution_transposed",
    "ConvTranspose3d": "convolution_transposed",
    "DecoderBlock": "transformer_decoder_block",
    "DecoderLayer": "transformer_decoder_layer",
    "DepthwiseSeparableConv2d": "convolution_depthwise_separable",
    "DropPath": "residual_drop_path",
    "Dropout": "dropouts",
    "ElmanOutput": "elman",
    "Embedding": "embeddings",
    "EncoderLayer": "transformer_encoder_layer",
    "FeedForward": "feed_forward",
    "GRU": "gru",
    "GatedFeedForward": "feed_forward_gated",
    "GroupNorm": "group_normalisation",
    "GroupedQueryAttention": "attention_grouped_query",
    "LSTM": "lstm",
    "LayerNorm": "layer_normalisation",
    "LearnedPositions": "positions_learned",
    "Linear": "fully_connected",
    "LuongAttention": "attention_luong",
    "MultiHeadAttention": "attention_multi_head",
    "PeriodicEmbedding": "embeddings_periodic",
    "RMSNorm": "rms_normalisation",
    "RNN": "elman",
    "RelativePositions": "positions_relative",
    "Residual": "residual_drop_path",
    "ResidualBlock": "residual_block",
    "RotaryPositions": "positions_rotary",
    "SinusoidalPositions": "positions_sinusoidal",
    "adaptive_average_pool1d": "pooling_adaptive",
    "adaptive_average_pool2d": "pooling_adaptive",
    "adaptive_average_pool3d": "pooling_adaptive",
    "adaptive_max_pool1d": "pooling_adaptive",
    "adaptive_max_pool2d": "pooling_adaptive",
    "adaptive_max_pool3d": "pooling_adaptive",
    "alibi_bias": "positions_alibi",
    "arcface_logits": "loss_arcface",
    "average_over_space": "pooling_global",
    "average_pool1d": "pooling",
    "average_pool2d": "pooling",
    "average_pool3d": "pooling",
    "batch_hard_triplet_loss": "loss_triplet",
    "batch_norm": "batch_normalisation",
    "biased_attention": "attention_biased",
    "box_giou": "loss_box_iou",
    "box_iou": "loss_box_iou",
    "causal_attention": "attention_causal",
    "conv1d": "convolution",
    "conv2d": "convolution",
    "conv3d": "convolution_3d",
    "conv_transpose1d": "convolution_transposed",
    "conv_transpose2d": "convolution_transposed",
    "conv_transpose3d": "convolution_transposed",
    "cross_entropy": "loss_cross_entropy",
    "ctc_loss": "loss_ctc",
    "distillation_loss": "loss_distillation",
    "dot_product_attention": "attention_dot_product",
    "drop_path": "residual_drop_path",
    "dropout": "dropouts",
    "elman_cell": "elman",
    "embedding": "embeddings",
    "gelu": "activations",
    "gelu_tanh": "activations",
    "giou_loss": "loss_box_iou",
    "group_norm": "group_normalisation",
    "grouped_query_attention": "attention_grouped_query",
    "gru_cell": "gru_gates",
    "heat_map_focal_loss": "loss_focal",
    "k_max_over_time": "pooling_over_time",
    "last_over_time": "pooling_over_time",
    "layer_norm": "layer_normalisation",
    "linear": "fully_connected",
    "log_partition": "crf_log_partition",
    "lstm_cell": "lstm_gates",
    "max_over_space": "pooling_global",
    "max_over_time": "pooling_over_time",
    "max_pool1d": "pooling",
    "max_pool2d": "pooling",
    "max_pool3d": "pooling",
    "mean_over_time": "pooling_over_time",
    "pad_same": "convolution_padding",
    "paired_giou": "loss_box_iou",
    "paired_iou": "loss_box_iou",
    "next_token_loss": "loss_cross_entropy",
    "one_shot_losses": "loss_one_shot",
    "prototypical_loss": "loss_prototypical",
    "relu": "activations",
    "relu_squared": "activations",
    "rms_norm": "rms_normalisation",
    "rotary": "positions_rotary",
    "rotary_neighbours": "positions_rotary",
    "scaled_dot_product_attention": "attention_dot_product",
    "sigmoid_focal_loss": "loss_focal",
    "silu": "activations",
    "sinusoidal_positions": "positions_sinusoidal",
    "sliding_window_attention": "attention_sliding_window",
    "softmax": "activations",
    "swiglu": "feed_forward_gated",
    "tag_marginals": "crf_marginals",
    "tanh": "activations",
    "triplet_loss": "loss_triplet",
    "viterbi": "crf_viterbi",
}
"""Every replaceable class and function, and the file of this folder that holds it."""

ELSEWHERE: dict[str, str] = {
    "adam": "AdamW: the optimizer of recipes with train.optimizer = adamw",
    "attention_rollout": "Shares of a decision by attention, where rows of an encoder are explained",
    "beam_search": "Several beginnings side by side, where a translation or a caption is written",
    "bpe_encode": "The pieces of a word, where texts are read as BPE",
    "deletion_auc": "The area under the deletion curve, beside the gap of each explanation",
    "draw": "One token drawn from probabilities, where a language model writes",
    "filtered": "Scores of tokens made probabilities: temperature, top-k, top-p",
    "flip_and_shift": "Pictures mirrored and moved, of recipes with train.flip and train.shift",
    "integrated_gradients": "Shares of a decision, where rows are explained",
    "iou_of": "Overlaps of predicted boxes, where detectors choose among them",
    "lora_linear": "The narrow matrices of a fine-tuning, of recipes with model.lora_rank",
    "mel_filters": "Triangles on the mel scale, where a sound becomes bands",
    "move_with_boxes": "Pictures and the boxes on them moved together, of detection",
    "schedule": "The learning rate of each step, where train.schedule = cosine",
    "sgd": "Stochastic gradient descent with momentum, of recipes with train.optimizer = sgd",
    "stft": "Spectra of windows, where speech is learned to be spoken",
    "suppressed": "Which of a class's predicted boxes stay (non-maximum suppression)",
}
"""What may be replaced and is no layer: it lies where it is used, and is taken by `current(name, ours)`."""

_HOOK = ("Layer", "current", "replaced", "require_built")


def __getattr__(name: str) -> Any:
    file = "hook" if name in _HOOK else LAYERS.get(name)
    if file is None:
        raise AttributeError(f"module 'deepdojo.layers' has no attribute {name!r}")
    return getattr(import_module(f"deepdojo.layers.{file}"), name)


@cache
def _docstrings(file: str) -> dict[str, str]:
    """The docstrings of a file's classes and functions, and under "" its own, read from the source without torch."""
    tree = ast.parse(Path(__file__).with_name(f"{file}.py").read_text(encoding="utf-8"))
    inside = (node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef))
    return {"": ast.get_docstring(tree) or "", **{node.name: ast.get_docstring(node) or "" for node in inside}}


def layer_summaries() -> dict[str, str]:
    """The first line of the docstring of every replaceable layer, by name."""
    return {name: _docstrings(file)[name].split("\n")[0] for name, file in LAYERS.items()}


def layer_sources() -> dict[str, str]:
    """Who published every replaceable layer: what its docstring says after `Source:`, or else that of the first other
    layer which it names (`see conv2d`), or else that of its file; or ""."""
    found = {name: _source(_docstrings(file)[name]) for name, file in LAYERS.items()}
    for _ in "ab":  # BatchNorm1d names BatchNorm2d, which names batch_norm
        for name, file in LAYERS.items():
            named = re.findall(r"`(\w+)`", _docstrings(file)[name])
            found[name] = found[name] or next((found[other] for other in named if found.get(other)), "")
    return {name: found[name] or _source(_docstrings(file)[""]) for name, file in LAYERS.items()}


def _source(text: str) -> str:
    said = text.partition("Source: ")[2].partition("\n\n")[0]
    said = re.split(r"[.\n]\s+(?:Raises|Numerics|Cost|Args|Returns|Deviation)s?\b", said)[0]
    return " ".join(said.split()).rstrip(".")
