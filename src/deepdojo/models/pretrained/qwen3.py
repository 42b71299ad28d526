"""Qwen3's checkpoints: Llama with normalised queries and keys, and heads whose width is free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepdojo.models.decoder import DecoderConfig
from deepdojo.models.pretrained.llama_family import (
    IGNORED,
    PREFIX,
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
_DEFAULTS = {
    "vocab_size": 151936,
    "hidden_size": 4096,
    "intermediate_size": 22016,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "max_position_embeddings": 32768,
    "sliding_window": 4096,
}


def writes(config: Any) -> bool:
    """Whether a decoder of this config is a Qwen3."""
    return writes_family(config) and config.qk_norm and not config.bias and config.biases() != "qkv"


def to_arguments(theirs: Mapping[str, Any], head: str) -> dict[str, Any]:
    """Arguments of our `decoder`."""
    found = arguments_of(theirs, theirs.get("head_dim", 128), **_DEFAULTS)
    biases = "all" if theirs.get("attention_bias") else "none"
    return {**found, "bias": False, "attention_bias": biases, "qk_norm": True}


def from_arguments(config: DecoderConfig, head: str) -> dict[str, Any]:
    """Their config.json."""
    return {**settings_of(config, MODEL_TYPE, "Qwen3ForCausalLM"), "attention_bias": config.biases() == "all"}
