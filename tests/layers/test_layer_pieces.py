"""Pooling over time, dropout, max-norm, batch norm of one row, shape errors."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from layer_oracles import assert_equal, draw, lengths_mask
from torch.nn import functional as F

from deepdojo.errors import RecipeError, UnknownNameError
from deepdojo.layers import BatchNorm1d, BatchNorm2d, Conv1d, Conv2d, Dropout, LayerNorm, Linear, drop_path, dropout
from deepdojo.layers.activations import ACTIVATIONS, activation
from deepdojo.layers.pooling_global import average_over_space, max_over_space
from deepdojo.layers.pooling_over_time import last_over_time, max_over_time, mean_over_time
from deepdojo.layers.shapes import ShapeError

POOLINGS = {
    max_over_time: lambda rows: rows.amax(0),
    mean_over_time: lambda rows: rows.mean(0),
    last_over_time: lambda rows: rows[-1],
}


@pytest.mark.parametrize("pool", POOLINGS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("kind", ["ends", "gaps", "none"])
def test_pooling_over_time_equals_a_loop_over_rows(pool, kind):
    x = draw(5, 7, 3)
    keep = (
        lengths_mask([7, 3, 1, 5, 0], 7)
        if kind == "ends"
        else torch.rand(5, 7, generator=torch.Generator().manual_seed(0)) < 0.5
    )
    keep = None if kind == "none" else keep

    def loop(x):
        rows = [row if keep is None else row[keep[i]] for i, row in enumerate(x)]
        return torch.stack([POOLINGS[pool](row) if len(row) else row.new_zeros(3) for row in rows])

    assert_equal(lambda x: pool(x, keep), loop, [x])


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("pool", POOLINGS, ids=lambda f: f.__name__)
def test_pooling_no_steps_gives_zeros(pool):
    assert torch.equal(pool(torch.ones(2, 0, 3), torch.ones(2, 0, dtype=torch.bool)), torch.zeros(2, 3))
    assert torch.equal(pool(torch.ones(2, 0, 3)), torch.zeros(2, 3))
    with pytest.raises(ShapeError, match=r"keep must be bool \(2, 4\)"):
        pool(torch.ones(2, 4, 3), torch.ones(2, 3, dtype=torch.bool))


def test_pooling_over_space():
    x = draw(2, 3, 5, 7)
    assert_equal(average_over_space, lambda x: x.flatten(2).mean(2), [x])
    assert_equal(max_over_space, lambda x: x.flatten(2).max(2).values, [x])


def test_dropout_silences_the_stated_share_and_keeps_the_mean():
    torch.manual_seed(0)
    x, p = torch.ones(100_003), 0.3
    y = Dropout(p)(x)
    silent = (y == 0).double().mean().item()
    spread = (p * (1 - p) / len(x)) ** 0.5
    assert abs(silent - p) < 6 * spread  # a right dropout fails in 2 of 10^9 seeds
    torch.testing.assert_close(y[y != 0].unique(), torch.tensor([1 / (1 - p)]), rtol=1 / 65_536, atol=0)
    assert Dropout(p).eval()(x) is x
    for wrong in (1.0, -0.1):
        with pytest.raises(RecipeError, match="dropout is a share"):
            Dropout(wrong)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_draws_each_number_for_itself(p):
    """Four numbers share one draw of 64 bits: none of the four may be likelier, and none may follow another."""
    torch.manual_seed(0)
    n = 200_000
    silent = (Dropout(p)(torch.ones(n, 4)) == 0).double()
    spread = (p * (1 - p) / n) ** 0.5
    assert (silent.mean(0) - p).abs().max() < 6 * spread
    away = silent - p
    together = (away.T @ away / n).fill_diagonal_(0.0).abs().max()
    assert together < 6 * p * (1 - p) / n**0.5  # of 14 bounds a right dropout breaks one in 3 of 10^8 seeds


def test_dropout_passes_the_gradient_of_what_it_keeps():
    x = draw(7, 13).requires_grad_()
    torch.manual_seed(1)
    y = Dropout(0.4)(x)
    cotangent = draw(7, 13)
    y.backward(cotangent)
    scale = 65_536 / (65_536 - round(0.4 * 65_536))
    torch.testing.assert_close(x.grad, cotangent * (y != 0) * scale)
    torch.manual_seed(1)
    assert torch.equal(Dropout(0.4)(x), y)
    assert torch.equal(Dropout(1e-6)(torch.ones(3)), torch.ones(3) / (1 - 1e-6))  # too rare for 16 bits: torch's


def test_max_norm_bounds_every_row_of_the_weight():
    layer = Linear(7, 3, max_norm=1.5)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([4.0, 0.5, 1.5])[:, None] / 7**0.5)
        layer.bias.zero_()
    before = layer.weight.clone()
    wanted = before * torch.tensor([1.5 / 4, 1, 1])[:, None]
    x = draw(5, 7, dtype=torch.float32)
    torch.testing.assert_close(layer.eval()(x), x @ wanted.T)
    assert torch.equal(layer.weight, before)  # evaluation changes nothing
    torch.testing.assert_close(layer.train()(x), x @ wanted.T)
    torch.testing.assert_close(layer.weight, wanted)  # training projects


def test_a_batch_of_one_number_a_channel_uses_the_running_statistics():
    for layer, x in ((BatchNorm1d(3), torch.ones(1, 3)), (BatchNorm2d(3), torch.ones(1, 3, 1, 1))):
        with torch.no_grad():
            layer.running_mean.fill_(0.5)
        torch.testing.assert_close(layer(x).flatten(), torch.full((3,), 0.5), rtol=1e-4, atol=0)
        assert (layer.running_mean == 0.5).all()
        assert layer.num_batches_tracked == 0


def test_a_constant_row_normalises_to_the_bias():
    assert torch.equal(LayerNorm(5)(torch.full((2, 5), 1e4)), torch.zeros(2, 5))


@pytest.mark.parametrize(
    ("layer", "shape", "sentence"),
    [
        (Linear(7, 3), (2, 8), "Linear expects 7 entries along axis -1, got (2, 8)"),
        (Conv2d(3, 5, 3), (2, 4, 9, 9), "Conv2d expects 3 entries along axis 1, got (2, 4, 9, 9)"),
        (Conv2d(3, 5, 3), (3, 9, 9), "Conv2d expects a tensor of 4 axes, got (3, 9, 9)"),
        (Conv2d(3, 5, 5), (2, 3, 4, 9), "a kernel that spans (5, 5) is larger than the input (4, 9) padded by 0"),
        (Conv1d(3, 5, 5), (2, 3, 4), "a kernel that spans (5,) is larger than the input (4,) padded by 0"),
        (LayerNorm(7), (2, 8), "LayerNorm expects 7 entries along axis -1, got (2, 8)"),
        (BatchNorm2d(3), (2, 3), "BatchNorm2d expects a tensor of 4 axes, got (2, 3)"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("production")
def test_wrong_shapes_are_one_sentence(layer, shape, sentence):
    with pytest.raises(ShapeError) as caught:
        layer(torch.zeros(shape))
    assert sentence in str(caught.value)


def test_groups_that_do_not_divide_are_refused():
    with pytest.raises(RecipeError, match="groups = 4 divides not both 6 input and 8 output channels"):
        Conv2d(6, 8, 3, groups=4)


def test_activations_by_name():
    torchs = {
        "relu": F.relu,
        "gelu": F.gelu,
        "gelu_tanh": partial(F.gelu, approximate="tanh"),
        "silu": F.silu,
        "tanh": torch.tanh,
    }
    torchs["relu_squared"] = lambda x: F.relu(x) ** 2
    assert set(torchs) == set(ACTIVATIONS)
    for name, other in torchs.items():
        assert_equal(activation(name), other, [draw(3, 7)])
    with pytest.raises(UnknownNameError, match="did you mean 'relu'"):
        activation("relo")


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("drop", [dropout, drop_path])
def test_a_share_that_is_none_is_one_sentence(drop, p, training):
    with pytest.raises(RecipeError, match=f"is a share from 0 to 1, got {p}"):
        drop(torch.ones(2, 3), p, training)


@pytest.mark.parametrize("drop", [dropout, drop_path])
def test_a_share_of_one_leaves_zeros(drop):
    assert (drop(torch.ones(2, 3), 1.0, True) == 0).all()
    assert (drop(torch.ones(2, 3), 1.0, False) == 1).all()
