"""Frozen parts, and rates that fall with depth."""

from __future__ import annotations

import copy

import pytest
import torch

from deepdojo.errors import RecipeError, UnknownNameError
from deepdojo.models import create_model
from deepdojo.models.part_names import depths, matching
from deepdojo.recipes import TrainSection
from deepdojo.training.frozen import freeze, rate_shares
from deepdojo.training.optimizers import build_optimizer
from tests.training.fitting import fitted, set_up
from tests.training.made_rows import image_rows, text_rows

NAMES = ["embedding.weight", "layers.0.norm1.weight", "layers.0.norm2.weight", "layers.10.norm1.weight", "head.bias"]


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("embedding", NAMES[:1]), ("layers.0", NAMES[1:3]), ("layers.1*", NAMES[3:4]), ("norm?", NAMES[1:4]),
        ("0.norm2", NAMES[2:3]), ("*.norm1", [NAMES[1], NAMES[3]]), ("bias", NAMES[4:]),
    ],
)  # fmt: skip
def test_what_a_pattern_names(pattern, named):
    assert matching([pattern], NAMES, where="x") == set(named)


def test_a_pattern_that_names_nothing_says_the_nearest():
    for wrong, right in (("embeding", "embedding"), ("layer.0", "layers.0"), ("biass", "bias")):
        with pytest.raises(UnknownNameError, match=f"did you mean '{right}'"):
            matching([wrong], NAMES, where="train.freeze")


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon", "adadelta"])
def test_frozen_parts_do_not_move_and_have_no_state(tmp_path, optimizer):
    parts = set_up("text-classification", "transformer", text_rows(80))
    train = TrainSection(epochs=1, batch_size=16, optimizer=optimizer, freeze=("embedding", "layers.0"))
    model = parts[1]
    freeze(model, train)
    before = copy.deepcopy(model.state_dict())
    held = build_optimizer(model, train, torch.device("cpu"))
    assert all(p.requires_grad for group in held.param_groups for p in group["params"])
    fitted(tmp_path, parts, train=train)
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert {name for name in before if name.startswith(("embedding", "layers.0."))}.isdisjoint(moved)
    assert {name for name in before if name.startswith(("layers.1.linear", "head"))} <= moved


def test_frozen_batch_norms_keep_their_statistics(tmp_path):
    parts = set_up("image-classification", "cnn", image_rows(80), channels=[4, 4], convs=[1])
    model, train = parts[1], TrainSection(epochs=1, batch_size=16, freeze=("stages.0",))
    freeze(model, train)
    before = copy.deepcopy(model.state_dict())
    fitted(tmp_path, parts, train=train)
    running = [name for name in before if "running_mean" in name]
    same = [torch.equal(before[name], model.state_dict()[name]) for name in running]
    assert same == [name.startswith("stages.0.") for name in running]
    assert set(same) == {True, False}


def test_dropout_inside_a_frozen_part_is_off_and_elsewhere_on():
    model = create_model("bert", vocab_size=11, num_outputs=2)
    freeze(model, TrainSection(freeze=("layers.0",)))
    for _ in range(2):  # whatever the mode was before
        model.train()
        assert not any(module.training for module in model.layers[0].modules())
        assert all(module.training for module in model.layers[1].modules())
        assert model.dropout.training
        model.eval()
    twin = copy.deepcopy(model).train()
    assert not twin.layers[0].training


def test_nothing_left_to_learn():
    model = create_model("linear", in_features=3, num_outputs=2)
    with pytest.raises(RecipeError, match="nothing could be learned"):
        freeze(model, TrainSection(freeze=("head",)))


def test_depths_follow_the_modules():
    found, deepest = depths(create_model("bert", vocab_size=11, num_outputs=2, num_layers=3))
    by_part = {name.rpartition(".")[0].removesuffix(".dense"): depth for name, depth in found.items()}
    assert deepest == 4
    assert {by_part[name] for name in ("embedding", "segments", "positions", "norm")} == {0}
    assert [by_part[f"layers.{i}.linear1"] for i in range(3)] == [1, 2, 3]
    assert by_part["pooler"] == by_part["head"] == 4
    side_by_side, deepest = depths(create_model("text_cnn", vocab_size=11, num_outputs=2))
    assert deepest == 2
    assert {depth for name, depth in side_by_side.items() if name.startswith("convs")} == {1}
    resnet, deepest = depths(create_model("resnet", in_channels=1, num_outputs=2, blocks=[2], widths=[4, 8]))
    assert (resnet["stages.0.1.conv1.weight"], resnet["stages.1.0.conv1.weight"], deepest) == (2, 3, 5)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
def test_the_rate_falls_by_the_factor_with_each_layer(optimizer):
    model = create_model("bert", vocab_size=11, num_outputs=2, num_layers=2)
    plain = build_optimizer(model, TrainSection(optimizer=optimizer), torch.device("cpu"))
    before = {id(p): g.get("share", 1.0) for g in plain.param_groups for p in g["params"]}
    decayed = build_optimizer(model, TrainSection(optimizer=optimizer, layer_decay=0.5), torch.device("cpu"))
    shares = {id(p): g["share"] / before[id(p)] for g in decayed.param_groups for p in g["params"]}
    for name, parameter in model.named_parameters():
        layer = name.split(".")
        above = {"layers": 2 - int(layer[1]) if layer[0] == "layers" else 0, "head": 0, "pooler": 0}.get(layer[0], 3)
        assert shares[id(parameter)] == pytest.approx(0.5**above), name
    assert set(rate_shares(model, 1.0).values()) == {1.0}
    again = build_optimizer(model, TrainSection(optimizer=optimizer, layer_decay=1.0), torch.device("cpu"))
    assert len(again.param_groups) == len(plain.param_groups)


def test_a_step_moves_a_deep_layer_less(tmp_path):
    rows, moved = text_rows(80), {}
    for decay in (1.0, 0.1):
        parts = set_up("text-classification", "transformer", rows)
        before = copy.deepcopy(parts[1].state_dict())
        train = TrainSection(steps=1, batch_size=16, warmup=0.0, weight_decay=0.0, layer_decay=decay)
        fitted(tmp_path / str(decay), parts, train=train)
        after = parts[1].state_dict()
        moved[decay] = {name: float((after[name] - before[name]).abs().max()) for name in before}
    assert moved[0.1]["head.weight"] == pytest.approx(moved[1.0]["head.weight"], rel=1e-3)
    ratio = moved[0.1]["layers.1.linear1.weight"] / moved[1.0]["layers.1.linear1.weight"]
    assert ratio == pytest.approx(0.1, rel=1e-2)
    ratio = moved[0.1]["layers.0.linear1.weight"] / moved[1.0]["layers.0.linear1.weight"]
    assert ratio == pytest.approx(0.01, rel=5e-2)
