"""ResNet and ViT of Transformers: any config gives the same numbers and gradients, and checkpoints go both ways."""

from __future__ import annotations

import copy
import json
import random

import pytest
import torch

from deepdojo.errors import RecipeError
from deepdojo.models import create_model
from deepdojo.models.pretrained import resnet, vit
from deepdojo.models.pretrained.tensor_map import Entry, ours_from, theirs_from

transformers = pytest.importorskip("transformers")
safetensors = pytest.importorskip("safetensors.torch")

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}
ACTIVATIONS = ["gelu", "gelu_new", "relu", "silu"]


def random_resnet(seed):
    draw = random.Random(seed)
    stages = draw.randint(1, 4)
    return {
        "num_channels": draw.randint(1, 4),
        "embedding_size": draw.randint(3, 11),
        "hidden_sizes": [draw.randint(4, 23) for _ in range(stages)],
        "depths": [draw.randint(1, 3) for _ in range(stages)],
        "layer_type": ["basic", "bottleneck"][seed % 2],
        "hidden_act": draw.choice(ACTIVATIONS),
        "downsample_in_first_stage": draw.random() < 0.5,
        "downsample_in_bottleneck": draw.random() < 0.5,
        "num_labels": draw.randint(1, 7),
    }


def random_vit(seed):
    draw = random.Random(seed)
    heads = draw.choice([1, 2, 3])
    high, wide = draw.randint(2, 5), draw.randint(2, 5)
    tall, broad = high * draw.randint(1, 4) + draw.choice([0, 1]), wide * draw.randint(1, 4)
    square = draw.random() < 0.4
    return {
        "num_channels": draw.randint(1, 4),
        "image_size": broad if square else [tall, broad],
        "patch_size": wide if square else [high, wide],
        "hidden_size": heads * draw.randint(2, 7) + draw.choice([0, 0, 1]),
        "num_attention_heads": heads,
        "num_hidden_layers": draw.randint(0, 3),
        "intermediate_size": draw.randint(3, 23),
        "hidden_act": draw.choice(ACTIVATIONS),
        "qkv_bias": draw.random() < 0.5,
        "layer_norm_eps": draw.choice([1e-12, 1e-6, 1e-3]),
        "initializer_range": 0.3,  # larger than usual, so that every part tells
        "num_labels": draw.randint(1, 7),
    }


RESNETS = [
    {"hidden_sizes": [7, 11, 13], "depths": [2, 1, 3], "embedding_size": 5, "layer_type": "basic", "num_labels": 3},
    {"hidden_sizes": [8, 20], "depths": [3, 2], "embedding_size": 6, "hidden_act": "silu", "num_channels": 1},
    *map(random_resnet, range(6)),
]
VITS = [
    {"image_size": 12, "patch_size": 4, "hidden_size": 10, "num_attention_heads": 2, "num_hidden_layers": 2,
     "intermediate_size": 17, "num_labels": 3},
    {"image_size": [6, 10], "patch_size": [3, 2], "hidden_size": 9, "num_attention_heads": 3, "num_hidden_layers": 1,
     "intermediate_size": 7, "qkv_bias": False, "num_channels": 1, "hidden_act": "gelu_new"},
    {"image_size": 11, "patch_size": 4, "hidden_size": 10, "num_attention_heads": 3, "num_hidden_layers": 2,
     "intermediate_size": 7},  # a border of 3 pixels, and heads that do not divide the width
    *map(random_vit, range(6)),
]  # fmt: skip
CASES = [(resnet, options) for options in RESNETS] + [(vit, options) for options in VITS]
EVERY = pytest.mark.parametrize(
    ("family", "options"), CASES, ids=[f"{family.MODEL_TYPE}-{i}" for i, (family, _) in enumerate(CASES)]
)
NAMES = {resnet: ("ResNetConfig", "ResNetForImageClassification", "ResNetModel"),
         vit: ("ViTConfig", "ViTForImageClassification", "ViTModel")}  # fmt: skip


