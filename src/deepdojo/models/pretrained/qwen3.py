"""Qwen3's checkpoints: Llama with normalised queries and keys, and heads whose width is free."""

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

MODEL_TYPE, MODEL = "qwen3", "decoder"
HEADS = {"Qwen3ForCausalLM": "next_token"}


def writes(config: Any) -> bool:
    """Whether a decoder of this config is a Qwen3."""
    return writes_family(config) and config.qk_norm and not config.bias and config.biases() != "qkv"


def to_arguments(theirs: Mapping[str, Any], head: str) -> dict[str, Any]:
    """Arguments of our `decoder`."""
    found = arguments_of(theirs, theirs.get("head_dim", 128), **QWEN_DEFAULTS)
    biases = "all" if theirs.get("attention_bias") else "none"
    return {**found, "bias": False, "attention_bias": biases, "qk_norm": True}


def from_arguments(config: DecoderConfig, head: str) -> dict[str, Any]:
    """Their config.json."""
    return {**settings_of(config, MODEL_TYPE, "Qwen3ForCausalLM"), "attention_bias": config.biases() == "all"}
