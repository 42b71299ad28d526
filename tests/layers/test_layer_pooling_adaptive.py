"""Adaptive pooling against torch's module and its own plain reference."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from layer_oracles import assert_equal, draw
from torch import nn

from deepdojo.layers.pooling_adaptive import adaptive_average_pool2d, adaptive_average_pool2d_reference
from deepdojo.layers.shapes import ShapeError


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["f64", "f32"])
@pytest.mark.parametrize(("y", "x", "side"), [(8, 8, 7), (7, 7, 7), (11, 5, 3), (2, 1, 5), (1, 13, 1)])
def test_adaptive_pooling_equals_torchs_module_and_the_plain_form(y, x, side, dtype):
    image = draw(2, 3, y, x, dtype=dtype)
    ours = partial(adaptive_average_pool2d, side=side)
    assert_equal(ours, nn.AdaptiveAvgPool2d(side), [image])
    assert_equal(ours, partial(adaptive_average_pool2d_reference, side=side), [image])
    assert_equal(ours, nn.AdaptiveAvgPool2d(side), [draw(x, y, 3, 2, dtype=dtype).permute(3, 2, 1, 0)])


def test_an_image_of_the_right_size_passes_unchanged():
    image = draw(2, 3, 7, 7)
    assert torch.equal(adaptive_average_pool2d(image, 7), image)


def test_an_image_without_pixels_is_refused():
    with pytest.raises(ShapeError, match=r"at least one pixel, got \(2, 3, 0, 5\)"):
        adaptive_average_pool2d(torch.zeros(2, 3, 0, 5), 7)
