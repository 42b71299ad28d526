"""Networks of images against plain torch with the same weights; their known sizes; images that do not fit."""

from __future__ import annotations

import functools

import pytest
import torch
import torch.nn.functional as F

from deepdojo import layers
from deepdojo.errors import RecipeError
from deepdojo.layers import MultiHeadAttention, replaced
from deepdojo.models import create_model
from deepdojo.models.flops import count_flops, parameters


def built(name, dtype=torch.float64, **arguments):
    torch.manual_seed(1)
    model = create_model(name, {}, **arguments).to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():  # norms and biases start as ones and zeros, heads small
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def assert_same(model, other, x, limit):
    """`other` computes with the parameters of `model`: value, and the gradient of the input and every parameter."""
    results = []
    for call in (model, other):
        leaf = x.detach().clone().requires_grad_()
        out = call(leaf)
        outs = out if isinstance(out, tuple) else (out,)
        cotangents = [torch.randn(o.shape, dtype=o.dtype, generator=torch.Generator().manual_seed(7)) for o in outs]
        leaves = [leaf, *model.parameters()]
        results.append([*outs, *torch.autograd.grad(outs, leaves, cotangents, allow_unused=True)])
    for mine, theirs in zip(*results, strict=True):
        assert (mine is None) == (theirs is None)
        if mine is not None:
            scale = max(1.0, theirs.abs().max().item())
            torch.testing.assert_close(mine / scale, theirs / scale, rtol=0, atol=limit)


DTYPES = pytest.mark.parametrize(
    ("dtype", "limit"), [(torch.float64, 1e-10), (torch.float32, 1e-5)], ids=["f64", "f32"]
)


