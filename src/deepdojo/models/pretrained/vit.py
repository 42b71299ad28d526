"""Checkpoints of Transformers' ViT (google/vit-base-patch16-224 and its kind) as `vit`, and back.

The names are those in the file. Since version 5 Transformers' own state dict has others, and it renames on reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepdojo.models.checks import require
from deepdojo.models.pretrained.activation_names import our_activation, their_activation
from deepdojo.models.pretrained.labels import number_of_labels, their_labels
from deepdojo.models.pretrained.tensor_map import Entry
from deepdojo.models.vit import VitConfig

__all__ = ["HEADS", "IGNORED", "MODEL", "MODEL_TYPE", "PREFIX", "entries", "from_arguments", "to_arguments", "writes"]

MODEL_TYPE = "vit"
MODEL = "vit"
HEADS = {"ViTForImageClassification": "classifier", "ViTModel": "none"}
PREFIX = "vit."
"""Stands before the names of all but the head's tensors in the file of a model with a head."""
IGNORED: tuple[str, ...] = (r"(vit\.)?pooler\.dense\.(weight|bias)", r"(vit\.)?embeddings\.mask_token")
"""The pooler of the bare model, which no token's vector depends on, and the token of its masked pre-training."""


def writes(config: Any) -> bool:
    """Whether a model of this config can be written."""
    return isinstance(config, VitConfig)


def to_arguments(theirs: Mapping[str, Any], head: str) -> dict[str, Any]:
    """The arguments of `create_model(MODEL, ...)` for their config.json.

    Dropout on attention weights (attention_probs_dropout_prob) is left out: it acts in training only, and `vit` has
    none. Raises: RecipeError for another activation, or no layers.
    """
    D, heads = theirs.get("hidden_size", 768), theirs.get("num_attention_heads", 12)
    head_width = theirs.get("head_dim") or D // heads
    require(head_width > 0, "num_attention_heads", f"{heads} heads leave nothing of a width of {D} to each")
    height, width = _pair(theirs.get("image_size", 224))
    patch = theirs.get("patch_size", 16)
    return {
        "in_channels": theirs.get("num_channels", 3),
        "height": height,
        "width": width,
        "num_outputs": number_of_labels(theirs),
        "head": head,
        "patch": patch if isinstance(patch, int) else list(patch),
        "border": "crop",  # as theirs does, without a word
        "model_width": D,
        "num_layers": theirs.get("num_hidden_layers", 12),
        "num_heads": heads,
        "head_width": 0 if head_width * heads == D else head_width,
        "feed_forward": theirs.get("intermediate_size", 3072),
        "activation": our_activation(theirs.get("hidden_act", "gelu")),
        "qkv_bias": theirs.get("qkv_bias", True),
        "norm_eps": theirs.get("layer_norm_eps", 1e-12),
        "dropout": theirs.get("hidden_dropout_prob", 0.0),
    }


def from_arguments(config: VitConfig, head: str) -> dict[str, Any]:
    """Their config.json for a model of ours."""
    patch, image = config.patch_sides(), (config.height, config.width)
    usual = config.model_width // config.num_heads
    return {
        "model_type": MODEL_TYPE,
        "architectures": [name for name, ours in HEADS.items() if ours == head],
        "num_channels": config.in_channels,
        "image_size": image[0] if image[0] == image[1] else list(image),
        "patch_size": patch[0] if patch[0] == patch[1] else list(patch),
        "hidden_size": config.model_width,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        **({"head_dim": config.head_width} if config.head_width not in (0, usual) else {}),
        "intermediate_size": config.feed_forward or 4 * config.model_width,
        "hidden_act": their_activation(config.activation),
        "qkv_bias": config.qkv_bias,
        "layer_norm_eps": config.norm_eps,
        "hidden_dropout_prob": config.dropout,
        "attention_probs_dropout_prob": 0.0,
        **their_labels(config.num_outputs),
    }


def entries(config: VitConfig, head: str) -> list[Entry]:
    """Every parameter of ours, and its names in the file."""
    prefix = "" if head == "none" else PREFIX
    found = [
        Entry("cls", (f"{prefix}embeddings.cls_token",), leading=2),
        Entry("positions.weight", (f"{prefix}embeddings.position_embeddings",), leading=1),
        *_both("patches", f"{prefix}embeddings.patch_embeddings.projection"),
    ]
    for i in range(config.num_layers):
        ours, theirs = f"layers.{i}", f"{prefix}encoder.layer.{i}"
        for part in ("weight", "bias") if config.qkv_bias else ("weight",):
            names = tuple(f"{theirs}.attention.attention.{kind}.{part}" for kind in ("query", "key", "value"))
            found.append(Entry(f"{ours}.attention.in_proj_{part}", names))
        found += _both(f"{ours}.attention.out_proj", f"{theirs}.attention.output.dense")
        found += _both(f"{ours}.norm1", f"{theirs}.layernorm_before")
        found += _both(f"{ours}.norm2", f"{theirs}.layernorm_after")
        found += _both(f"{ours}.linear1", f"{theirs}.intermediate.dense")
        found += _both(f"{ours}.linear2", f"{theirs}.output.dense")
    found += _both("norm", f"{prefix}layernorm")
    return found + _both("head", "classifier") if head == "classifier" else found


def _both(ours: str, theirs: str) -> list[Entry]:
    return [Entry(f"{ours}.{part}", (f"{theirs}.{part}",)) for part in ("weight", "bias")]


def _pair(value: int | list[int] | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])
