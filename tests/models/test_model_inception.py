"""Inception v3 against a plain one written for this test from the paper's figures; its maps; its auxiliary head."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from deepdojo.errors import RecipeError
from deepdojo.models import create_model

SMALL = {"in_channels": 3, "num_outputs": 5, "width_multiplier": 0.05, "dropout": 0.0, "auxiliary": True}
SEVEN, NEVES = ((0, 3)), ((3, 0))  # paddings of 1x7 and 7x1


class Plain:
    """Functions of torch alone, over the weights of a model by name."""

    def __init__(self, model, training):
        self.weights, self.training = dict(model.named_parameters()), training
        self.statistics = {name: buffer.clone() for name, buffer in model.named_buffers()}

    def conv(self, name, x, padding=0, stride=1):
        x = F.conv2d(x, self.weights[f"{name}.conv.weight"], None, stride, padding)
        running = self.statistics[f"{name}.norm.running_mean"], self.statistics[f"{name}.norm.running_var"]
        scale, shift = self.weights[f"{name}.norm.weight"], self.weights[f"{name}.norm.bias"]
        return F.relu(F.batch_norm(x, *running, scale, shift, self.training, 0.1, 0.001))

    def row(self, name, x, *paddings):
        for i, padding in enumerate(paddings):
            x = self.conv(f"{name}.{i}", x, padding)
        return x

    def a(self, name, x):
        mean = F.avg_pool2d(x, 3, 1, 1)
        parts = [
            self.conv(f"{name}.one", x),
            self.row(f"{name}.five", x, 0, 2),
            self.row(f"{name}.three_twice", x, 0, 1, 1),
            self.conv(f"{name}.pool", mean),
        ]
        return torch.cat(parts, 1)

    def b(self, name, x):
        double = self.conv(f"{name}.three_twice.2", self.row(f"{name}.three_twice", x, 0, 1), 0, 2)
        return torch.cat([self.conv(f"{name}.three", x, 0, 2), double, F.max_pool2d(x, 3, 2)], 1)

    def c(self, name, x):
        mean = F.avg_pool2d(x, 3, 1, 1)
        parts = [
            self.conv(f"{name}.one", x),
            self.row(f"{name}.seven", x, 0, SEVEN, NEVES),
            self.row(f"{name}.seven_twice", x, 0, NEVES, SEVEN, NEVES, SEVEN),
            self.conv(f"{name}.pool", mean),
        ]
        return torch.cat(parts, 1)

    def d(self, name, x):
        three = self.conv(f"{name}.three.1", self.conv(f"{name}.three.0", x), 0, 2)
        seven = self.conv(f"{name}.seven.3", self.row(f"{name}.seven", x, 0, SEVEN, NEVES), 0, 2)
        return torch.cat([three, seven, F.max_pool2d(x, 3, 2)], 1)

    def e(self, name, x):
        three, twice = self.conv(f"{name}.three", x), self.row(f"{name}.twice", x, 0, 1)
        parts = [
            self.conv(f"{name}.one", x),
            self.conv(f"{name}.three_flat", three, (0, 1)),
            self.conv(f"{name}.three_tall", three, (1, 0)),
            self.conv(f"{name}.twice_flat", twice, (0, 1)),
            self.conv(f"{name}.twice_tall", twice, (1, 0)),
            self.conv(f"{name}.pool", F.avg_pool2d(x, 3, 1, 1)),
        ]
        return torch.cat(parts, 1)

    def head(self, name, x):
        return F.linear(x.mean((2, 3)), self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def __call__(self, x, small):
        x = self.conv("stem1.0", x, 1 if small else 0, 1 if small else 2)
        x = self.conv("stem1.2", self.conv("stem1.1", x, 1 if small else 0), 1)
        x = x if small else F.max_pool2d(x, 3, 2)
        x = self.conv("stem2.1", self.conv("stem2.0", x), 1 if small else 0)
        x = x if small else F.max_pool2d(x, 3, 2)
        for i, kind in enumerate([self.a] * 3 + [self.b] + [self.c] * 4):
            x = kind(f"lower.{i}", x)
        top = x
        for i, kind in enumerate([self.d, self.e, self.e]):
            top = kind(f"upper.{i}", top)
        y = F.avg_pool2d(x, 5, 3) if min(x.shape[2:]) >= 17 else F.adaptive_avg_pool2d(x, 5)
        side = self.conv("auxiliary.five", self.conv("auxiliary.one", y))
        return self.head("head", top), self.head("auxiliary.head", side)


def both(height, width, training, dtype, images=7):
    """Outputs, gradients of the image and of every parameter, and statistics afterwards: ours, and plain torch's."""
    torch.manual_seed(1)
    model = create_model("inception", {}, **SMALL, height=height, width=width).train(training)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    plain, x = Plain(model.to(dtype), training), torch.randn(images, 3, height, width).to(dtype)
    # Both with the channels side by side: torch's normalisation of that layout sums in another order, and in training
    # 94 of them, one on another, magnify the last digit of float32.
    x = x.contiguous(memory_format=torch.channels_last)
    results = []
    for call in (model.forward_with_auxiliary, lambda leaf: plain(leaf, height < 75)):
        leaf = x.clone().requires_grad_()
        outs = call(leaf)
        cotangents = [torch.randn(o.shape, generator=torch.Generator().manual_seed(7)).to(dtype) for o in outs]
        results.append([*outs, *torch.autograd.grad(outs, [leaf, *model.parameters()], cotangents)])
    running = [name for name, _ in model.named_buffers() if "running" in name]
    results[0] += [dict(model.named_buffers())[name] for name in running]
    results[1] += [plain.statistics[name] for name in running]
    return results


