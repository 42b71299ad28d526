"""The plain forms that stand beside fast layers say the same: values, and gradients of every input and parameter."""

from __future__ import annotations

import pytest
import torch
from layer_oracles import assert_equal, draw, lengths_mask
from torch import nn

from deepdojo.layers import (
    AttentionPooling,
    DepthwiseSeparableConv2d,
    FeedForward,
    LuongAttention,
    dropout,
    layer_sources,
    sinusoidal_positions,
)
from deepdojo.layers import pooling_over_time as over_time
from deepdojo.layers.attention_luong import luong_attention_reference
from deepdojo.layers.convolution_depthwise_separable import depthwise_separable_reference
from deepdojo.layers.dropouts import dropout_reference
from deepdojo.layers.feed_forward import feed_forward_reference
from deepdojo.layers.positions_sinusoidal import sinusoidal_positions_reference

BOTH = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["f64", "f32"])
GAPS = torch.rand(3, 11, generator=torch.Generator().manual_seed(0)) < 0.5
MASKS = {"all": None, "ends": lengths_mask([11, 1, 0], 11), "gaps": GAPS}
MASKED = pytest.mark.parametrize("keep", MASKS.values(), ids=MASKS)


class _Call(nn.Module):
    """`call(layer, *inputs)`, with the layer's parameters as its own."""

    def __init__(self, layer, call):
        super().__init__()
        self.layer, self.call = layer, call

    def forward(self, *inputs):
        return self.call(self.layer, *inputs)


def assert_layer_equal(layer, reference, inputs, *more):
    ours = _Call(layer, lambda layer, *given: layer(*given, *more))
    assert_equal(ours, _Call(layer, lambda layer, *given: reference(layer, *given, *more)), inputs)


@BOTH
@MASKED
@pytest.mark.parametrize("name", ["max_over_time", "mean_over_time", "last_over_time"])
def test_pooling_over_time(name, keep, dtype):
    ours, plain = getattr(over_time, name), getattr(over_time, f"{name}_reference")
    assert_equal(lambda x: ours(x, keep), lambda x: plain(x, keep), [draw(3, 11, 7, dtype=dtype)])


@BOTH
@MASKED
@pytest.mark.parametrize("k", [1, 3, 13])
def test_k_max_over_time(k, keep, dtype):
    ours, plain = over_time.k_max_over_time, over_time.k_max_over_time_reference
    assert_equal(lambda x: ours(x, k, keep), lambda x: plain(x, k, keep), [draw(3, 11, 7, dtype=dtype)])


@BOTH
@MASKED
def test_attention_pooling(keep, dtype):
    torch.manual_seed(0)
    inputs = [draw(3, 11, 7, dtype=dtype)]
    assert_layer_equal(AttentionPooling(7, 5).to(dtype), over_time.attention_pooling_reference, inputs, keep)


@BOTH
@MASKED
@pytest.mark.parametrize("score", ["dot", "general"])
def test_luong_attention(score, keep, dtype):
    torch.manual_seed(0)
    attention = LuongAttention(7, 7, score).to(dtype)
    inputs = [draw(3, 5, 7, dtype=dtype), draw(3, 11, 7, dtype=dtype)]
    assert_layer_equal(attention, luong_attention_reference, inputs, keep)


@BOTH
@pytest.mark.parametrize("bias", [True, False])
def test_depthwise_separable_convolution(bias, dtype):
    torch.manual_seed(0)
    layer = DepthwiseSeparableConv2d(3, 5, (2, 3), (2, 1), (1, 0), (1, 2), bias=bias).to(dtype)
    assert_layer_equal(layer, depthwise_separable_reference, [draw(2, 3, 7, 11, dtype=dtype)])


@BOTH
@pytest.mark.parametrize("bias", [True, False])
def test_feed_forward(bias, dtype):
    torch.manual_seed(0)
    layer = FeedForward(7, 13, bias=bias).to(dtype)
    assert_layer_equal(layer, feed_forward_reference, [draw(2, 5, 7, dtype=dtype)])


@pytest.mark.parametrize(("T", "D"), [(11, 6), (11, 7), (1, 1), (0, 5)])
def test_sinusoidal_positions(T, D):
    torch.testing.assert_close(sinusoidal_positions(T, D), sinusoidal_positions_reference(T, D), rtol=0, atol=1e-12)


@BOTH
def test_dropout_with_the_draws_that_it_made(dtype):
    """p is a multiple of 1/65,536, so nothing is rounded; the draws show in what became of ones."""
    ones = torch.ones(5, 7, 11, dtype=dtype)
    torch.manual_seed(0)
    heard = dropout(ones, 0.25, True) != 0

    def again(x):
        torch.manual_seed(0)
        return dropout(x, 0.25, True)

    assert_equal(again, lambda x: dropout_reference(x, 0.25, heard), [draw(5, 7, 11, dtype=dtype)])
    assert 0 < heard.sum() < heard.numel()


def test_every_layer_says_who_published_it():
    assert not [name for name, source in layer_sources().items() if not source]
