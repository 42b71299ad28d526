"""What Llama's, Qwen2's and Qwen3's checkpoints share. Names: `model.embed_tokens`, `model.layers.N.*`, `lm_head`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepdojo.errors import RecipeError
from deepdojo.models.decoder import DecoderConfig
from deepdojo.models.pretrained.activation_names import our_activation, their_activation
from deepdojo.models.pretrained.settings import refuse
from deepdojo.models.pretrained.tensor_map import Entry

__all__ = ["IGNORED", "PREFIX", "QWEN_DEFAULTS", "TABLES", "arguments_of", "entries", "settings_of", "writes_family"]

PREFIX = "model."
IGNORED = (r"rotary_emb\.inv_freq$",)  # old files keep the speeds
QWEN_DEFAULTS = {
    "vocab_size": 151936,
    "hidden_size": 4096,
    "intermediate_size": 22016,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "max_position_embeddings": 32768,
    "sliding_window": 4096,
}
TABLES = (("lm_head.weight", f"{PREFIX}embed_tokens.weight"),)


def writes_family(config: Any) -> bool:
    """Whether a decoder of this config is of the family."""
    return (
        isinstance(config, DecoderConfig)
        and (config.positions, config.norm, config.gated) == ("rotary", "rms", True)
        and config.norm_first
        and config.dropout == 0
    )


def arguments_of(theirs: Mapping[str, Any], head_width: int, **defaults: Any) -> dict[str, Any]:
    """Arguments of our `decoder`, but for biases and normalised queries."""
    theirs = {**defaults, **theirs}
    refuse(theirs, pretraining_tp=1)
    heads = theirs["num_attention_heads"]
    return {
        "vocab_size": theirs["vocab_size"],
        "context": theirs["max_position_embeddings"],
        "width": theirs["hidden_size"],
        "num_layers": theirs["num_hidden_layers"],
        "num_heads": heads,
        "kv_heads": theirs.get("num_key_value_heads") or heads,
        "head_width": head_width,
        "feed_forward": theirs["intermediate_size"],
        "gated": True,
        "activation": our_activation(theirs.get("hidden_act", "silu")),
        "norm_eps": float(theirs.get("rms_norm_eps", 1e-6)),
        "tied": theirs.get("tie_word_embeddings", False),
        **_rotary_from(theirs),
        **_window_from(theirs),
    }


def _rotary_from(theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Transformers 5 has one `rope_parameters`; files before it `rope_theta` and `rope_scaling`."""
    rope = {**(theirs.get("rope_scaling") or {}), **(theirs.get("rope_parameters") or {})}
    base = float(rope.get("rope_theta") or theirs.get("rope_theta") or 10_000.0)
    kind = rope.get("rope_type") or rope.get("type") or "default"
    if rope.get("partial_rotary_factor", 1.0) != 1.0:
        raise RecipeError("partial_rotary_factor other than 1 is not supported", where="config.json")
    if kind == "default":
        return {"rotary_base": base}
    ours = {"linear": "linear", "dynamic": "ntk", "yarn": "yarn", "llama3": "llama3"}
    if kind not in ours:
        raise RecipeError(f"rope_type {kind!r} is not supported, only default, {', '.join(ours)}", where="config.json")
    trained = int(rope.get("original_max_position_embeddings") or theirs["max_position_embeddings"])
    found = {"rotary_base": base, "rotary_scaling": ours[kind], "rotary_factor": float(rope["factor"])}
    found["rotary_trained"] = theirs["max_position_embeddings"] if kind == "dynamic" else trained
    if kind == "llama3":
        found |= {"rotary_fast": float(rope["high_freq_factor"]), "rotary_slow": float(rope["low_freq_factor"])}
    if kind == "yarn":
        found |= {
            "rotary_fast": float(rope.get("beta_fast") or 32),
            "rotary_slow": float(rope.get("beta_slow") or 1),
            "rotary_size": _yarn_size(rope),
            "rotary_whole_planes": bool(rope.get("truncate", True)),
        }
    return found


def _yarn_size(rope: Mapping[str, Any]) -> float:
    factor = rope.get("attention_factor")
    if factor is not None:
        if not float(factor) > 0:
            raise RecipeError(f"attention_factor must be above 0, got {factor}", where="config.json")
        return float(factor)
    if rope.get("mscale") and rope.get("mscale_all_dim"):
        from math import log

        grown = [0.1 * rope[name] * log(rope["factor"]) + 1 if rope["factor"] > 1 else 1.0 for name in _SCALES]
        return grown[0] / grown[1]
    return 0.0


_SCALES = ("mscale", "mscale_all_dim")


def _window_from(theirs: Mapping[str, Any]) -> dict[str, Any]:
    if not theirs.get("use_sliding_window") or not theirs.get("sliding_window"):
        return {}
    layers = theirs["num_hidden_layers"]
    kinds = theirs.get("layer_types") or [
        "sliding_attention" if n >= theirs.get("max_window_layers", 28) else "full_attention" for n in range(layers)
    ]
    windowed = [n for n, kind in enumerate(kinds) if kind == "sliding_attention"]
    return {"window": theirs["sliding_window"], "windowed": windowed} if windowed else {}