def scaled_error(a, b):
    return ((a.double() - b.double()).abs().max() / b.abs().max().clamp(min=1)).item()


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize(("height", "width"), [(11, 13), (141, 123)], ids=["small stem", "paper's stem"])
def test_values_and_gradients_equal_a_plain_inception(height, width, training):
    for dtype, limit in ((torch.float64, 1e-10), (torch.float32, 1e-5)):
        for place, (mine, other) in enumerate(zip(*both(height, width, training, dtype), strict=True)):
            # The branches' gradients are added in another order, which the normalisations below magnify.
            slack = 10 if training and dtype == torch.float32 and place >= 2 else 1
            assert scaled_error(mine, other) < slack * limit


def test_maps_and_channels_are_those_of_the_paper():
    """Table 1: 35x35x288, 17x17x768, 8x8x2048; the first two modules A have 256 and 288 channels."""
    with torch.device("meta"):
        model = create_model("inception", {"in_channels": 3, "height": 299, "width": 299, "num_outputs": 1000}).eval()
        shapes = []
        for module in [*model.lower, *model.upper]:
            module.register_forward_hook(lambda _m, _i, out: shapes.append(tuple(out.shape[1:])))
        assert model(torch.zeros(1, 3, 299, 299)).shape == (1, 1000)
    assert shapes[:3] == [(256, 35, 35), (288, 35, 35), (288, 35, 35)]
    assert shapes[3:8] == [(768, 17, 17)] * 5
    assert shapes[8:] == [(1280, 8, 8), (2048, 8, 8), (2048, 8, 8)]
    assert model.config.maps() == [(35, 35), (17, 17), (8, 8)]


@pytest.mark.parametrize(("side", "stem"), [(7, "small"), (32, "small"), (74, "small"), (75, "imagenet"), (75, "auto")])
def test_small_images_fit(side, stem):
    size = {"in_channels": 1, "height": side, "width": side + 3, "num_outputs": 5}
    model = create_model("inception", {}, **size, stem=stem, width_multiplier=0.03, auxiliary=True).eval()
    sizes = []
    for module in (model.lower[2], model.lower[7], model.upper[2]):
        module.register_forward_hook(lambda _m, _i, out: sizes.append(tuple(out.shape[2:])))
    logits, auxiliary = model.forward_with_auxiliary(torch.randn(2, 1, side, side + 3))
    assert logits.shape == auxiliary.shape == (2, 5)
    assert sizes == model.config.maps()


def test_the_auxiliary_loss_trains_the_lower_layers_and_leaves_the_upper_alone():
    torch.manual_seed(0)
    model = create_model("inception", {}, **SMALL, height=11, width=13)
    x, target = torch.randn(16, 3, 11, 13), torch.arange(16) % 5
    logits, auxiliary = model.forward_with_auxiliary(x)
    F.cross_entropy(auxiliary, target).backward(retain_graph=True)
    touched = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert touched == {"stem1", "stem2", "lower", "auxiliary"}
    (F.cross_entropy(logits, target) + 0.4 * F.cross_entropy(auxiliary, target)).backward()
    assert all((p.grad != 0).any() for p in model.parameters())
    torch.testing.assert_close(model.eval()(x), model.forward_with_auxiliary(x)[0])


@pytest.mark.slow
def test_both_heads_learn_one_batch():
    torch.manual_seed(0)
    model = create_model("inception", {}, **{**SMALL, "width_multiplier": 0.1}, height=11, width=13)
    x, target = torch.randn(16, 3, 11, 13), torch.arange(16) % 5
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0)
    for _ in range(40):
        logits, auxiliary = model.forward_with_auxiliary(x)
        optimizer.zero_grad()
        (F.cross_entropy(logits, target) + 0.4 * F.cross_entropy(auxiliary, target)).backward()
        optimizer.step()
    assert (logits.argmax(1) == target).all()
    assert (auxiliary.argmax(1) == target).all()


def test_without_the_auxiliary_head_there_is_one_sentence():
    model = create_model("inception", {}, **{**SMALL, "auxiliary": False}, height=11, width=13)
    with pytest.raises(RecipeError, match="this inception has no auxiliary head; build it with auxiliary = true"):
        model.forward_with_auxiliary(torch.zeros(2, 3, 11, 13))
