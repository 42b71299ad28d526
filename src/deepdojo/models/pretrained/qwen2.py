"""Qwen2's checkpoints: Llama with a bias on queries, keys and values, and windows in the upper layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepdojo.models.decoder import DecoderConfig
from deepdojo.models.pretrained.llama_family import (
    IGNORED,
    PREFIX,
    QWEN_DEFAULTS,
    TABLES,
    arguments_of,
    entries,
    settings_of,
    writes_family,
)

__all__ = [
    "HEADS",
    "IGNORED",
    "MODEL",
    "MODEL_TYPE",
    "PREFIX",
    "TABLES",
    "entries",
    "from_arguments",
    "to_arguments",
    "writes",
]

MODEL_TYPE, MODEL = "qwen2", "decoder"
HEADS = {"Qwen2ForCausalLM": "next_token"}


def writes(config: Any) -> bool:
    """Whether a decoder of this config is a Qwen2."""
    plain = writes_family(config) and not config.qk_norm and not config.bias
    return plain and config.biases() == "qkv" and config.width_of_head() * config.num_heads == config.width


def to_arguments(theirs: Mapping[str, Any], head: str) -> dict[str, Any]:
    """Arguments of our `decoder`."""
    return {**arguments_of(theirs, 0, **QWEN_DEFAULTS), "bias": False, "attention_bias": "qkv"}


def from_arguments(config: DecoderConfig, head: str) -> dict[str, Any]:
    """Their config.json."""
    found = settings_of(config, MODEL_TYPE, "Qwen2ForCausalLM")
    return {name: value for name, value in found.items() if name != "head_dim"}
