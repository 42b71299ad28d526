"""Pooling over windows, to a given size, over the whole image: against torch's and against plain algebra."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from layer_oracles import assert_equal, draw

from deepdojo.errors import RecipeError
from deepdojo.layers.pooling import (
    average_pool1d,
    average_pool2d,
    average_pool2d_reference,
    average_pool3d,
    average_pool_reference,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    max_pool_reference,
)
from deepdojo.layers.pooling_adaptive import (
    adaptive_average_pool1d,
    adaptive_average_pool2d,
    adaptive_average_pool3d,
    adaptive_average_pool_reference,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    adaptive_max_pool_reference,
)
from deepdojo.layers.pooling_global import average_over_space, max_over_space
from deepdojo.layers.shapes import ShapeError

BOTH = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["f64", "f32"])
WINDOWS = {
    "one number": {"kernel_size": 3},
    "overlapping": {"kernel_size": 3, "stride": 2, "padding": 1},
    "step longer than the window": {"kernel_size": 2, "stride": 3},
    "one cell": {"kernel_size": 1},
}


@BOTH
@pytest.mark.parametrize("options", WINDOWS.values(), ids=WINDOWS)
def test_max_pooling_equals_torchs_and_plain_algebra(options, dtype):
    shape = (2, 3, 7, 11, 5)
    for axes, ours, theirs in ((1, max_pool1d, F.max_pool1d), (2, max_pool2d, F.max_pool2d),
                               (3, max_pool3d, F.max_pool3d)):  # fmt: skip
        x = draw(*shape[: axes + 2], dtype=dtype)
        assert_equal(partial(ours, **options), partial(theirs, **options), [x])
        assert_equal(partial(ours, **options), partial(max_pool_reference, **options), [x])
        assert_equal(partial(ours, **options), partial(theirs, **options), [x.transpose(0, 1).contiguous().mT.mT])


@BOTH
@pytest.mark.parametrize("count_include_pad", [True, False])
@pytest.mark.parametrize(
    "options",
    [*WINDOWS.values(), {"kernel_size": (2, 3), "stride": (1, 2), "padding": (1, 0)}],
    ids=[*WINDOWS, "rectangles"],
)
def test_average_pooling_equals_torchs_and_plain_algebra(options, count_include_pad, dtype):
    options = {**options, "count_include_pad": count_include_pad}
    x = draw(2, 3, 7, 11, dtype=dtype)
    assert_equal(partial(average_pool2d, **options), partial(F.avg_pool2d, **options), [x])
    assert_equal(partial(average_pool2d, **options), partial(average_pool2d_reference, **options), [x])


@BOTH
@pytest.mark.parametrize("count_include_pad", [True, False])
@pytest.mark.parametrize("options", WINDOWS.values(), ids=WINDOWS)
def test_means_of_time_and_space_equal_torchs_and_plain_algebra(options, count_include_pad, dtype):
    options = {**options, "count_include_pad": count_include_pad}
    for shape, ours, theirs in (((2, 3, 11), average_pool1d, F.avg_pool1d),
                                ((2, 3, 7, 5, 11), average_pool3d, F.avg_pool3d)):  # fmt: skip
        for x in (draw(*shape, dtype=dtype), draw(*reversed(shape), dtype=dtype).permute(*reversed(range(len(shape))))):
            assert_equal(partial(ours, **options), partial(theirs, **options), [x])
            assert_equal(partial(ours, **options), partial(average_pool_reference, **options), [x])


@BOTH
@pytest.mark.parametrize("size", [1, 3, 11], ids=str)
def test_adaptive_pooling_of_time_and_space_equals_torchs_and_plain_algebra(size, dtype):
    time, space = draw(2, 3, 7, dtype=dtype), draw(5, 2, 7, 3, 2, dtype=dtype).transpose(0, 4)
    for x, ours, theirs, plain in (
        (time, adaptive_average_pool1d, F.adaptive_avg_pool1d, adaptive_average_pool_reference),
        (time, adaptive_max_pool1d, F.adaptive_max_pool1d, adaptive_max_pool_reference),
        (space, adaptive_average_pool3d, F.adaptive_avg_pool3d, adaptive_average_pool_reference),
        (space, adaptive_max_pool3d, F.adaptive_max_pool3d, adaptive_max_pool_reference),
    ):
        assert_equal(lambda x, f=ours: f(x, size), lambda x, f=theirs: f(x, size), [x])
        assert_equal(lambda x, f=ours: f(x, size), lambda x, f=plain: f(x, size), [x])


def test_average_pooling_counts_the_zeros_of_the_padding_or_not():
    ones = torch.ones(1, 1, 3, 3)
    assert average_pool2d(ones, 3, 1, 1)[0, 0, 0, 0].item() == pytest.approx(4 / 9)
    assert (average_pool2d(ones, 3, 1, 1, count_include_pad=False) == 1).all()


def test_padding_never_wins():
    assert (max_pool2d(torch.full((1, 1, 3, 3), -5.0), 3, 1, 1) == -5).all()


@BOTH
@pytest.mark.parametrize("size", [1, 3, 7, (2, 5), (11, 13)], ids=str)
def test_adaptive_pooling_equals_torchs_and_plain_algebra(size, dtype):
    x = draw(2, 3, 7, 11, dtype=dtype)
    for ours, theirs, plain in (
        (adaptive_average_pool2d, F.adaptive_avg_pool2d, adaptive_average_pool_reference),
        (adaptive_max_pool2d, F.adaptive_max_pool2d, adaptive_max_pool_reference),
    ):
        assert_equal(lambda x, f=ours: f(x, size), lambda x, f=theirs: f(x, size), [x])
        assert_equal(lambda x, f=ours: f(x, size), lambda x, f=plain: f(x, size), [x])
        scattered = draw(11, 7, 3, 2, dtype=dtype).permute(3, 2, 1, 0)
        assert_equal(lambda x, f=ours: f(x, size), lambda x, f=theirs: f(x, size), [scattered])


@BOTH
def test_pooling_over_the_whole_image_equals_adaptive_pooling_to_one(dtype):
    x = draw(2, 3, 5, 7, dtype=dtype)
    assert_equal(average_over_space, lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1), [x])
    assert_equal(max_over_space, lambda x: F.adaptive_max_pool2d(x, 1).flatten(1), [x])


def test_no_rows_give_no_rows():
    for pool in (partial(max_pool2d, kernel_size=2), partial(adaptive_average_pool2d, output_size=3),
                 average_over_space, partial(average_pool2d, kernel_size=2)):  # fmt: skip
        assert pool(torch.zeros(0, 3, 5, 5)).shape[:2] == (0, 3)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda: max_pool2d(torch.zeros(2, 3, 2, 9), 3),
            ShapeError,
            "max_pool2d: a kernel that spans (3, 3) is larger",
        ),
        (lambda: max_pool1d(torch.zeros(2, 3, 2), 3), ShapeError, "max_pool1d: a kernel that spans (3,) is larger"),
        (
            lambda: average_pool2d(torch.zeros(2, 3, 9, 9), (2, 3), 1, (1, 2)),
            ShapeError,
            "average_pool2d: padding (1, 2) is more than half of the window (2, 3)",
        ),
        (lambda: max_pool3d(torch.zeros(2, 3, 9, 9, 9), (2, 2)), RecipeError, "kernel_size must be one number or 3"),
        (lambda: adaptive_max_pool2d(torch.zeros(2, 3, 0, 9), 3), ShapeError, "at least one pixel, got (2, 3, 0, 9)"),
    ],
    ids=["2d", "1d", "padding", "numbers", "no pixels"],
)
def test_windows_that_do_not_fit_are_one_sentence(call, error, sentence):
    with pytest.raises(error) as caught:
        call()
    assert sentence in str(caught.value)


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda x: max_pool2d(x, 0), RecipeError, "kernel_size must be 1 or more, got 0"),
        (lambda x: average_pool2d(x, 2, 0), RecipeError, "stride must be 1 or more, got 0"),
        (lambda x: max_pool2d(x, 2, 1, -1), RecipeError, "padding must be 0 or more, got -1"),
        (lambda x: max_pool2d(x, 2.5), RecipeError, "kernel_size is counted in whole cells, got 2.5"),
        (lambda x: max_pool2d(x[0, 0], 2), ShapeError, "max_pool2d expects a tensor of 4 axes, got (5, 7)"),
        (lambda x: max_pool1d(x, 2), ShapeError, "max_pool1d expects a tensor of 3 axes"),
        (lambda x: average_pool3d(x, 2), ShapeError, "average_pool3d expects a tensor of 5 axes"),
        (lambda x: adaptive_average_pool2d(x, 0), RecipeError, "output_size must be 1 or more, got 0"),
        (lambda x: adaptive_max_pool1d(x, 2), ShapeError, "adaptive_max_pool1d expects a tensor of 3 axes"),
        (lambda x: average_over_space(x[0]), ShapeError, "average_over_space needs images (B, C, Y, X)"),
        (lambda x: average_over_space(x[:, :, :0]), ShapeError, "at least one pixel, got (2, 3, 0, 7)"),
        (lambda x: max_over_space(x[:, :, :0]), ShapeError, "at least one pixel, got (2, 3, 0, 7)"),
    ],
)
def test_sizes_that_are_none_and_other_ranks_are_one_sentence(call, error, sentence):
    with pytest.raises(error) as caught:
        call(torch.zeros(2, 3, 5, 7))
    assert sentence in str(caught.value)
