"""Random configs of Transformers' own models, and folders that they write."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForNextSentencePrediction,
    BertForPreTraining,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)
from transformers.utils import logging

logging.set_verbosity_error()
logging.disable_progress_bar()

BERTS = {
    "masked_word": BertForMaskedLM,
    "pretraining": BertForPreTraining,
    "next_sentence": BertForNextSentencePrediction,
    "classifier": BertForSequenceClassification,
    "token": BertForTokenClassification,
    "span": BertForQuestionAnswering,
    "none": BertModel,
}


def random_bert(seed: int, head: str) -> Any:
    draw = random.Random(seed)
    heads, width = draw.choice([(1, 5), (2, 6), (3, 21), (4, 12)])
    config = BertConfig(
        vocab_size=draw.choice([11, 31]), hidden_size=width, num_hidden_layers=draw.choice([1, 3]),
        num_attention_heads=heads, intermediate_size=draw.choice([7, 29]), num_labels=2 if head == "span" else 5,
        max_position_embeddings=draw.choice([13, 40]), type_vocab_size=draw.choice([2, 3]),
        hidden_act=draw.choice(["gelu", "relu", "gelu_new", "silu"]), layer_norm_eps=draw.choice([1e-12, 1e-5]),
        tie_word_embeddings=draw.choice([True, False]),
    )  # fmt: skip
    return randomised(BERTS[head](config), seed)


def random_gpt2(seed: int) -> Any:
    draw = random.Random(seed)
    heads, width = draw.choice([(1, 5), (2, 6), (3, 21), (4, 12)])
    config = GPT2Config(
        vocab_size=draw.choice([11, 31]), n_embd=width, n_layer=draw.choice([1, 3]), n_head=heads,
        n_inner=draw.choice([None, 29]), n_positions=draw.choice([13, 40]),
        activation_function=draw.choice(["gelu_new", "gelu", "relu", "silu"]),
        layer_norm_epsilon=draw.choice([1e-5, 1e-3]),
        tie_word_embeddings=draw.choice([True, False]), bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    return randomised(GPT2LMHeadModel(config), seed)


ROPES: list[dict[str, Any]] = [
    {"rope_type": "default", "rope_theta": 10_000.0},
    {"rope_type": "default", "rope_theta": 500.0},
    {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 2.0},
    {"rope_type": "dynamic", "rope_theta": 10_000.0, "factor": 2.0},
    {"rope_type": "yarn", "rope_theta": 10_000.0, "factor": 4.0, "original_max_position_embeddings": 8},
    {
        "rope_type": "llama3", "rope_theta": 10_000.0, "factor": 8.0, "original_max_position_embeddings": 8,
        "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    },
]  # fmt: skip


def random_llama(seed: int, family: str, rope: dict[str, Any] | None = None) -> Any:
    draw = random.Random(seed)
    heads, groups = draw.choice([(4, 2), (6, 3), (4, 1), (3, 3), (6, 2)])
    width = heads * draw.choice([4, 6])
    common: dict[str, Any] = {
        "vocab_size": draw.choice([11, 31]), "hidden_size": width, "intermediate_size": draw.choice([13, 29]),
        "num_hidden_layers": draw.choice([1, 3]), "num_attention_heads": heads, "num_key_value_heads": groups,
        "max_position_embeddings": draw.choice([9, 40]), "rms_norm_eps": draw.choice([1e-6, 1e-4]),
        "tie_word_embeddings": draw.choice([True, False]), "rope_parameters": dict(rope or draw.choice(ROPES)),
        "hidden_act": draw.choice(["silu", "gelu"]), "bos_token_id": None, "eos_token_id": None,
    }  # fmt: skip
    if family == "llama":
        config = LlamaConfig(
            **common, attention_bias=draw.choice([True, False]), mlp_bias=draw.choice([True, False]),
            head_dim=draw.choice([None, 6, 10]),
        )  # fmt: skip
        return randomised(LlamaForCausalLM(config), seed)
    window = {"use_sliding_window": draw.choice([True, False]), "sliding_window": 4, "max_window_layers": 1}
    if family == "qwen2":
        return randomised(Qwen2ForCausalLM(Qwen2Config(**common, **window)), seed)
    config = Qwen3Config(
        **common, **window, head_dim=draw.choice([4, 6, 10]), attention_bias=draw.choice([True, False])
    )
    return randomised(Qwen3ForCausalLM(config), seed)


def randomised(model: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Initial weights are small and biases zero: larger ones let a difference show."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=generator))
    return model.eval()


def written(model: Any, folder: Path) -> Path:
    model.save_pretrained(folder)
    return folder