def settings_of(config: DecoderConfig, model_type: str, architecture: str) -> dict[str, Any]:
    """Their config.json, but for biases."""
    found: dict[str, Any] = {
        "model_type": model_type,
        "architectures": [architecture],
        "vocab_size": config.vocab_size,
        "hidden_size": config.width,
        "intermediate_size": config.feed_forward or 4 * config.width,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "num_key_value_heads": config.kv_heads or config.num_heads,
        "head_dim": config.width_of_head(),
        "hidden_act": their_activation(config.activation),
        "max_position_embeddings": config.context,
        "rms_norm_eps": config.norm_eps or 1e-6,
        "tie_word_embeddings": config.tied,
        "rope_parameters": _rotary_to(config),
        "bos_token_id": None,
        "eos_token_id": None,
    }
    if config.window:
        windowed = config.windowed or tuple(range(config.num_layers))
        kinds = ["sliding_attention" if n in windowed else "full_attention" for n in range(config.num_layers)]
        found |= {"use_sliding_window": True, "sliding_window": config.window, "layer_types": kinds}
    return found


def _rotary_to(config: DecoderConfig) -> dict[str, Any]:
    rule = config.scaling()
    if rule is None:
        return {"rope_type": "default", "rope_theta": config.rotary_base}
    found: dict[str, Any] = {"rope_theta": config.rotary_base, "factor": rule.factor}
    if rule.size and rule.kind != "yarn":
        raise RecipeError("Transformers has rotary_size for yarn alone", where="save_pretrained")
    if rule.kind == "ntk":
        if rule.trained_length != config.context:
            raise RecipeError("Transformers' dynamic scaling needs rotary_trained = context", where="save_pretrained")
        return {**found, "rope_type": "dynamic"}
    if rule.kind == "linear":
        return {**found, "rope_type": "linear"}
    found |= {"rope_type": rule.kind, "original_max_position_embeddings": rule.trained_length}
    if rule.kind == "llama3":
        return {**found, "high_freq_factor": rule.fast, "low_freq_factor": rule.slow}
    found |= {"beta_fast": rule.fast, "beta_slow": rule.slow, "truncate": rule.whole_planes}
    return {**found, "attention_factor": rule.size} if rule.size else found


def entries(config: DecoderConfig, head: str) -> list[Entry]:
    """Which tensor is which."""
    found = [
        Entry("embedding.weight", (f"{PREFIX}embed_tokens.weight",)),
        Entry("norm.weight", (f"{PREFIX}norm.weight",)),
    ]
    for n in range(config.num_layers):
        found += _layer(config, f"blocks.{n}", f"{PREFIX}layers.{n}")
    return found + ([] if config.tied else [Entry("head.weight", ("lm_head.weight",))])


def _layer(config: DecoderConfig, ours: str, theirs: str) -> list[Entry]:
    K, groups = config.width_of_head(), config.kv_heads or config.num_heads
    rows = (config.num_heads * K, groups * K, groups * K)
    qkv = [f"{theirs}.self_attn.{part}_proj" for part in "qkv"]
    gates = (f"{theirs}.mlp.gate_proj", f"{theirs}.mlp.up_proj")

    def named(parts: Any, kind: str) -> tuple[str, ...]:
        return tuple(f"{part}.{kind}" for part in parts)

    found = [
        Entry(f"{ours}.norm1.weight", (f"{theirs}.input_layernorm.weight",)),
        Entry(f"{ours}.norm2.weight", (f"{theirs}.post_attention_layernorm.weight",)),
        Entry(f"{ours}.attention.in_proj.weight", named(qkv, "weight"), rows=rows),
        Entry(f"{ours}.attention.out_proj.weight", (f"{theirs}.self_attn.o_proj.weight",)),
        Entry(f"{ours}.feed_forward.linear1.weight", named(gates, "weight")),
        Entry(f"{ours}.feed_forward.linear2.weight", (f"{theirs}.mlp.down_proj.weight",)),
    ]
    if config.biases() != "none":
        found.append(Entry(f"{ours}.attention.in_proj.bias", named(qkv, "bias"), rows=rows))
    if config.biases() == "all":
        found.append(Entry(f"{ours}.attention.out_proj.bias", (f"{theirs}.self_attn.o_proj.bias",)))
    if config.bias:
        found.append(Entry(f"{ours}.feed_forward.linear1.bias", named(gates, "bias")))
        found.append(Entry(f"{ours}.feed_forward.linear2.bias", (f"{theirs}.mlp.down_proj.bias",)))
    if config.qk_norm:
        for part in "qk":
            name = f"attention.{part}_norm.weight"
            found.append(Entry(f"{ours}.{name}", (f"{theirs}.self_attn.{part}_norm.weight",)))
    return found