def their_model(family, options, which=1, dtype=torch.float64):
    torch.manual_seed(3)
    config = getattr(transformers, NAMES[family][0])(**options)
    model = getattr(transformers, NAMES[family][which])(config)
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if tensor.is_floating_point() and tensor.dim() < 2:  # norms, biases, statistics start as ones and zeros
                noise = torch.rand(tensor.shape, generator=torch.Generator().manual_seed(len(name)))
                tensor.add_(0.3 * noise)
    return model.to(dtype).eval()


def file_tensors(model, folder):
    """What `save_pretrained` writes, by the names in the file, and its config.json."""
    model.save_pretrained(folder)
    return safetensors.load_file(folder / "model.safetensors"), json.loads((folder / "config.json").read_text())


def our_twin(family, model, folder, head="classifier"):
    tensors, config = file_tensors(model, folder)
    ours = create_model(family.MODEL, **family.to_arguments(config, head))
    entries = family.entries(ours.config, head)
    ours.to(next(model.parameters()).dtype).load_state_dict(ours_from(entries, tensors), strict=True)
    left = set(tensors) - {name for entry in entries for name in entry.theirs}
    return ours.eval(), left


def images(family, options, dtype, B=5):
    if family is vit:
        size = options["image_size"]
        y, x = (size, size) if isinstance(size, int) else size
    else:
        y, x = 41, 37
    g = torch.Generator().manual_seed(4)
    return torch.randn(B, options.get("num_channels", 3), y, x, dtype=dtype, generator=g)


def close(mine, other, limit):
    scale = max(1.0, other.abs().max().item()) if other.numel() else 1.0
    torch.testing.assert_close(mine / scale, other / scale, rtol=0, atol=limit)


@EVERY
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["f64", "f32"])
def test_any_config_gives_their_logits(family, options, dtype, tmp_path):
    theirs = their_model(family, options, dtype=dtype)
    ours, left = our_twin(family, theirs, tmp_path)
    assert left == set()
    x = images(family, options, dtype)
    close(ours(x), theirs(x).logits, TOLERANCE[dtype])
    scattered = x.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0)
    assert not scattered.is_contiguous() or 1 in x.shape
    close(ours(scattered), theirs(x).logits, TOLERANCE[dtype])


@EVERY
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_any_config_gives_their_gradients_and_running_statistics(family, options, training, tmp_path):
    theirs = their_model(family, options)
    ours, _ = our_twin(family, theirs, tmp_path / "a")
    gradients = []
    for model in (ours, theirs):
        x = images(family, options, torch.float64).requires_grad_()
        out = model.train(training)(x)
        out = out if model is ours else out.logits
        out.backward(torch.randn(out.shape, dtype=out.dtype, generator=torch.Generator().manual_seed(7)))
        gradients.append((out.detach(), x.grad))
    for mine, other in zip(*gradients, strict=True):
        close(mine, other, 1e-10)
    # Their gradients, written as if they were weights, have the names that the file has.
    slopes = copy.deepcopy(theirs)
    for target, source in zip(slopes.parameters(), theirs.parameters(), strict=True):
        target.data = source.grad
    entries = family.entries(ours.config, "classifier")
    wanted = ours_from(entries, file_tensors(slopes, tmp_path / "b")[0])
    for name, parameter in ours.named_parameters():
        close(parameter.grad, wanted[name], 1e-10)
    statistics = ours_from(entries, file_tensors(theirs, tmp_path / "c")[0])
    assert training or family is vit or ours.norm.num_batches_tracked == 0
    for name, buffer in ours.named_buffers():
        close(buffer.double(), statistics[name].double(), 1e-10)


