"""Llama's checkpoints: grouped queries, no biases (or both of them), SwiGLU."""

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

MODEL_TYPE, MODEL = "llama", "decoder"
HEADS = {"LlamaForCausalLM": "next_token"}
_DEFAULTS = {
    "vocab_size": 32000,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "max_position_embeddings": 2048,
}


def writes(config: Any) -> bool:
    """Whether a decoder of this config is a Llama."""
    return writes_family(config) and not config.qk_norm and not config.window and config.biases() != "qkv"


def to_arguments(theirs: Mapping[str, Any], head: str) -> dict[str, Any]:
    """Arguments of our `decoder`."""
    found = arguments_of(theirs, theirs.get("head_dim") or 0, **_DEFAULTS)
    biases = "all" if theirs.get("attention_bias") else "none"
    return {**found, "bias": bool(theirs.get("mlp_bias")), "attention_bias": biases}


def from_arguments(config: DecoderConfig, head: str) -> dict[str, Any]:
    """Their config.json."""
    found = settings_of(config, MODEL_TYPE, "LlamaForCausalLM")
    return {**found, "mlp_bias": config.bias, "attention_bias": config.biases() == "all"}
