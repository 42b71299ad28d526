"""A learner's code stands in for a layer: counted, checked, gone after the build."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn

import deepdojo.layers
from deepdojo.errors import RecipeError, UnknownNameError
from deepdojo.layers import LAYERS, Layer, current, layer_summaries, replaced, require_built
from deepdojo.layers.attention_dot_product import scaled_dot_product_attention_reference
from deepdojo.layers.convolution import Conv2d, conv2d_reference
from deepdojo.layers.lstm_gates import lstm_cell_reference
from deepdojo.models import create_model

IMAGES = {"in_channels": 1, "height": 8, "width": 8, "num_outputs": 3}
TEXTS = {"vocab_size": 11, "num_outputs": 3}


class UnfoldConv2d(nn.Module):
    """A learner's convolution: columns of patches, then one product."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.options = {"kernel_size": kernel_size, "stride": stride, "padding": padding}

    def forward(self, x):
        columns = nn.functional.unfold(x, **self.options)
        y = self.weight.flatten(1) @ columns
        side = int(columns.shape[-1] ** 0.5)
        return y.unflatten(-1, (side, side)) + (0 if self.bias is None else self.bias[:, None, None])


def same_logits(name, dims, stand_ins, x, *more):
    plain = create_model(name, dims).eval()
    with replaced(stand_ins) as counts:
        swapped = create_model(name, dims).eval()
    swapped.load_state_dict(plain.state_dict())
    torch.testing.assert_close(swapped(x, *more), plain(x, *more), rtol=1e-5, atol=1e-5)
    return counts, swapped


def test_a_class_stands_in_everywhere_and_is_counted():
    counts, model = same_logits("cnn", IMAGES, {"Conv2d": UnfoldConv2d}, torch.randn(2, 1, 8, 8))
    assert counts == {"Conv2d": 4}
    assert sum(isinstance(m, UnfoldConv2d) for m in model.modules()) == 4
    assert not any(isinstance(m, Conv2d) for m in model.modules())


def test_a_function_stands_in():
    seen = []

    def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        seen.append(x.shape)
        return conv2d_reference(x, weight, bias, stride, padding, dilation, groups)

    counts, _ = same_logits("cnn", IMAGES, {"conv2d": conv2d}, torch.randn(2, 1, 8, 8))
    assert counts == {"conv2d": 4}
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("name", "stand_in", "model"),
    [
        (
            "lstm_cell",
            lambda x, h, c, w_ih, w_hh, b_ih, b_hh: lstm_cell_reference(x, h, c, w_ih, w_hh, b_ih, b_hh),
            "rnn",
        ),
        ("softmax", lambda x, dim=-1: x.exp() / x.exp().sum(dim, keepdim=True), "transformer"),
        (
            "scaled_dot_product_attention",
            lambda q, k, v, keep=None: scaled_dot_product_attention_reference(q, k, v, keep),
            "transformer",
        ),
    ],
    ids=["lstm_cell", "softmax", "attention"],
)
def test_functions_inside_fused_kernels_still_take_part(name, stand_in, model):
    calls = []

    def spy(*args, **kwargs):
        calls.append(1)
        return stand_in(*args, **kwargs)

    spy.__signature__ = __import__("inspect").signature(stand_in)
    keep = torch.arange(5) < torch.tensor([5, 2])[:, None]
    counts, _ = same_logits(model, TEXTS, {name: spy}, torch.randint(0, 11, (2, 5)), keep)
    assert counts[name] >= 1
    assert calls


def test_a_subclass_may_build_on_ours():
    class Loud(Conv2d):
        def forward(self, x):
            return 2 * super().forward(x)

    with replaced({"Conv2d": Loud}) as counts:
        layer = Conv2d(1, 2, 3)
    assert type(layer) is Loud
    assert counts == {"Conv2d": 1}


def test_a_stand_in_may_use_the_built_in_inside():
    class Wrapped(nn.Module):
        def __init__(self, p):
            super().__init__()
            self.inner = deepdojo.layers.Dropout(p)

        def forward(self, x):
            return self.inner(x)

    with replaced({"Dropout": Wrapped}) as counts:
        layer = deepdojo.layers.Dropout(0.5)
    assert isinstance(layer, Wrapped)
    assert counts == {"Dropout": 1}


