"""Attention layers beside torch's own, whole models beside Hugging Face Transformers': forward and backward."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from deepdojo.layers import (
    Conv2d,
    DecoderLayer,
    EncoderLayer,
    GroupNorm,
    LayerNorm,
    Linear,
    MultiHeadAttention,
    RMSNorm,
)
from deepdojo.models import from_pretrained
from model_pairs import Pair, step

__all__ = ["layer_pairs", "model_pairs"]


def layer_pairs() -> Iterator[Pair]:
    """Layers of a Transformer and of an image network, 8 texts of 128 steps, width 256."""
    B, T, D, H, F = 8, 128, 256, 4, 1024
    x, memory = (torch.randn(B, T, D, requires_grad=True) for _ in range(2))
    image = torch.randn(16, 32, 28, 28, requires_grad=True)
    ahead = torch.ones(T, T, dtype=torch.bool).triu(1)
    keep = torch.arange(T) < torch.randint(T // 2, T + 1, (B, 1), generator=torch.Generator().manual_seed(0))

    def pair(name: str, ours: nn.Module, theirs: nn.Module, mine: Any, other: Any) -> Pair:
        ours.load_state_dict(theirs.state_dict())
        return Pair(name, step(lambda: mine(ours)), step(lambda: other(theirs)), 0.95)

    yield pair("Linear", Linear(D, F), nn.Linear(D, F), lambda m: m(x), lambda m: m(x))
    yield pair("LayerNorm", LayerNorm(D), nn.LayerNorm(D), lambda m: m(x), lambda m: m(x))
    yield pair("RMSNorm", RMSNorm(D), nn.RMSNorm(D, eps=1e-6), lambda m: m(x), lambda m: m(x))
    yield pair("GroupNorm", GroupNorm(4, 32), nn.GroupNorm(4, 32), lambda m: m(image), lambda m: m(image))
    conv = (Conv2d(32, 48, 3, padding=1), nn.Conv2d(32, 48, 3, padding=1))
    yield pair("Conv2d 3x3", *conv, lambda m: m(image), lambda m: m(image))
    attention = lambda: (MultiHeadAttention(D, H), nn.MultiheadAttention(D, H, batch_first=True))  # noqa: E731
    yield pair("MultiHeadAttention", *attention(), lambda m: m(x), lambda m: m(x, x, x, need_weights=False)[0])
    yield pair(
        "MultiHeadAttention, padded", *attention(), lambda m: m(x, keep=keep),
        lambda m: m(x, x, x, key_padding_mask=~keep, need_weights=False)[0],
    )  # fmt: skip
    yield pair(
        "MultiHeadAttention, causal", MultiHeadAttention(D, H, causal=True), attention()[1], lambda m: m(x),
        lambda m: m(x, x, x, attn_mask=ahead, is_causal=True, need_weights=False)[0],
    )  # fmt: skip
    for first in (True, False):
        order = "norm first" if first else "norm last"
        shape, torchs = (D, H, F, 0.0, "gelu", first), (D, H, F, 0.0, "gelu", 1e-5, True, first)
        yield pair(
            f"EncoderLayer, {order}", EncoderLayer(*shape), nn.TransformerEncoderLayer(*torchs),
            lambda m: m(x), lambda m: m(x),
        )  # fmt: skip
        yield pair(
            f"DecoderLayer, {order}", DecoderLayer(*shape), nn.TransformerDecoderLayer(*torchs),
            lambda m: m(x, memory), lambda m: m(x, memory, tgt_mask=ahead, tgt_is_causal=True),
        )  # fmt: skip


def model_pairs() -> Iterator[Pair]:
    """Models of 4 layers and width 256; ours have the peer's weights, and dropout where the peer has it."""
    import transformers as hf

    hf.utils.logging.set_verbosity_error()
    hf.utils.logging.disable_progress_bar()
    V, D, H = 2000, 256, 4
    tokens = torch.randint(0, V, (8, 128))
    none = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "bos_token_id": None, "eos_token_id": None}
    gpt2 = hf.GPT2LMHeadModel(hf.GPT2Config(vocab_size=V, n_embd=D, n_layer=4, n_head=H, n_positions=128, **none))
    yield _pair("GPT-2", gpt2, lambda m: m(tokens), lambda m: m(tokens).logits, 1.1)
    some = {**none, "resid_pdrop": 0.1, "embd_pdrop": 0.1}
    gpt2 = hf.GPT2LMHeadModel(hf.GPT2Config(vocab_size=V, n_embd=D, n_layer=4, n_head=H, n_positions=128, **some))
    yield _pair("GPT-2, dropout 0.1", gpt2, lambda m: m(tokens), lambda m: m(tokens).logits, 1.1)
    sizes: dict[str, Any] = {
        "vocab_size": V, "hidden_size": D, "num_hidden_layers": 4, "num_attention_heads": H, "intermediate_size": 1024,
    }  # fmt: skip
    off = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    keep = torch.arange(128) < torch.randint(64, 129, (8, 1), generator=torch.Generator().manual_seed(0))
    mask = keep.long()
    bert = hf.BertForMaskedLM(hf.BertConfig(**sizes, **off, max_position_embeddings=128))
    yield _pair("BERT", bert, lambda m: m(tokens), lambda m: m(tokens).logits, 1.1)
    yield _pair("BERT, padded", bert, lambda m: m(tokens, keep), lambda m: m(tokens, attention_mask=mask).logits, 1.1)
    on = {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.0}
    bert = hf.BertForMaskedLM(hf.BertConfig(**sizes, **on, max_position_embeddings=128))
    yield _pair("BERT, dropout 0.1", bert, lambda m: m(tokens), lambda m: m(tokens).logits, 1.1)
    ids = {"bos_token_id": None, "eos_token_id": None}
    llama = hf.LlamaForCausalLM(hf.LlamaConfig(**sizes, num_key_value_heads=2, **ids))
    yield _pair("Llama, grouped queries", llama, lambda m: m(tokens), lambda m: m(tokens).logits, 0.95)
    qwen = hf.Qwen3ForCausalLM(hf.Qwen3Config(**sizes, num_key_value_heads=2, head_dim=64, **ids))
    yield _pair("Qwen3", qwen, lambda m: m(tokens), lambda m: m(tokens).logits, 0.95)
    image, large = torch.randn(16, 3, 32, 32), torch.randn(4, 3, 96, 96)
    sizes.pop("vocab_size")
    vit = hf.ViTForImageClassification(hf.ViTConfig(**sizes, **off, image_size=32, patch_size=4, num_labels=10))
    yield _pair("ViT", vit, lambda m: m(image), lambda m: m(image).logits, 0.95)
    for kind, depths, widths in (
        ("basic", [2] * 4, [64, 128, 256, 512]),
        ("bottleneck", [2, 2, 2, 2], [128, 256, 512, 512]),
    ):
        config = hf.ResNetConfig(depths=depths, layer_type=kind, hidden_sizes=widths, num_labels=10)
        resnet = hf.ResNetForImageClassification(config)
        yield _pair(f"ResNet, {kind}", resnet, lambda m: m(large), lambda m: m(large).logits, 0.95)


def _pair(name: str, theirs: Any, mine: Any, other: Any, goal: float) -> Pair:
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        ours = from_pretrained(folder)
    ours.train()
    theirs.train()
    return Pair(f"{name} against Transformers", step(lambda: mine(ours)), step(lambda: other(theirs)), goal)
