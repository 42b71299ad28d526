"""Group normalisation against torch's; stochastic depth against its rows, its share and its mean."""

from __future__ import annotations

import pytest
import torch
from layer_oracles import assert_equal, draw, twin
from torch import nn

from deepdojo.errors import RecipeError
from deepdojo.layers import DropPath, GroupNorm, Linear, Residual, drop_path, group_norm
from deepdojo.layers.group_normalisation import group_norm_reference
from deepdojo.layers.residual_drop_path import drop_path_reference, growing_rates
from deepdojo.layers.shapes import ShapeError

BOTH = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["f64", "f32"])
SHAPES = [(5, 6, 7, 3), (5, 6), (1, 6, 11), (5, 6, 2, 3, 1)]


@BOTH
@pytest.mark.parametrize("groups", [1, 2, 3, 6])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_group_norm_equals_torchs_and_plain_algebra(shape, groups, dtype):
    if shape == (5, 6) and groups > 2:
        shape = (5, 6, 3)  # of two numbers in a group nothing is left but a sign: ±1, and errors of any size
    ours, theirs = twin(GroupNorm(groups, 6), nn.GroupNorm(groups, 6), dtype)
    with torch.no_grad():
        for p in theirs.parameters():
            p.copy_(draw(6, dtype=dtype, seed=5))
    ours.load_state_dict(theirs.state_dict())
    x = draw(*shape, dtype=dtype)
    assert_equal(ours, theirs, [x])
    assert_equal(
        lambda x, w, b: group_norm(x, groups, w, b),
        lambda x, w, b: group_norm_reference(x, groups, w, b),
        [x, draw(6, dtype=dtype), draw(6, dtype=dtype, seed=1)],
    )
    scattered = draw(*reversed(shape), dtype=dtype).permute(*reversed(range(len(shape))))
    assert_equal(ours, theirs, [scattered])


def test_a_constant_group_normalises_to_the_bias():
    for dtype, limit in ((torch.float64, 1e-9), (torch.float32, 0.1)):  # 1e4 · 1e-16 / √eps, or 1e4 · 1e-7 / √eps
        assert GroupNorm(2, 4).to(dtype)(torch.full((3, 4, 5), 1e4, dtype=dtype)).abs().max() < limit


@pytest.mark.usefixtures("production")
def test_groups_that_do_not_fit_are_one_sentence():
    with pytest.raises(RecipeError, match="num_groups = 4 does not divide 6 channels"):
        GroupNorm(4, 6)
    with pytest.raises(ShapeError, match=r"GroupNorm expects 6 entries along axis 1, got \(2, 5, 3\)"):
        GroupNorm(2, 6)(torch.zeros(2, 5, 3))


def seeded(f, *arguments):
    torch.manual_seed(11)
    return f(*arguments)


@pytest.mark.parametrize("shape", [(7, 3, 5), (7,), (0, 3), (1, 2, 3, 4)], ids=str)
def test_drop_path_equals_a_loop_over_rows(shape):
    for training in (True, False):
        assert_equal(
            lambda x: seeded(drop_path, x, 0.4, training),  # noqa: B023
            lambda x: seeded(drop_path_reference, x, 0.4, training) if len(x) else x * 1,  # noqa: B023
            [draw(*shape)],
        )


def test_a_row_is_silent_as_a_whole_in_the_stated_share_and_the_mean_stays():
    torch.manual_seed(0)
    n, p = 100_003, 0.3
    y = DropPath(p)(torch.ones(n, 3))
    silent = (y == 0).all(1)
    assert (silent == (y == 0).any(1)).all()
    spread = (p * (1 - p) / n) ** 0.5
    assert abs(silent.double().mean().item() - p) < 6 * spread  # a right one fails in 2 of 10^9 seeds
    torch.testing.assert_close(y[~silent].unique(), torch.tensor([1 / (1 - p)]))
    x = torch.ones(5, 3)
    assert DropPath(p).eval()(x) is x
    assert DropPath(0.0)(x) is x


def test_a_silent_branch_passes_its_input_and_the_gradient_unchanged():
    layer = Residual(Linear(3, 3), 0.5).double()
    x = draw(64, 3).requires_grad_()
    torch.manual_seed(2)
    y = layer(x)
    y.backward(torch.ones_like(y))
    silent = (y == x).all(1)
    assert 0 < silent.sum() < 64
    assert (x.grad[silent] == 1).all()
    torch.testing.assert_close(y[~silent], (x + 2 * layer.branch(x))[~silent])
    torch.testing.assert_close(layer.eval()(x), x + layer.branch(x))


def test_rates_grow_with_depth_and_wrong_ones_are_refused():
    assert growing_rates(0.5, 4) == [0.125, 0.25, 0.375, 0.5]  # equation 4 of the paper, with 1 - p
    assert growing_rates(0.0, 2) == [0.0, 0.0]
    for wrong in (1.0, -0.1):
        with pytest.raises(RecipeError, match="drop_path is a share from 0 to below 1"):
            DropPath(wrong)


@pytest.mark.usefixtures("production")
def test_group_norm_of_numbers_and_of_a_wrong_number_of_groups_is_one_sentence():
    with pytest.raises(ShapeError, match=r"GroupNorm expects 6 entries along axis 1, got \(6,\)"):
        GroupNorm(3, 6)(torch.zeros(6))
    with pytest.raises(RecipeError, match="take 3"):
        GroupNorm(4, 6)
    with pytest.raises(RecipeError, match="num_channels must be 1 or more, got 0"):
        GroupNorm(1, 0)
