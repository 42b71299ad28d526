"""Checkpoints of Transformers' ResNet (microsoft/resnet-50 and its kind) as `resnet_imagenet`, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deepdojo.models.checks import require
from deepdojo.models.pretrained.activation_names import our_activation, their_activation
from deepdojo.models.pretrained.labels import number_of_labels, their_labels
from deepdojo.models.pretrained.tensor_map import Entry
from deepdojo.models.resnet_imagenet import ResnetImagenetConfig

__all__ = ["HEADS", "IGNORED", "MODEL", "MODEL_TYPE", "PREFIX", "entries", "from_arguments", "to_arguments", "writes"]

MODEL_TYPE = "resnet"
MODEL = "resnet_imagenet"
HEADS = {"ResNetForImageClassification": "classifier", "ResNetModel": "none"}
PREFIX = "resnet."
"""Stands before the names of all but the head's tensors in the file of a model with a head."""
IGNORED: tuple[str, ...] = ()

_STATISTICS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def writes(config: Any) -> bool:
    """Whether a model of this config can be written."""
    return isinstance(config, ResnetImagenetConfig)


def to_arguments(theirs: Mapping[str, Any], head: str) -> dict[str, Any]:
    """The arguments of `create_model(MODEL, ...)` for their config.json.

    Raises: RecipeError for depths that are not one for each width, for another activation or kind of layer.
    """
    widths = [int(width) for width in theirs.get("hidden_sizes", (256, 512, 1024, 2048))]
    depths = [int(depth) for depth in theirs.get("depths", (3, 4, 6, 3))]
    kind = theirs.get("layer_type", "bottleneck")
    require(
        len(depths) == len(widths),
        "depths",
        f"depths has {len(depths)} numbers for {len(widths)} entries of hidden_sizes",
    )
    require(kind in ("basic", "bottleneck"), "layer_type", f"layer_type must be 'basic' or 'bottleneck', got {kind!r}")
    return {
        "in_channels": theirs.get("num_channels", 3),
        "num_outputs": number_of_labels(theirs),
        "head": head,
        "stem_width": theirs.get("embedding_size", 64),
        "widths": widths,
        "blocks": [max(1, depth) for depth in depths],  # theirs builds the first layer of a stage in any case
        "block": kind,
        "halve_first": theirs.get("downsample_in_first_stage", False),
        "step_in": "1x1" if theirs.get("downsample_in_bottleneck", False) else "3x3",
        "activation": our_activation(theirs.get("hidden_act", "relu")),
        "inner_activation": "relu",  # theirs, whatever hidden_act says
    }


def from_arguments(config: ResnetImagenetConfig, head: str) -> dict[str, Any]:
    """Their config.json for a model of ours.

    Raises: RecipeError for an activation inside the blocks that theirs cannot have.
    """
    plan = config.plan()
    require(
        "relu" in (config.activation, config.inner_activation),
        "inner_activation",
        f"Transformers' ResNet has relu inside its blocks, and this model has {config.activation}",
        "train with inner_activation = 'relu'",
    )
    return {
        "model_type": MODEL_TYPE,
        "architectures": [name for name, ours in HEADS.items() if ours == head],
        "num_channels": config.in_channels,
        "embedding_size": config.stem_width,
        "hidden_sizes": [width for width, _, _ in plan],
        "depths": [count for _, count, _ in plan],
        "layer_type": config.block,
        "hidden_act": their_activation(config.activation),
        "downsample_in_first_stage": config.halve_first,
        "downsample_in_bottleneck": config.step_in == "1x1",
        **their_labels(config.num_outputs),
    }


def entries(config: ResnetImagenetConfig, head: str) -> list[Entry]:
    """Every parameter and buffer of ours, and its name in the file."""
    prefix = "" if head == "none" else PREFIX
    found = list(_convolution("stem", "norm", f"{prefix}embedder.embedder"))
    depth = 2 if config.block == "basic" else 3
    c_in = config.stem_width
    for s, (c_out, count, stride) in enumerate(config.plan()):
        for b in range(count):
            ours, theirs = f"stages.{s}.{b}", f"{prefix}encoder.stages.{s}.layers.{b}"
            for i in range(depth):
                found += _convolution(f"{ours}.convs.{i}", f"{ours}.norms.{i}", f"{theirs}.layer.{i}")
            if b == 0 and (c_in != c_out or stride > 1):
                found += _convolution(f"{ours}.shortcut.conv", f"{ours}.shortcut.norm", f"{theirs}.shortcut")
        c_in = c_out
    if head == "classifier":
        found += [Entry(f"head.{part}", (f"classifier.1.{part}",)) for part in ("weight", "bias")]
    return found


def _convolution(conv: str, norm: str, theirs: str) -> Iterator[Entry]:
    yield Entry(f"{conv}.weight", (f"{theirs}.convolution.weight",))
    for part in _STATISTICS:
        yield Entry(f"{norm}.{part}", (f"{theirs}.normalization.{part}",))
