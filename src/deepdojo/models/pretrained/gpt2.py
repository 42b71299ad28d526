"""GPT-2's checkpoints. Names: `transformer.{wte,wpe,ln_f}`, `transformer.h.N.*`; matrices lie as (in, out)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepdojo.models.decoder import DecoderConfig
from deepdojo.models.pretrained.activation_names import our_activation, their_activation
from deepdojo.models.pretrained.settings import refuse
from deepdojo.models.pretrained.tensor_map import Entry

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

MODEL_TYPE, MODEL, PREFIX = "gpt2", "decoder", "transformer."
HEADS = {"GPT2LMHeadModel": "next_token", "GPT2Model": "next_token"}
IGNORED = (r"\.attn\.(bias|masked_bias)$",)  # old files keep the causal mask
TABLES = (("lm_head.weight", f"{PREFIX}wte.weight"),)


def writes(config: Any) -> bool:
    """Whether a decoder of this config is a GPT-2."""
    return (
        isinstance(config, DecoderConfig)
        and not config.grouped()
        and (config.positions, config.norm, config.gated, config.biases()) == ("learned", "layer", False, "all")
        and config.bias
        and config.norm_first
    )


def to_arguments(theirs: Mapping[str, Any], head: str) -> dict[str, Any]:
    """Arguments of our `decoder`."""
    refuse(theirs, scale_attn_weights=True, scale_attn_by_inverse_layer_idx=False, add_cross_attention=False)

    def setting(name: str, other: str, default: Any) -> Any:  # newer configs may use the common names
        return theirs.get(name, theirs.get(other, default))

    width = setting("n_embd", "hidden_size", 768)
    return {
        "vocab_size": theirs.get("vocab_size", 50257),
        "context": setting("n_positions", "max_position_embeddings", 1024),
        "width": width,
        "num_layers": setting("n_layer", "num_hidden_layers", 12),
        "num_heads": setting("n_head", "num_attention_heads", 12),
        "feed_forward": theirs.get("n_inner") or 4 * width,
        "positions": "learned",
        "norm": "layer",
        "norm_eps": float(theirs.get("layer_norm_epsilon", 1e-5)),
        "activation": our_activation(theirs.get("activation_function", "gelu_new")),
        "bias": True,
        "tied": theirs.get("tie_word_embeddings", True),
        "dropout": float(theirs.get("resid_pdrop", 0.1)),
    }


def from_arguments(config: DecoderConfig, head: str) -> dict[str, Any]:
    """Their config.json."""
    return {
        "model_type": MODEL_TYPE,
        "architectures": ["GPT2LMHeadModel"],
        "vocab_size": config.vocab_size,
        "n_positions": config.context,
        "n_embd": config.width,
        "n_layer": config.num_layers,
        "n_head": config.num_heads,
        "n_inner": config.feed_forward or 4 * config.width,
        "activation_function": their_activation(config.activation),
        "layer_norm_epsilon": config.norm_eps or 1e-5,
        "tie_word_embeddings": config.tied,
        "resid_pdrop": config.dropout,
        "embd_pdrop": config.dropout,
        "attn_pdrop": 0.0,
        "bos_token_id": None,
        "eos_token_id": None,
    }


def entries(config: DecoderConfig, head: str) -> list[Entry]:
    """Which tensor is which."""
    found = [
        Entry("embedding.weight", (f"{PREFIX}wte.weight",)),
        Entry("positions.weight", (f"{PREFIX}wpe.weight",)),
        *_norm("norm", f"{PREFIX}ln_f"),
    ]
    for n in range(config.num_layers):
        ours, theirs = f"blocks.{n}", f"{PREFIX}h.{n}"
        found += [
            *_norm(f"{ours}.norm1", f"{theirs}.ln_1"),
            *_matrix(f"{ours}.attention.in_proj", f"{theirs}.attn.c_attn"),
            *_matrix(f"{ours}.attention.out_proj", f"{theirs}.attn.c_proj"),
            *_norm(f"{ours}.norm2", f"{theirs}.ln_2"),
            *_matrix(f"{ours}.feed_forward.linear1", f"{theirs}.mlp.c_fc"),
            *_matrix(f"{ours}.feed_forward.linear2", f"{theirs}.mlp.c_proj"),
        ]
    return found + ([] if config.tied else [Entry("head.weight", ("lm_head.weight",))])


def _norm(ours: str, theirs: str) -> list[Entry]:
    return [Entry(f"{ours}.{kind}", (f"{theirs}.{kind}",)) for kind in ("weight", "bias")]


def _matrix(ours: str, theirs: str) -> list[Entry]:
    return [
        Entry(f"{ours}.weight", (f"{theirs}.weight",), transposed=True),
        Entry(f"{ours}.bias", (f"{theirs}.bias",)),
    ]
