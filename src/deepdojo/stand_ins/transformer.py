"""`encoder_layer(x, p, num_heads, keep, norm_first)` and `decoder_layer(y, memory, p, num_heads, memory_keep)` of the
lessons in the places of ours. B batch, T target or text, S source, D width.

The lessons have relu, an eps of 1e-5 and no dropout: a recipe that asks for something else is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.layers.attention_multi_head import MultiHeadAttention
from deepdojo.layers.key_value_cache import KeyValues
from deepdojo.layers.transformer_decoder_layer import DecoderLayer
from deepdojo.layers.transformer_encoder_layer import EncoderLayer

__all__ = ["decoder_layer", "encoder_layer"]


def encoder_layer(own: Mapping[str, Callable[..., Any]]) -> dict[str, type[EncoderLayer]]:
    run = own["encoder_layer"]

    class OwnEncoderLayer(EncoderLayer):
        def __init__(
            self, d_model: int, nhead: int, dim_feedforward: int, dropout: float = 0.1, activation: str = "relu",
            norm_first: bool = True, eps: float = 1e-5,
        ) -> None:  # fmt: skip
            _require("encoder_layer", dropout, activation, eps)
            super().__init__(d_model, nhead, dim_feedforward, dropout, activation, norm_first, eps)

        def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
            p = {"self": _attention(self.self_attn), **_rest(self, 2)}
            return run(x, p, self.self_attn.num_heads, keep, self.norm_first)

    return {"EncoderLayer": OwnEncoderLayer}


def decoder_layer(own: Mapping[str, Callable[..., Any]]) -> dict[str, type[DecoderLayer]]:
    """Step by step, ours keeps keys and values; here the steps themselves are kept, and the layer reads all of them."""
    run = own["decoder_layer"]

    class OwnDecoderLayer(DecoderLayer):
        def __init__(
            self, d_model: int, nhead: int, dim_feedforward: int, dropout: float = 0.1, activation: str = "relu",
            norm_first: bool = True, eps: float = 1e-5,
        ) -> None:  # fmt: skip
            _require("decoder_layer", dropout, activation, eps)
            if not norm_first:
                raise _other("decoder_layer", "normalises before each part", "model.norm_first=true")
            super().__init__(d_model, nhead, dim_feedforward, dropout, activation, norm_first, eps)

        def forward(
            self, x: Tensor, memory: Tensor, memory_keep: Tensor | None = None, keep: Tensor | None = None,
            caches: tuple[KeyValues, KeyValues] | None = None,
        ) -> Tensor:  # fmt: skip
            if keep is not None:
                raise RecipeError("decoder_layer of the lesson takes no mask of the target", where="decoder_layer")
            steps = x.shape[1]
            if caches is not None:
                before, source = caches
                x = before.extended(x[:, None], x[:, None])[0][:, 0]
                held = source.held() if source.length else source.extended(memory[:, None], memory[:, None])
                memory = held[0][:, 0]
            p = {"self": _attention(self.self_attn), "cross": _attention(self.multihead_attn), **_rest(self, 3)}
            return run(x, memory, p, self.self_attn.num_heads, memory_keep)[:, -steps:]

    return {"DecoderLayer": OwnDecoderLayer}


def _attention(layer: MultiHeadAttention) -> dict[str, Tensor]:
    weights, biases = layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3)
    found = {f"w_{name}": w for name, w in zip("qkv", weights, strict=True)}
    found |= {f"b_{name}": b for name, b in zip("qkv", biases, strict=True)}
    assert layer.out_proj.bias is not None
    return {**found, "w_o": layer.out_proj.weight, "b_o": layer.out_proj.bias}


def _rest(layer: nn.Module, norms: int) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for n in range(1, norms + 1):
        norm = getattr(layer, f"norm{n}")
        found |= {f"gain_{n}": norm.weight, f"shift_{n}": norm.bias}
    for n in (1, 2):
        linear = getattr(layer, f"linear{n}")
        found |= {f"w_{n}": linear.weight, f"b_{n}": linear.bias}
    return found


def _require(name: str, dropout: float, activation: str, eps: float) -> None:
    if dropout:
        raise _other(name, "has no dropout", "model.dropout=0")
    if activation != "relu":
        raise _other(name, f"bends by relu, and this recipe by {activation}", "model.activation=relu")
    if eps != 1e-5:
        raise RecipeError(f"{name} of the lesson has an eps of 1e-5, and this recipe of {eps:g}", where=name)


def _other(name: str, what: str, setting: str) -> RecipeError:
    return RecipeError(f"{name} of the lesson {what}", where=name, todo=f"add --set {setting}")