def test_a_name_that_the_model_never_builds_is_refused():
    with replaced({"Conv2d": UnfoldConv2d}) as counts:
        create_model("mlp", {"in_features": 5, "num_outputs": 2})
    with pytest.raises(RecipeError, match="mlp never builds Conv2d, so that code of yours would not run"):
        require_built(counts, "mlp")
    require_built({"Conv2d": 1}, "cnn")


def test_everything_is_as_before_after_the_build_and_after_a_fault():
    with replaced({"Conv2d": UnfoldConv2d}), replaced({}):
        assert type(Conv2d(1, 2, 3)) is Conv2d  # the inner block replaces nothing
    assert type(Conv2d(1, 2, 3)) is Conv2d
    with pytest.raises(ZeroDivisionError), replaced({"Conv2d": UnfoldConv2d}):
        _ = 1 / 0
    assert type(Conv2d(1, 2, 3)) is Conv2d
    assert current("conv2d") is deepdojo.layers.conv2d


def test_a_replaced_model_can_be_copied():
    with replaced({"Conv2d": UnfoldConv2d}):
        model = create_model("cnn", IMAGES)
        inside = copy.deepcopy(model)
    x = torch.randn(2, 1, 8, 8)
    for twin in (inside, copy.deepcopy(model)):
        torch.testing.assert_close(twin.eval()(x), model.eval()(x))


def test_checking_a_stand_in_draws_no_random_number():
    with replaced({"Conv2d": UnfoldConv2d}):
        torch.manual_seed(0)
        create_model("cnn", IMAGES)
        inside = torch.random.get_rng_state()
    assert torch.equal(torch.random.get_rng_state(), inside)


def refuse(stand_ins, error, sentence):
    with pytest.raises(error) as caught, replaced(stand_ins):
        Conv2d(1, 2, 3)
    assert sentence in str(caught.value)


def test_stand_ins_that_do_not_fit_are_refused():
    class Fewer(UnfoldConv2d):
        def __init__(self, in_channels, out_channels, kernel_size):
            super().__init__(in_channels, out_channels, kernel_size)

    class Other(UnfoldConv2d):
        def __init__(
            self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True
        ):
            super().__init__(in_channels, out_channels, kernel_size)
            self.extra = nn.Parameter(torch.zeros(3))

    refuse({"Convd2": UnfoldConv2d}, UnknownNameError, "no layer is named 'Convd2'; did you mean '")
    refuse({"Conv2d": conv2d_reference}, RecipeError, "Conv2d must be a class")
    refuse({"conv2d": UnfoldConv2d}, RecipeError, "conv2d must be a function")
    refuse({"Conv2d": Fewer}, RecipeError, "Conv2d takes (in_channels, out_channels, kernel_size), the built-in takes")
    refuse({"Conv2d": Other}, RecipeError, "'extra': (3,)")
    with pytest.raises(UnknownNameError, match="did you mean 'softmax'"):
        current("softmx")


def test_every_replaceable_name_is_there_with_a_summary():
    summaries = layer_summaries()
    assert set(summaries) == set(LAYERS)
    for name, file in LAYERS.items():
        part = getattr(deepdojo.layers, name)
        assert part.__module__ == f"deepdojo.layers.{file}"
        assert name != file  # else the file would hide the function behind `deepdojo.layers.NAME`
        assert summaries[name] == part.__doc__.split("\n")[0]
        assert not isinstance(part, type) or issubclass(part, Layer)
    with pytest.raises(AttributeError, match="no attribute 'Conv4d'"):
        _ = deepdojo.layers.Conv4d


def test_the_table_needs_no_torch():
    code = (
        "import sys; from deepdojo.layers import layer_summaries; layer_summaries(); "
        "from deepdojo.models import MODELS, fitting, model_fields; "
        "[(e.summary, e.paper, model_fields(n)) for n, e in MODELS.items()]; fitting({'vocab_size'}); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
