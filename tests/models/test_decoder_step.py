"""The lean step gives what the modules give, and stands back where it does not know a part."""

from __future__ import annotations

import pytest
import torch

from deepdojo.layers import replaced
from deepdojo.layers.shapes import ShapeError
from deepdojo.models import create_model
from deepdojo.models.decoder_step import decoder_step

SHAPES = {
    "gpt2": {"positions": "learned", "norm": "layer", "bias": True, "activation": "gelu_tanh"},
    "plain": {"tied": False, "activation": "relu_squared"},
    "llama": {"kv_heads": 2, "gated": True, "activation": "silu", "rotary_scaling": "yarn", "rotary_factor": 2.0},
    "qwen2": {"kv_heads": 1, "gated": True, "activation": "silu", "attention_bias": "qkv"},
    "qwen3": {"kv_heads": 2, "head_width": 6, "gated": True, "activation": "silu", "qk_norm": True},
}


def made(arguments: dict) -> torch.nn.Module:
    torch.manual_seed(0)
    model = create_model(
        "decoder", vocab_size=13, width=16, num_heads=4, num_layers=2, context=19, **arguments
    ).double()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return model.eval()


@pytest.mark.parametrize("rows", [3, 50])  # few and many go through kernels of their own
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("name", SHAPES)
def test_it_equals_the_modules(name, padded, rows):
    model = made(SHAPES[name])
    tokens = torch.randint(0, 13, (rows, 17), generator=torch.Generator().manual_seed(1))
    keep = None
    if padded:
        keep = torch.ones(rows, 17, dtype=torch.bool)
        keep[1, 2:5] = keep[2, :4] = False
    with torch.inference_mode():
        whole = model(tokens, keep=keep)
        cache = model.new_cache(17)
        model(tokens[:, :5], cache, None if keep is None else keep[:, :5])
        step = decoder_step(model, cache)
        for t in range(5, 17):
            found = step(tokens[:, t], None if keep is None else keep[:, : t + 1])
            torch.testing.assert_close(found, whole[:, t], rtol=0, atol=1e-12)


def test_beyond_a_learned_table_it_says_so():
    model = made(SHAPES["gpt2"])
    cache = model.new_cache(30)
    with torch.inference_mode():
        model(torch.zeros(1, 19, dtype=torch.long), cache)
        with pytest.raises(ShapeError, match="an input of 20 steps is longer than the table of 19 positions"):
            decoder_step(model, cache)(torch.zeros(1, dtype=torch.long))


def test_parts_that_it_does_not_know():
    model = made({})
    cache = model.new_cache()
    assert decoder_step(model, cache) is not None
    assert decoder_step(model.train(), cache) is None
    assert decoder_step(made({"positions": "alibi"}), cache) is None
    assert decoder_step(made({"window": 3}), cache) is None
    assert decoder_step(torch.nn.Linear(2, 2).eval(), cache) is None
    hooked = made({})
    hooked.blocks[0].register_forward_hook(lambda *args: None)
    assert decoder_step(hooked, cache) is None

    def mine(x, weight, bias=None):
        return x @ weight.T if bias is None else x @ weight.T + bias

    with replaced({"linear": mine}):
        assert decoder_step(made({}), cache) is None
