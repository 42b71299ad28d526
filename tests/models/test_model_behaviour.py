"""For every model that gives one row of outputs: padding and batch never matter, the first loss is ln(classes), a batch
can be learned. Language models: test_model_decoder.py."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from deepdojo.errors import RecipeError
from deepdojo.layers.shapes import ShapeError
from deepdojo.models import MODELS, create_model, fitting
from deepdojo.models.protocols import Classifier, TableModel

IMAGES = {"in_channels": 3, "height": 8, "width": 11, "in_features": 264, "num_outputs": 5}
TEXTS = {"vocab_size": 23, "num_outputs": 5}
TABLES = {"in_features": 7, "category_sizes": [3, 11], "num_outputs": 5}
TEXT_MODELS = fitting(TEXTS, "Classifier")

VARIANTS = [
    ("linear", IMAGES, {}),
    ("linear", TABLES, {}),
    ("mlp", IMAGES, {}),
    ("mlp", TABLES, {"norm": "layer", "residual": True}),
    ("mlp", TABLES, {"norm": "batch"}),
    ("cnn", IMAGES, {}),
    ("cnn", IMAGES, {"channels": [8, 16], "convs": [2], "residual": False, "pooling": "both"}),
    ("resnet", IMAGES, {"widths": [8, 16, 16], "blocks": [1]}),
    (
        "resnet",
        IMAGES,
        {"widths": [8, 16], "blocks": [1, 2], "preactivation": True, "stem_pool": True, "halving": "pool"},
    ),
    ("lenet", IMAGES, {"padding": [2, 2]}),
    ("lenet", IMAGES, {"padding": [2, 2], "activation": "relu", "pooling": "max"}),
    ("all_convolutional", IMAGES, {"channels": [8, 16], "last_padding": 1, "input_dropout": 0.0, "dropout": 0.0}),
    (
        "all_convolutional",
        IMAGES,
        {"channels": [8, 16], "last_padding": 1, "batch_norm": True, "input_dropout": 0.1, "dropout": 0.1},
    ),
    ("resnet_imagenet", IMAGES, {"stem_width": 8, "widths": [8, 16], "blocks": [1]}),
    (
        "resnet_imagenet",
        IMAGES,
        {"stem_width": 8, "widths": [16, 32], "blocks": [1, 2], "block": "bottleneck", "halve_first": True},
    ),
    ("vit", IMAGES, {"patch": [2, 11], "model_width": 16, "num_layers": 2}),
    (
        "vit",
        IMAGES,
        {
            "patch": 3,
            "border": "crop",
            "model_width": 16,
            "num_layers": 2,
            "qkv_bias": False,
            "num_heads": 3,
            "head_width": 5,
            "drop_path": 0.1,
        },
    ),
    ("inception", IMAGES, {"width_multiplier": 0.1, "dropout": 0.1}),
    ("spectrogram_cnn", {**IMAGES, "bands": IMAGES["height"]}, {"channels": (8, 12, 16), "features": 16}),
    ("text_cnn", TEXTS, {"embedding_width": 16, "filters": 16}),
    ("text_cnn", TEXTS, {"embedding_width": 16, "filters": 16, "max_norm": 3.0}),
    ("rnn", TEXTS, {"embedding_width": 16, "hidden_size": 16}),
    (
        "rnn",
        TEXTS,
        {"embedding_width": 16, "hidden_size": 16, "num_layers": 2, "pooling": "last", "bidirectional": False},
    ),
    ("rnn", TEXTS, {"embedding_width": 16, "hidden_size": 16, "cell": "gru", "pooling": "attention"}),
    ("rnn", TEXTS, {"embedding_width": 16, "hidden_size": 16, "cell": "elman", "pooling": "mean"}),
    ("transformer", TEXTS, {"width": 16}),
    ("transformer", TEXTS, {"width": 16, "pooling": "cls", "positions": "learned", "norm_first": False}),
]
# A model that stands in no line above is tested with its defaults.
VARIANTS += [
    (name, next(dims for dims in (TABLES, IMAGES, TEXTS) if name in fitting(dims)), {})
    for name, entry in MODELS.items()
    if name not in {variant[0] for variant in VARIANTS} and {"Classifier", "TableModel"} & set(entry.protocols)
]
EVERY = pytest.mark.parametrize(
    ("name", "dims", "arguments"), VARIANTS, ids=[f"{v[0]}-{i}" for i, v in enumerate(VARIANTS)]
)


def build(name, dims, arguments, seed=0):
    torch.manual_seed(seed)
    return create_model(name, dims, **arguments)


def example(dims, n, seed=1):
    """Inputs of a batch of n rows, as the tasks give them."""
    g = torch.Generator().manual_seed(seed)
    if "vocab_size" in dims:
        lengths = torch.randint(1, 12, (n,), generator=g)
        lengths[0] = 11
        return torch.randint(1, 23, (n, 11), generator=g), torch.arange(11) < lengths[:, None]
    if "in_channels" in dims:
        return (torch.randn(n, 3, 8, 11, generator=g),)
    sizes = dims["category_sizes"]
    return torch.randn(n, 7, generator=g), torch.stack([torch.randint(0, s, (n,), generator=g) for s in sizes], 1)


@EVERY
def test_a_batch_equals_its_rows_one_by_one(name, dims, arguments):
    model = build(name, dims, arguments).eval()
    inputs = example(dims, 6)
    whole = model(*inputs)
    assert whole.shape == (6, 5)
    for i in range(6):
        torch.testing.assert_close(model(*(t[i : i + 1] for t in inputs))[0], whole[i], rtol=1e-5, atol=1e-5)


@EVERY
def test_the_first_loss_is_about_ln_of_the_classes(name, dims, arguments):
    losses = []
    for seed in range(5):
        model = build(name, dims, arguments, seed).eval()
        losses.append(F.cross_entropy(model(*example(dims, 200, seed)), torch.arange(200) % 5).item())
    assert sum(losses) / 5 == pytest.approx(math.log(5), rel=0.12)


@EVERY
def test_one_batch_can_be_learned(name, dims, arguments):
    model = build(name, dims, arguments)
    inputs, target = example(dims, 16), torch.arange(16) % 5
    optimizer = torch.optim.AdamW(model.parameters(), lr={"linear": 0.1, "bert": 1e-3}.get(name, 1e-2), weight_decay=0)
    for _ in range(60 if name == "inception" else 150):  # its 94 convolutions make a step slow
        optimizer.zero_grad()
        F.cross_entropy(model(*inputs), target).backward()
        optimizer.step()
    assert (model.eval()(*inputs).argmax(1) == target).all()


@EVERY
def test_every_parameter_learns(name, dims, arguments):
    model = build(name, dims, arguments)
    F.cross_entropy(model(*example(dims, 64)), torch.arange(64) % 5).backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert torch.isfinite(parameter.grad).all(), key
        silent = (
            name == "mlp" and arguments.get("norm") == "batch" and key.endswith("linear.bias")
        )  # the norm takes it away
        assert silent or (parameter.grad != 0).any(), key


@EVERY
def test_evaluation_is_deterministic_and_one_row_trains(name, dims, arguments):
    model = build(name, dims, arguments)
    inputs = example(dims, 4)
    assert torch.equal(model.eval()(*inputs), model(*inputs))
    model.train()(*(t[:1] for t in inputs)).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@EVERY
def test_no_rows_give_no_rows(name, dims, arguments):
    model = build(name, dims, arguments).eval()
    assert model(*(t[:0] for t in example(dims, 4))).shape == (0, 5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", TEXT_MODELS)
def test_padding_never_matters(name, dtype):
    model = build(name, TEXTS, {}).to(dtype).eval()
    x, keep = example(TEXTS, 6)
    wanted = model(x, keep)
    limits = {"rtol": 1e-5, "atol": 1e-6} if dtype == torch.float32 else {"rtol": 1e-10, "atol": 1e-12}
    spoiled = torch.where(keep, x, 22)
    longer = torch.cat([spoiled, torch.full((6, 30), 7)], 1)
    longer_keep = torch.cat([keep, torch.zeros(6, 30, dtype=torch.bool)], 1)
    torch.testing.assert_close(model(spoiled, keep), wanted, **limits)
    torch.testing.assert_close(model(longer, longer_keep), wanted, **limits)
    torch.testing.assert_close(model(x, torch.ones_like(keep)), model(x), **limits)


@pytest.mark.parametrize("name", TEXT_MODELS)
def test_padding_changes_no_gradient(name):
    x, keep = example(TEXTS, 6)
    longer, longer_keep = F.pad(torch.where(keep, x, 0), (0, 13)), F.pad(keep, (0, 13))
    gradients = []
    for inputs in ((x, keep), (longer, longer_keep)):
        model = build(name, TEXTS, {}).double().eval()
        F.cross_entropy(model(*inputs), torch.arange(6) % 5).backward()
        gradients.append([p.grad for p in model.parameters()])
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", [n for n in TEXT_MODELS if n != "bert"])  # which looks at a place, not at the words
def test_a_row_without_words_gets_the_bias_and_spoils_nothing(name):
    model = build(name, TEXTS, {}).eval()
    x, keep = example(TEXTS, 3)
    wanted = model(x, keep)
    keep[1] = False
    out = model(x, keep)
    torch.testing.assert_close(out[[0, 2]], wanted[[0, 2]])
    bias = getattr(model, "head", model).bias
    torch.testing.assert_close(out[1], bias)
    torch.testing.assert_close(model(x[:, :0], keep[:, :0]), bias.expand(3, 5))
    model.train()(x, keep).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.parametrize("name", TEXT_MODELS)
def test_one_word_works(name):
    model = build(name, TEXTS, {}).eval()
    one = torch.tensor([[3]])
    torch.testing.assert_close(model(one), model(torch.tensor([[3, 9]]), torch.tensor([[True, False]])))


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("name", TEXT_MODELS)
def test_wrong_masks_are_said(name):
    model = build(name, TEXTS, {})
    x, keep = example(TEXTS, 3)
    with pytest.raises(ShapeError, match=r"keep must be bool \(3, 11\), got torch.bool \(3, 10\)"):
        model(x, keep[:, 1:])
    with pytest.raises(ShapeError, match="keep must be bool"):
        model(x, keep.long())
    with pytest.raises(ShapeError, match=r"token ids \(B, T\), got \(3,\)"):
        model(x[:, 0])


@pytest.mark.parametrize("side", [1, 2, 3, 8, 9, 28, 65, 224])
@pytest.mark.parametrize("channels", [1, 3])
def test_cnn_takes_every_size(side, channels):
    dims = {"in_channels": channels, "height": side, "width": side + 5, "num_outputs": 5}
    model = create_model("cnn", dims, channels=[4] * 6, convs=[1])
    sizes = []
    for stage in model.stages:
        stage.register_forward_hook(lambda _m, _i, out: sizes.append(tuple(out.shape[2:])))
    out = model(torch.randn(2, channels, side, side + 5))
    out.sum().backward()
    assert out.shape == (2, 5)
    assert sizes == model.config.maps()
    assert max(sizes[0]) <= 64


def test_cnn_halves_only_axes_longer_than_one():
    dims = {"in_channels": 1, "height": 2, "width": 9, "num_outputs": 5}
    config = create_model("cnn", dims, channels=[4] * 5, convs=[1]).config
    assert config.maps() == [(2, 9), (1, 4), (1, 2), (1, 1), (1, 1)]
    assert create_model("cnn", {**dims, "height": 224}).config.first_stride() == 4
    assert create_model("cnn", {**dims, "height": 224}, stride=2).config.maps()[0] == (112, 5)


@pytest.mark.usefixtures("production")
def test_inputs_of_another_kind_are_said():
    cnn = create_model("cnn", IMAGES)
    with pytest.raises(RecipeError, match=r"cnn was built for \(B, 3, Y, X\) images, got \(2, 1, 8, 11\)"):
        cnn(torch.zeros(2, 1, 8, 11))
    for name in ("linear", "mlp"):
        model = create_model(name, TABLES)
        with pytest.raises(RecipeError, match=f"{name} was built for 2 categories, got none"):
            model(torch.zeros(2, 7))
        with pytest.raises(RecipeError, match=f"{name} was built for 2 categories, got 3"):
            model(torch.zeros(2, 7), torch.zeros(2, 3, dtype=torch.long))
        with pytest.raises(ShapeError, match="Linear expects"):
            model(torch.zeros(2, 8), torch.zeros(2, 2, dtype=torch.long))


@pytest.mark.parametrize("name", ["linear", "mlp"])
def test_tables_of_categories_alone(name):
    model = create_model(name, {"in_features": 0, "category_sizes": [3], "num_outputs": 1}).eval()
    out = model(torch.zeros(4, 0), torch.tensor([[0], [1], [2], [1]]))
    assert out.shape == (4, 1)
    assert torch.equal(out[1], out[3])
    numbers_only = create_model(name, {"in_features": 2, "num_outputs": 1})
    assert numbers_only(torch.zeros(4, 2), torch.zeros(4, 0, dtype=torch.long)).shape == (4, 1)


def test_linear_starts_at_exactly_ln_of_the_classes():
    model = create_model("linear", TABLES)
    assert torch.equal(model(*example(TABLES, 4)), torch.zeros(4, 5))


@EVERY
def test_models_meet_their_protocols(name, dims, arguments):
    """The protocols are for the type checker; here: the call that they describe works."""
    classifier: Classifier = build(name, dims, arguments).eval()
    table: TableModel = build(name, dims, arguments).eval()
    inputs = example(dims, 2)
    if dims is TABLES:
        assert "TableModel" in MODELS[name].protocols
        assert table(*inputs).shape == (2, 5)
    else:
        assert "Classifier" in MODELS[name].protocols
        assert classifier(*inputs).shape == (2, 5)
        assert classifier(inputs[0], None).shape == (2, 5)
