"""How rotary angles are stretched, against the rules that Transformers has."""

from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from deepdojo.layers import RotaryPositions
from deepdojo.layers.positions_rotary_scaling import RotaryScaling

RULES = {
    "linear": ({"rope_type": "linear", "factor": 3.0}, RotaryScaling("linear", 3.0, 128)),
    "yarn": (
        {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64},
        RotaryScaling("yarn", 4.0, 64),
    ),
    "yarn with all options": (
        {
            "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 50, "beta_fast": 16.0,
            "beta_slow": 2.0, "attention_factor": 1.3, "truncate": False,
        },
        RotaryScaling("yarn", 4.0, 50, 16.0, 2.0, 1.3, whole_planes=False),
    ),
    "llama3": (
        {
            "rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 64, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
        },
        RotaryScaling("llama3", 8.0, 64, fast=4.0, slow=1.0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("base", [10_000.0, 500.0])
@pytest.mark.parametrize("name", RULES)
def test_speeds_and_size_equal_transformers(name, base):
    theirs, ours = RULES[name]
    config = LlamaConfig(
        hidden_size=64,
        num_attention_heads=2,
        max_position_embeddings=128,
        rope_parameters={**theirs, "rope_theta": base},
    )
    speeds, size = ROPE_INIT_FUNCTIONS[theirs["rope_type"]](config, None)
    plain = 1 / base ** (torch.arange(0, 32, 2) / 32)
    found, found_size = ours.speeds(plain, base, 10)
    torch.testing.assert_close(found, speeds, rtol=1e-6, atol=0)
    assert found_size == pytest.approx(size, abs=1e-12)


def test_ntk_grows_the_base_with_the_text_alone():
    config = LlamaConfig(
        hidden_size=64, num_attention_heads=2, max_position_embeddings=128,
        rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10_000.0},
    )  # fmt: skip
    ours = RotaryScaling("ntk", 2.0, 128)
    plain = 1 / 10_000.0 ** (torch.arange(0, 32, 2) / 32)
    for steps in (5, 128, 129, 300):
        speeds, _ = ROPE_INIT_FUNCTIONS["dynamic"](config, None, seq_len=steps)
        torch.testing.assert_close(ours.speeds(plain, 10_000.0, steps)[0], speeds, rtol=1e-6, atol=0)
    like = torch.zeros(1)
    usual, stretched = RotaryPositions(128, 32), RotaryPositions(128, 32, scaling=ours)
    torch.testing.assert_close(stretched.tables(128, like), usual.tables(128, like))
    assert not torch.allclose(stretched.tables(300, like)[0][:128], usual.tables(128, like)[0])
    torch.testing.assert_close(stretched.tables(90, like)[0], usual.tables(90, like)[0])  # and shrinks again
