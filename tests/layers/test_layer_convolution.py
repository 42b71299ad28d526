"""Convolutions of every kind against torch's modules and against plain algebra; the padding rules."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from layer_oracles import assert_equal, draw, twin
from torch import nn

from deepdojo.errors import RecipeError
from deepdojo.layers import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    DepthwiseSeparableConv2d,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    pad_same,
    replaced,
)
from deepdojo.layers.convolution import conv1d_reference, conv2d_reference
from deepdojo.layers.convolution_3d import conv3d_reference
from deepdojo.layers.convolution_padding import output_length, same_padding
from deepdojo.layers.convolution_transposed import conv_transpose_reference, transposed_length
from deepdojo.layers.shapes import ShapeError

BOTH = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["f64", "f32"])

# our class and torch's take the same arguments
CASES = {
    "1d, dilated": (Conv1d, nn.Conv1d, (7, 5, 3), {"dilation": 2, "padding": 3, "stride": 2}, (2, 7, 11)),
    "1d, groups": (Conv1d, nn.Conv1d, (6, 9, 2), {"groups": 3, "bias": False}, (2, 6, 11)),
    "1d, length 1": (Conv1d, nn.Conv1d, (7, 5, 3), {"padding": 1}, (2, 7, 1)),
    "2d, 1x7": (Conv2d, nn.Conv2d, (3, 5, (1, 7)), {"padding": (0, 3)}, (2, 3, 11, 13)),
    "2d, all unequal": (
        Conv2d,
        nn.Conv2d,
        (4, 6, (2, 3)),
        {"stride": (2, 1), "padding": (3, 0), "dilation": (1, 2), "groups": 2},
        (2, 4, 7, 11),
    ),
    "3d": (Conv3d, nn.Conv3d, (3, 5, 2), {"padding": 1}, (2, 3, 5, 7, 3)),
    "3d, all unequal": (
        Conv3d,
        nn.Conv3d,
        (4, 6, (1, 2, 3)),
        {"stride": (1, 2, 3), "padding": (0, 1, 2), "dilation": (3, 1, 2), "groups": 2, "bias": False},
        (2, 4, 3, 5, 7),
    ),
    "3d, one cell": (Conv3d, nn.Conv3d, (3, 5, 1), {}, (2, 3, 1, 1, 1)),
    "transposed 1d": (ConvTranspose1d, nn.ConvTranspose1d, (3, 5, 4), {"stride": 3, "padding": 1}, (2, 3, 7)),
    "transposed 1d, length 1": (ConvTranspose1d, nn.ConvTranspose1d, (3, 5, 4), {"stride": 3}, (2, 3, 1)),
    "transposed 1d, output padding": (
        ConvTranspose1d,
        nn.ConvTranspose1d,
        (4, 6, 3),
        {"stride": 3, "output_padding": 2, "groups": 2, "dilation": 2, "bias": False},
        (2, 4, 7),
    ),
    "transposed 3d": (ConvTranspose3d, nn.ConvTranspose3d, (3, 5, 2), {"stride": 2}, (2, 3, 3, 5, 2)),
    "transposed 3d, all unequal": (
        ConvTranspose3d,
        nn.ConvTranspose3d,
        (4, 6, (1, 2, 3)),
        {"stride": (1, 2, 3), "padding": (0, 1, 2), "output_padding": (0, 1, 2), "groups": 2, "dilation": (3, 1, 2)},
        (2, 4, 3, 2, 5),
    ),
    "transposed 2d": (ConvTranspose2d, nn.ConvTranspose2d, (3, 5, 3), {"stride": 2}, (2, 3, 7, 5)),
    "transposed 2d, all unequal": (
        ConvTranspose2d,
        nn.ConvTranspose2d,
        (4, 6, (3, 2)),
        {"stride": (3, 1), "padding": (2, 1), "output_padding": (1, 0), "groups": 2, "dilation": (1, 2)},
        (2, 4, 5, 7),
    ),
}


@BOTH
@pytest.mark.parametrize("name", CASES)
def test_layer_equals_torchs_module(name, dtype):
    ours, theirs, sizes, options, shape = CASES[name]
    pair = twin(ours(*sizes, **options), theirs(*sizes, **options), dtype)
    assert_equal(*pair, [draw(*shape, dtype=dtype)])
    scattered = draw(*reversed(shape), dtype=dtype).permute(*reversed(range(len(shape))))
    assert_equal(*pair, [scattered])


@pytest.mark.parametrize("name", CASES)
def test_equal_seeds_give_torchs_initial_weights(name):
    ours, theirs, sizes, options, _ = CASES[name]
    states = []
    for make in (ours, theirs):
        torch.manual_seed(3)
        states.append(make(*sizes, **options).state_dict())
    assert list(states[0]) == list(states[1])
    for key, value in states[0].items():
        torch.testing.assert_close(value, states[1][key])


SPREAD = {"stride": 3, "padding": 2, "output_padding": 1, "groups": 2, "dilation": 2}
KERNELS = {
    "conv1d": (
        partial(conv1d, stride=2, padding=3, dilation=2, groups=3),
        partial(conv1d_reference, stride=2, padding=3, dilation=2, groups=3),
        [(2, 6, 7), (9, 2, 3), (9,)],
    ),
    "conv2d, rectangles": (
        partial(conv2d, stride=(2, 1), padding=(3, 0), dilation=(1, 2)),
        partial(conv2d_reference, stride=(2, 1), padding=(3, 0), dilation=(1, 2)),
        [(2, 3, 7, 11), (5, 3, 2, 3), (5,)],
    ),
    "conv3d": (
        partial(conv3d, stride=(1, 2, 3), padding=(0, 1, 2), dilation=(3, 1, 2), groups=2),
        partial(conv3d_reference, stride=(1, 2, 3), padding=(0, 1, 2), dilation=(3, 1, 2), groups=2),
        [(2, 4, 3, 5, 7), (6, 2, 1, 2, 3), (6,)],
    ),
    "transposed 1d": (
        partial(conv_transpose1d, **SPREAD),
        partial(conv_transpose_reference, **SPREAD),
        [(2, 4, 7), (4, 3, 3), (6,)],
    ),
    "transposed 3d": (
        partial(conv_transpose3d, stride=(3, 1, 2), padding=(2, 1, 0)),
        partial(conv_transpose_reference, stride=(3, 1, 2), padding=(2, 1, 0)),
        [(2, 4, 5, 3, 2), (4, 3, 3, 2, 1), (3,)],
    ),
    "transposed 2d": (
        partial(conv_transpose2d, stride=(3, 1), padding=(2, 1)),
        partial(conv_transpose_reference, stride=(3, 1), padding=(2, 1)),
        [(2, 4, 5, 7), (4, 3, 3, 2), (3,)],
    ),
}


@BOTH
@pytest.mark.parametrize("name", KERNELS)
def test_kernel_equals_its_plain_reference(name, dtype):
    fast, plain, shapes = KERNELS[name]
    assert_equal(fast, plain, [draw(*shape, dtype=dtype, seed=i) for i, shape in enumerate(shapes)])


@BOTH
def test_depthwise_separable_equals_torchs_two_convolutions(dtype):
    options = {"stride": 2, "padding": (1, 2), "dilation": (1, 2)}
    ours = DepthwiseSeparableConv2d(3, 5, 3, **options)
    theirs = nn.Sequential()
    theirs.add_module("depthwise", nn.Conv2d(3, 3, 3, groups=3, **options))
    theirs.add_module("pointwise", nn.Conv2d(3, 5, 1))
    assert_equal(*twin(ours, theirs, dtype), [draw(2, 3, 7, 11, dtype=dtype)])


def test_depthwise_separable_is_a_whole_convolution_of_rank_one_with_the_stated_parameters():
    C, O = 7, 5
    layer = DepthwiseSeparableConv2d(C, O, 3, padding=1, bias=False).double()
    whole = layer.pointwise.weight * layer.depthwise.weight.transpose(0, 1)  # (O, C, 3, 3)
    x = draw(2, C, 5, 11)
    torch.testing.assert_close(layer(x), F.conv2d(x, whole, padding=1))
    count = sum(p.numel() for p in DepthwiseSeparableConv2d(C, O, 3).parameters())
    assert count == C * 9 + C + C * O + O


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")  # torch's, of its own cost
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_padding_at_stride_one_equals_torchs(kernel, dilation):
    """torch's padding="same" knows stride 1 only; it too puts an odd zero at the end."""
    x, weight = draw(2, 3, 5, 7), draw(5, 3, kernel, 2, seed=1)
    ours = lambda x, w: conv2d(pad_same(x, (kernel, 2), 1, dilation), w, dilation=dilation)  # noqa: E731
    assert_equal(ours, lambda x, w: F.conv2d(x, w, padding="same", dilation=dilation), [x, weight])


