"""Masks of attention: rows that may see nothing, extreme scores, wrong shapes; and positions."""

from __future__ import annotations

import math

import pytest
import torch
from layer_oracles import assert_equal, draw
from torch.nn.functional import scaled_dot_product_attention as torchs

from deepdojo.errors import RecipeError
from deepdojo.layers import (
    LearnedPositions,
    MultiHeadAttention,
    SinusoidalPositions,
    scaled_dot_product_attention,
    sinusoidal_positions,
)
from deepdojo.layers.attention_dot_product import scaled_dot_product_attention_reference
from deepdojo.layers.shapes import ShapeError


def inputs(dtype=torch.float64, scale=1.0):
    return [draw(2, 3, 5, 7, dtype=dtype) * scale, draw(2, 3, 11, 7, dtype=dtype), draw(2, 3, 11, 13, dtype=dtype)]


def random_keep(*shape):
    keep = torch.rand(*shape, generator=torch.Generator().manual_seed(2)) < 0.5
    keep[..., 0] = True
    return keep


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("shape", [(2, 1, 1, 11), (2, 3, 5, 11), (1, 1, 5, 11)])
def test_masked_attention_equals_torchs_and_the_reference(shape, dtype):
    keep = random_keep(*shape)
    for other in (
        lambda q, k, v: torchs(q, k, v, keep),
        lambda q, k, v: scaled_dot_product_attention_reference(q, k, v, keep),
    ):
        assert_equal(lambda q, k, v: scaled_dot_product_attention(q, k, v, keep), other, inputs(dtype))  # fmt: skip


@pytest.mark.parametrize("attend", [scaled_dot_product_attention, scaled_dot_product_attention_reference])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_query_that_may_see_nothing_gives_zeros_and_no_gradient(attend, dtype):
    keep = random_keep(2, 1, 5, 11)
    keep[0, 0, 2] = False
    q, k, v = (t.requires_grad_() for t in inputs(dtype))
    out = attend(q, k, v, keep)
    assert (out[0, :, 2] == 0).all()
    out.backward(draw(*out.shape, dtype=dtype))
    assert all(torch.isfinite(t.grad).all() for t in (q, k, v))
    assert (q.grad[0, :, 2] == 0).all()
    assert (q.grad[1] != 0).any()
    keep_all_dead = torch.zeros(2, 1, 1, 11, dtype=torch.bool)
    grads = torch.autograd.grad(attend(q, k, v, keep_all_dead).sum(), (q, k, v))
    assert all((g == 0).all() for g in grads)


def test_extreme_scores_stay_finite():
    keep = random_keep(2, 1, 5, 11)
    q, k, v = inputs(torch.float32, scale=1e5)
    out = scaled_dot_product_attention(q, k, v, keep)
    assert torch.isfinite(out).all()
    torch.testing.assert_close(out, scaled_dot_product_attention_reference(q, k, v, keep))


def test_no_keys_give_zeros():
    q, k, v = draw(2, 3, 5, 7), draw(2, 3, 0, 7), draw(2, 3, 0, 13)
    for keep in (None, torch.zeros(2, 1, 1, 0, dtype=torch.bool)):
        assert torch.equal(scaled_dot_product_attention(q, k, v, keep), torch.zeros(2, 3, 5, 13, dtype=torch.float64))


def test_what_is_not_kept_never_matters():
    attention = MultiHeadAttention(15, 3).double()
    keep = random_keep(2, 11)
    x, memory = draw(2, 5, 15), draw(2, 11, 15)
    other = torch.where(keep[..., None], memory, draw(2, 11, 15, seed=9))
    torch.testing.assert_close(attention(x, memory, keep), attention(x, other, keep))


@pytest.mark.usefixtures("production")
def test_wrong_masks_and_widths_are_said():
    attention = MultiHeadAttention(15, 3)
    x = torch.zeros(2, 5, 15)
    for keep in (torch.ones(2, 4, dtype=torch.bool), torch.ones(5, 5, dtype=torch.bool)):
        with pytest.raises(ShapeError, match=r"keep must be bool \(2, 5\) or \(2, 5, 5\)"):
            attention(x, keep=keep)
    with pytest.raises(ShapeError, match="expects 15 entries"):
        attention(torch.zeros(2, 5, 14))
    with pytest.raises(RecipeError, match="num_heads = 4 does not divide the width 15"):
        MultiHeadAttention(15, 4)
    with pytest.raises(ShapeError, match="keep must be bool"):
        scaled_dot_product_attention(*inputs(), torch.ones(2, 3, 4, 11, dtype=torch.bool))


@pytest.mark.parametrize("D", [6, 7])
def test_sinusoids_follow_the_formula(D):
    table = sinusoidal_positions(1009, D, 100.0)
    for t in (0, 1, 13, 1008):
        for i in range(D):
            angle = t / 100.0 ** (2 * (i // 2) / D)
            assert table[t, i].item() == pytest.approx(math.cos(angle) if i % 2 else math.sin(angle), abs=1e-7)


def test_sinusoidal_positions_grow_with_the_input():
    layer = SinusoidalPositions(6)
    long = torch.zeros(1, 1009, 6)
    torch.testing.assert_close(layer(long)[0], sinusoidal_positions(1009, 6).float())
    torch.testing.assert_close(layer(long[:, :3])[0], sinusoidal_positions(3, 6).float())
    torch.testing.assert_close(layer(long.double())[0], sinusoidal_positions(1009, 6), rtol=0, atol=0)
    assert layer.double()(long.double()).dtype == torch.float64
    assert layer.state_dict() == {}


def test_learned_positions_end():
    layer = LearnedPositions(5, 6)
    assert torch.equal(layer(torch.zeros(2, 3, 6))[1], layer.weight[:3])
    with pytest.raises(ShapeError, match="6 steps is longer than the table of 5 positions; raise max_length"):
        layer(torch.zeros(2, 6, 6))