@DTYPES
@pytest.mark.parametrize(("bend", "pooling"), [("tanh", "average"), ("relu", "max")])
def test_lenet(bend, pooling, dtype, limit):
    size = {"in_channels": 3, "height": 19, "width": 23}
    model = built("lenet", dtype, **size, num_outputs=5, activation=bend, pooling=pooling, padding=[2, 1])
    w = dict(model.named_parameters())
    f, pool = getattr(torch, bend), F.avg_pool2d if pooling == "average" else F.max_pool2d

    def other(x):
        x = pool(f(F.conv2d(x, w["conv1.weight"], w["conv1.bias"], padding=2)), 2)
        x = pool(f(F.conv2d(x, w["conv2.weight"], w["conv2.bias"], padding=1)), 2).flatten(1)
        for name in ("linear1", "linear2"):
            x = f(F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"]))
        return F.linear(x, w["head.weight"], w["head.bias"])

    assert_same(model, other, torch.randn(5, 3, 19, 23, dtype=dtype), limit)


@DTYPES
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_all_convolutional(batch_norm, training, dtype, limit):
    size = {"in_channels": 3, "height": 11, "width": 13}
    silence = {"dropout": 0.0, "input_dropout": 0.0}
    options = {"num_outputs": 5, "channels": [5, 7], "batch_norm": batch_norm, **silence}
    model = built("all_convolutional", dtype, **size, **options).train(training)
    w = dict(model.named_parameters())

    def other(x):
        for i, (step, zeros) in enumerate([(1, 1), (1, 1), (2, 1), (1, 1), (1, 1), (2, 1), (1, 0), (1, 0)]):
            x = F.conv2d(x, w[f"convs.{i}.weight"], w.get(f"convs.{i}.bias"), step, zeros)
            if batch_norm:
                n = x.shape[1]
                rest = (w[f"norms.{i}.weight"], w[f"norms.{i}.bias"], training)
                x = F.batch_norm(x, torch.zeros(n, dtype=dtype), torch.ones(n, dtype=dtype), *rest)
            x = F.relu(x)
        return F.conv2d(x, w["head.weight"], w["head.bias"]).mean((2, 3))

    assert_same(model, other, torch.randn(7, 3, 11, 13, dtype=dtype), limit)


KNOWN = [
    ("lenet", {"in_channels": 1, "height": 28, "width": 28, "num_outputs": 10}, 61_706),
    ("all_convolutional", {"in_channels": 3, "height": 32, "width": 32, "num_outputs": 10}, 1_369_738),
    ("resnet_imagenet", {"in_channels": 3, "num_outputs": 1000}, 11_689_512),
    ("resnet_imagenet", {"in_channels": 3, "num_outputs": 1000, "blocks": [3, 4, 6, 3]}, 21_797_672),
    (
        "resnet_imagenet",
        {
            "in_channels": 3,
            "num_outputs": 1000,
            "block": "bottleneck",
            "widths": [256, 512, 1024, 2048],
            "blocks": [3, 4, 6, 3],
        },
        25_557_032,
    ),
    (
        "vit",
        {
            "in_channels": 3,
            "height": 224,
            "width": 224,
            "num_outputs": 1000,
            "patch": 16,
            "model_width": 768,
            "num_layers": 12,
            "num_heads": 12,
        },
        86_567_656,
    ),
    ("inception", {"in_channels": 3, "height": 299, "width": 299, "num_outputs": 1000}, 23_834_568),
    ("inception", {"in_channels": 3, "height": 299, "width": 299, "num_outputs": 1000, "auxiliary": True}, 27_161_264),
]


@pytest.mark.parametrize(("name", "arguments", "count"), KNOWN, ids=[f"{k[0]}-{k[2]}" for k in KNOWN])
def test_known_networks_have_their_known_parameters(name, arguments, count):
    """The figures that torchvision, Transformers and the papers give for these networks; nothing is allocated."""
    with torch.device("meta"):
        assert parameters(create_model(name, {}, **arguments)) == count


def test_resnet_50_costs_its_known_operations():
    """4.09 billion multiply-adds for a 224x224 image with the stride in the 3x3, 3.8 (He et al. 2015) in the 1x1."""
    arguments = KNOWN[4][1]
    for step_in, billions in (("3x3", 4.09), ("1x1", 3.80)):
        model = create_model("resnet_imagenet", {}, **arguments, step_in=step_in).eval()
        with torch.no_grad():
            flops = count_flops(lambda m=model: m(torch.zeros(1, 3, 224, 224)))
        assert flops / 2e9 == pytest.approx(billions, abs=0.06)


def test_vit_builds_the_usual_attention_so_that_a_learners_can_stand_in():
    seen = []

    class Mine(MultiHeadAttention):
        def forward(self, x, memory=None, keep=None):
            seen.append(x.shape)
            return super().forward(x, memory, keep)

    size = {"in_channels": 1, "height": 8, "width": 8, "num_outputs": 3}
    with replaced({"MultiHeadAttention": Mine}) as counts:
        model = create_model("vit", {}, **size, num_layers=2, model_width=12)
    model(torch.zeros(5, 1, 8, 8))
    assert counts == {"MultiHeadAttention": 2}
    assert seen == [(5, 5, 12)] * 2


SIZE = {"in_channels": 1, "height": 16, "width": 16, "num_outputs": 3}
BUILT = [
    ("lenet", {}, {"Conv2d": 2, "Linear": 3, "average_pool2d": 1, "tanh": 1}),
    ("all_convolutional", {"last_padding": 1}, {"Conv2d": 9, "relu": 1, "average_over_space": 1, "Dropout": 2}),
    ("resnet_imagenet", {"blocks": [1]}, {"Conv2d": 12, "BatchNorm2d": 12, "max_pool2d": 1, "relu": 9}),
    ("vit", {"num_layers": 2}, {"Conv2d": 1, "LayerNorm": 5, "LearnedPositions": 1, "DropPath": 2, "gelu": 2}),
    ("inception", {"width_multiplier": 0.02}, {"Conv2d": 94, "BatchNorm2d": 94, "relu": 94, "Linear": 1}),
    ("dense_detector", {}, {"Conv2d": 25, "BatchNorm2d": 17, "relu": 11}),
]


@pytest.mark.parametrize(("name", "arguments", "counts"), BUILT, ids=[b[0] for b in BUILT])
def test_a_learners_layers_stand_in_everywhere(name, arguments, counts):
    calls = dict.fromkeys(counts, 0)

    def watched(part):
        ours = getattr(layers, part)
        if isinstance(ours, type):

            def forward(self, *inputs):
                calls[part] += 1
                return ours.forward(self, *inputs)

            return type(part, (ours,), {"forward": forward})

        @functools.wraps(ours)
        def call(*inputs, **options):
            calls[part] += 1
            return ours(*inputs, **options)

        return call

    with replaced({part: watched(part) for part in counts}) as built:
        model = create_model(name, SIZE, **arguments).eval()
    assert built == counts
    model(torch.randn(2, 1, 16, 16))
    assert all(calls.values()), calls


def test_vit_of_its_own_attention_equals_the_usual_one():
    size = {"in_channels": 1, "height": 8, "width": 12, "num_outputs": 3, "num_layers": 2, "model_width": 12}
    usual = built("vit", **size)
    own = built("vit", **size, head_width=3, qkv_bias=False)
    state = usual.state_dict()
    for i in range(2):
        state[f"layers.{i}.attention.in_proj_bias"].zero_()
    own.load_state_dict({k: v for k, v in state.items() if not k.endswith("in_proj_bias")})
    x = torch.randn(3, 1, 8, 12, dtype=torch.float64)
    torch.testing.assert_close(own(x), usual(x), rtol=1e-12, atol=1e-12)


def test_vit_leaves_a_border_out_only_when_told():
    size = {"in_channels": 1, "height": 9, "width": 8, "num_outputs": 3, "model_width": 12, "border": "crop"}
    model = built("vit", **size)
    x = torch.randn(2, 1, 9, 8, dtype=torch.float64)
    out = model(x)
    x[:, :, 8] = 1e6
    assert torch.equal(model(x), out)


def test_vit_knows_where_a_patch_lies():
    size = {"in_channels": 1, "height": 8, "width": 8, "num_outputs": 3, "model_width": 12}
    model = built("vit", **size)
    x = torch.randn(2, 1, 8, 8, dtype=torch.float64)
    moved = x.roll(4, 3)  # the left and the right patches change places
    assert not torch.allclose(model(moved), model(x), atol=1e-4)
    with torch.no_grad():
        model.positions.weight.zero_()
    torch.testing.assert_close(model(moved), model(x))


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("lenet", {"padding": [2, 2]}),
        ("all_convolutional", {}),
        ("vit", {"patch": 3}),
        ("inception", {"width_multiplier": 0.1}),
    ],
    ids=["lenet", "all_convolutional", "vit", "inception"],
)
def test_images_of_another_size_are_one_sentence(name, arguments):
    model = create_model(name, {"in_channels": 3, "height": 9, "width": 12, "num_outputs": 2}, **arguments)
    for shape in ((2, 3, 12, 9), (2, 1, 9, 12), (3, 9, 12)):
        with pytest.raises(RecipeError) as caught:
            model(torch.zeros(shape))
        assert str(caught.value) == f"{name} was built for (B, 3, 9, 12) images, got {shape}"


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("name", ["resnet_imagenet", "dense_detector"])
def test_images_of_other_channels_are_one_sentence(name):
    model = create_model(name, {"in_channels": 3, "num_outputs": 2})
    with pytest.raises(RecipeError, match=rf"{name} was built for \(B, 3, Y, X\) images, got \(2, 1, 9, 9\)"):
        model(torch.zeros(2, 1, 9, 9))


@pytest.mark.parametrize("side", [1, 2, 3, 31, 33])
def test_resnet_imagenet_takes_every_size(side):
    model = create_model("resnet_imagenet", {"in_channels": 1, "num_outputs": 2}, widths=[4, 4, 4, 4], blocks=[1])
    assert model(torch.randn(3, 1, side, side + 4)).shape == (3, 2)