@EVERY
def test_transformers_reads_what_we_write(family, options, tmp_path):
    torch.manual_seed(5)
    config = getattr(transformers, NAMES[family][0])(**options).to_dict()
    ours = create_model(family.MODEL, **family.to_arguments(config, "classifier")).eval()
    with torch.no_grad():
        for tensor in [*ours.parameters(), *ours.buffers()]:
            if tensor.is_floating_point():
                tensor.add_(0.1 * torch.rand_like(tensor))
    tensors = theirs_from(family.entries(ours.config, "classifier"), ours.state_dict())
    safetensors.save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(family.from_arguments(ours.config, "classifier")))
    theirs, said = transformers.AutoModelForImageClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert not said["missing_keys"]
    assert not said["unexpected_keys"]
    assert not said["mismatched_keys"]
    x = images(family, options, torch.float32)
    close(ours(x), theirs.eval()(x).logits, 1e-5)
    again = create_model(
        family.MODEL, **family.to_arguments(json.loads((tmp_path / "config.json").read_text()), "classifier")
    )
    assert again.state_dict().keys() == ours.state_dict().keys()


@EVERY
def test_the_model_without_a_head_gives_their_features(family, options, tmp_path):
    import re

    theirs = their_model(family, options, which=2)
    ours, left = our_twin(family, theirs, tmp_path, head="none")
    assert all(any(re.fullmatch(pattern, name) for pattern in family.IGNORED) for name in left)
    x = images(family, options, torch.float64)
    out = theirs(x)
    close(ours(x), out.last_hidden_state if family is vit else out.pooler_output.flatten(1), 1e-10)
    assert family.HEADS[NAMES[family][2]] == "none"
    assert family.HEADS[NAMES[family][1]] == "classifier"


def test_a_map_goes_there_and_back():
    entries = [Entry("a", ("x", "y"), rows=(2, 3)), Entry("b", ("z",), leading=2), Entry("c", ("w",), transposed=True)]
    state = {"a": torch.randn(5, 7), "b": torch.randn(3), "c": torch.randn(2, 3)}
    theirs = theirs_from([*entries, Entry("n", ("n",))], {**state, "n": torch.tensor(7)})
    assert {name: tuple(t.shape) for name, t in theirs.items()} == {
        "x": (2, 7), "y": (3, 7), "z": (1, 1, 3), "w": (3, 2), "n": ()}  # fmt: skip
    for name, tensor in ours_from(entries, theirs).items():
        assert torch.equal(tensor, state[name])


@pytest.mark.parametrize(
    ("family", "changes", "sentence"),
    [
        (resnet, {"hidden_act": "mish"}, "the activation 'mish' is none of ours; known are gelu, gelu_new"),
        (resnet, {"depths": [1, 2]}, "depths has 2 numbers for 4 entries of hidden_sizes"),
        (resnet, {"layer_type": "wide"}, "layer_type must be 'basic' or 'bottleneck', got 'wide'"),
        (resnet, {"id2label": {}}, "the checkpoint has no labels, so its head is missing; take head = 'none'"),
        (vit, {"hidden_act": "quick_gelu"}, "the activation 'quick_gelu' is none of ours"),
        (vit, {"hidden_size": 3, "num_attention_heads": 5}, "5 heads leave nothing of a width of 3 to each"),
    ],
    ids=["activation", "depths", "layer type", "labels", "vit activation", "heads"],
)
def test_options_that_ours_lack_are_one_sentence(family, changes, sentence):
    with pytest.raises(RecipeError) as caught:
        family.to_arguments({"model_type": family.MODEL_TYPE, **changes}, "classifier")
    assert sentence in str(caught.value)


def test_a_bend_that_theirs_cannot_have_is_one_sentence():
    ours = create_model("resnet_imagenet", in_channels=3, num_outputs=2, widths=[4], blocks=[1], activation="silu")
    with pytest.raises(RecipeError, match="Transformers' ResNet has relu inside its blocks, and this model has silu"):
        resnet.from_arguments(ours.config, "classifier")