def test_same_padding_is_tensorflows():
    """From TensorFlow's guide to padding: out = ceil(n / s); total = max((out - 1) s + d (h - 1) + 1 - n, 0)."""
    assert same_padding(8, 3, 2) == (0, 1)  # where padding = 1 would look one pixel earlier
    assert same_padding(7, 3, 2) == (1, 1)
    assert same_padding(224, 7, 2) == (2, 3)
    assert same_padding(5, 1, 3) == (0, 0)  # a kernel smaller than the step leaves pixels out and needs no zeros
    for n in range(1, 12):
        for kernel in range(1, 6):
            for stride in range(1, 5):
                for dilation in (1, 2):
                    before, after = same_padding(n, kernel, stride, dilation)
                    assert 0 <= after - before <= 1
                    assert output_length(n + before + after, kernel, stride, 0, dilation) == -(-n // stride)


def test_output_lengths_are_those_of_the_kernels():
    for n in (5, 8):
        for h in (1, 2, 3):
            for s in (1, 2, 3):
                for p in (0, 1):
                    for d in (1, 2):
                        x, weight = torch.zeros(1, 1, n), torch.zeros(1, 1, h)
                        assert F.conv1d(x, weight, None, s, p, d).shape[2] == output_length(n, h, s, p, d)
                        for more in range(max(s, d)):
                            out = F.conv_transpose1d(x, weight, None, s, p, more, 1, d).shape[2]
                            assert out == transposed_length(n, h, s, p, more, d)


def test_a_transposed_convolution_is_the_gradient_of_a_convolution():
    x, weight = draw(2, 5, 4, 6), draw(5, 3, 3, 3, seed=1)  # (O, C, h, w) read as (in, out, h, w)
    image = draw(2, 3, 7, 11).requires_grad_()
    (gradient,) = torch.autograd.grad(F.conv2d(image, weight, stride=2, padding=1), image, x)
    torch.testing.assert_close(conv_transpose2d(x, weight, stride=2, padding=1), gradient)


def test_equal_numbers_reach_a_learners_function_as_one():
    """A function written for square kernels must not meet a tuple."""
    seen = []

    def spy(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        seen.append((stride, padding, dilation))
        return conv2d(x, weight, bias, stride, padding, dilation, groups)

    with replaced({"conv2d": spy}):
        square, flat = Conv2d(1, 1, 3, stride=(2, 2), padding=1), Conv2d(1, 1, (1, 3), padding=(0, 1))
    for layer in (square, flat):
        layer(torch.zeros(1, 1, 5, 5))
    assert seen == [(2, 1, 1), (1, (0, 1), 1)]


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize(
    ("layer", "shape", "sentence"),
    [
        (Conv3d(3, 5, 3), (2, 3, 5, 2, 7), "Conv3d: a kernel that spans (3, 3, 3) is larger than the input (5, 2, 7)"),
        (Conv3d(3, 5, 3), (2, 3, 5, 7), "Conv3d expects a tensor of 5 axes, got (2, 3, 5, 7)"),
        (Conv2d(3, 5, (1, 7), padding=(0, 2)), (2, 3, 9, 2), "spans (1, 7) is larger than the input (9, 2) padded by"),
        (Conv1d(3, 5, 3, dilation=4), (2, 3, 8), "a kernel that spans (9,) is larger than the input (8,) padded by 0"),
        (ConvTranspose2d(3, 5, 2), (2, 4, 9, 9), "ConvTranspose2d expects 3 entries along axis 1, got (2, 4, 9, 9)"),
        (ConvTranspose1d(3, 5, 3, padding=2), (2, 3, 2), "ConvTranspose1d: padding 2 leaves (0,) of (2,)"),
        (DepthwiseSeparableConv2d(3, 5, 3), (2, 3, 2, 9), "a kernel that spans (3, 3) is larger than the input (2, 9)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_inputs_that_do_not_fit_are_one_sentence(layer, shape, sentence):
    with pytest.raises(ShapeError) as caught:
        layer(torch.zeros(shape))
    assert sentence in str(caught.value)


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Conv3d(6, 8, 3, groups=4), "groups = 4 divides not both 6 input and 8 output channels"),
        (lambda: Conv1d(6, 8, 3, groups=0), "groups = 0 divides not both"),
        (lambda: Conv2d(6, 9, 3, groups=2), "take 1"),
        (lambda: Conv2d(12, 18, 3, groups=4), "take 3"),
        (lambda: Conv2d(3, 4, 3.0), "kernel_size is counted in whole cells, got 3.0"),
        (lambda: Conv2d(3, 4, (3, 1.5)), "kernel_size is counted in whole cells, got (3, 1.5)"),
        (lambda: Conv2d(-3, 4, 3), "channels must be 1 or more, got -3 and 4"),
        (lambda: ConvTranspose3d(3, 0, 3), "channels must be 1 or more, got 3 and 0"),
        (lambda: Conv2d(6, 8, (1, 2, 3)), "kernel_size must be one number or 2, got (1, 2, 3)"),
        (lambda: Conv2d(6, 8, 0), "kernel_size must be 1 or more, got 0"),
        (lambda: Conv2d(6, 8, 3, stride=(1, 0)), "stride must be 1 or more, got 0"),
        (lambda: Conv2d(6, 8, 3, padding=-1), "padding must be 0 or more, got -1"),
        (
            lambda: ConvTranspose2d(6, 8, 3, stride=2, output_padding=2),
            "output_padding must be below the stride or the dilation (2), got 2",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arguments_that_do_not_fit_are_one_sentence(make, sentence):
    with pytest.raises(RecipeError) as caught:
        make()
    assert sentence in str(caught.value)
