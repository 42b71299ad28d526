"""What is known about models without building them, and how `create_model` answers a wrong recipe."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepdojo.errors import RecipeError, UnknownNameError
from deepdojo.models import MODELS, create_model, fitting, model_config, model_fields

IMAGES = {"in_channels": 1, "height": 7, "width": 11, "in_features": 77, "bands": 7, "num_outputs": 3}
TEXTS = {"vocab_size": 13, "num_outputs": 3}
TABLES = {"in_features": 5, "category_sizes": [3, 7], "num_outputs": 2}
PAIRS = {"source_vocab_size": 13, "target_vocab_size": 11}
TAGS = {**TEXTS, "feature_sizes": [5, 3]}
CAPTIONS = {"in_channels": 3, "target_vocab_size": 7}
SERIES = {"context": 12, "horizon": 5, "known_channels": 3, "num_outputs": 9}
SIGNALS = {"in_channels": 2, "steps": 11, "in_features": 3, "num_outputs": 3}
QUESTIONS = {"vocab_size": 13, "form_sizes": [5, 3], "num_features": 2, "num_kinds": 3, "max_span": 4}
FRAMES = {"frame_features": 7, "num_outputs": 5}
VOICES = {"vocab_size": 13, "mel_bands": 7, "hop_samples": 4, "window_samples": 16}
EVERY = (TABLES, IMAGES, TEXTS, PAIRS, TAGS, CAPTIONS, SERIES, SIGNALS, QUESTIONS, VOICES, FRAMES)
FITTING = {name: next(dims for dims in EVERY if name in fitting(dims)) for name in MODELS}
# What a model of larger images needs on one of 7x11 pixels.
SMALL = {
    "lenet": {"padding": [2, 2]},
    "all_convolutional": {"last_padding": 1},
    "vit": {"border": "crop"},
    "inception": {"width_multiplier": 0.1},
}


def built(name, **more):
    return create_model(name, {**FITTING[name], **more}, **SMALL.get(name, {}))


def test_every_model_says_what_it_is():
    for name, entry in MODELS.items():
        assert len(entry.summary) > 20
        assert entry.paper
        assert entry.protocols
        for field in model_fields(name):
            assert field.help.endswith("."), f"{name}.{field.name}"
            assert field.type


def test_fields_are_those_of_the_config_class():
    from dataclasses import MISSING, fields

    for name, entry in MODELS.items():
        real = fields(entry.config_class())
        said = model_fields(name)
        assert [f.name for f in said] == [f.name for f in real]
        for r, s in zip(real, said, strict=True):
            assert (r.default is MISSING) == (s.default is None)
            if s.default is not None:
                assert eval(s.default) == r.default


def test_models_that_fit_the_data():
    assert {"text_cnn", "rnn", "transformer"} <= set(fitting(TEXTS)) < set(MODELS)
    assert {"linear", "mlp", "cnn"} <= set(fitting(IMAGES, "Classifier")) < set(MODELS)
    assert {"linear", "mlp"} <= set(fitting(TABLES, "TableModel")) < set(MODELS)
    with pytest.raises(UnknownNameError, match="did you mean 'cnn'"):
        model_fields("ccn")


@pytest.mark.parametrize("name", MODELS)
def test_the_config_builds_the_twin(name):
    model = built(name)
    again = create_model(name, {}, **model_config(model))
    assert again.config == model.config
    again.load_state_dict(model.state_dict())
    assert built(name, unrelated=1).config == model.config


@pytest.mark.parametrize("name", MODELS)
def test_the_same_seed_gives_the_same_weights(name):
    def weights(seed):
        torch.manual_seed(seed)
        return list(built(name).parameters())

    assert all(torch.equal(a, b) for a, b in zip(weights(0), weights(0), strict=True))
    differ = any(not torch.equal(a, b) for a, b in zip(weights(0), weights(1), strict=True))
    assert differ == (name not in ("linear", "bag_of_ngrams", "forecast_linear"))  # a convex problem starts at zero


def test_numpy_numbers_are_numbers():
    model = create_model(
        "cnn", {k: np.int64(v) for k, v in IMAGES.items()}, channels=(4, 8), convs=[1], dropout=np.float32(0.5)
    )
    assert model.config.channels == (4, 8)
    assert type(model.config.in_channels) is int
    assert create_model("mlp", TABLES, dropout=0).config.dropout == 0.0


@pytest.mark.parametrize(
    ("name", "dims", "arguments", "sentence"),
    [
        (
            "cnn",
            TEXTS,
            {},
            "cnn needs in_channels, height, width; the data give num_outputs, vocab_size; "
            "choose one of bag_of_ngrams, text_cnn",
        ),
        ("cnn", IMAGES, {"channels": "many"}, "model.channels: channels of cnn should be a valid array, got 'many'"),
        ("cnn", IMAGES, {"channels": [8, 16.5]}, "got [8, 16.5]"),
        ("cnn", IMAGES, {"dropout": "high"}, "model.dropout: dropout of cnn must be float, got 'high'"),
        ("cnn", IMAGES, {"dropout": 1.0}, "model.dropout: dropout is a share from 0 to below 1, got 1.0"),
        ("cnn", IMAGES, {"kernel": True}, "model.kernel: kernel of cnn must be int, got True"),
        ("cnn", IMAGES, {"kernel": 4}, "model.kernel: kernel must be odd and positive, got 4"),
        ("cnn", IMAGES, {"first_kernel": 13}, "model.first_kernel: a 13x13 kernel is larger than the 7x11 image"),
        ("cnn", IMAGES, {"channels": []}, "model.channels: channels must name at least one stage"),
        ("cnn", IMAGES, {"convs": [1, 2]}, "convs has 2 numbers for 3 stages; give one number for each stage"),
        ("cnn", IMAGES, {"channels": [8, 0]}, "channels must be 1 or more, got 0"),
        ("cnn", IMAGES, {"pooling": "min"}, "pooling of cnn should be 'average', 'max' or 'both', got 'min'"),
        (
            "cnn",
            IMAGES,
            {"in_channels": 3},
            "in_channels = 3 contradicts the data, which give 1; leave in_channels out",
        ),
        ("mlp", {"in_features": 0, "num_outputs": 2}, {}, "mlp needs at least one numeric or categorical column"),
        ("linear", {"in_features": 0, "num_outputs": 2}, {}, "linear needs at least one numeric or categorical column"),
        ("mlp", TABLES, {"hidden": [0]}, "model.hidden: hidden must be 1 or more, got 0"),
        ("text_cnn", TEXTS, {"filter_widths": []}, "filter_widths must name at least one width"),
        ("transformer", TEXTS, {"num_heads": 5, "width": 64}, "num_heads = 5 does not divide width = 64; take 4"),
        (
            "lenet",
            IMAGES,
            {},
            "model.padding: a 7x11 image is too small for two 5x5 convolutions padded by 2 and 0 with 2x2 pooling "
            "after each; raise padding",
        ),
        ("lenet", IMAGES, {"channels": [6]}, "channels of lenet"),
        (
            "all_convolutional",
            IMAGES,
            {},
            "model.last_padding: a 7x11 image leaves a 2x3 map, too small for a 3x3 kernel padded by 0; take ",
        ),
        (
            "vit",
            IMAGES,
            {"patch": [7, 4]},
            "model.patch: a 7x4 patch does not divide the 7x11 image; take a patch that does, or border = ",
        ),
        ("vit", IMAGES, {"patch": 8, "border": "crop"}, "model.patch: a 8x8 patch is larger than the 7x11 image"),
        (
            "vit",
            IMAGES,
            {"patch": [7, 11], "num_heads": 5, "model_width": 64},
            "num_heads = 5 does not divide model_width = 64; take 4, or give head_width",
        ),
        ("vit", IMAGES, {"patch": "big"}, "model.patch: patch of vit"),
        (
            "inception",
            IMAGES,
            {"stem": "imagenet"},
            "a 7x11 image is too small for the imagenet stem, which needs 75x75 pixels; take stem = 'small'",
        ),
        (
            "inception",
            {**IMAGES, "height": 6},
            {},
            "a 6x11 image is too small for the small stem, which needs 7x7 pixels; take cnn or resnet",
        ),
        ("inception", IMAGES, {"width_multiplier": 0.0}, "width_multiplier must be above 0, got 0.0"),
        ("resnet_imagenet", IMAGES, {"blocks": [1, 2]}, "blocks has 2 numbers for 4 stages; give one number for each"),
        (
            "resnet_imagenet",
            IMAGES,
            {"block": "bottleneck", "widths": [2], "blocks": [1]},
            "a bottleneck has a quarter of its width inside, got a width 2",
        ),
        ("dense_detector", IMAGES, {"widths": [8]}, "a stride of 4 needs 2 widths or more, got 1"),
        ("dense_detector", IMAGES, {"prior": 1.0}, "prior must be between 0 and 1, got 1.0"),
        ("rnn", TEXTS, {"num_layers": 0}, "num_layers must be 1 or more, got 0"),
    ],
)
def test_a_recipe_that_does_not_fit_is_one_sentence(name, dims, arguments, sentence):
    with pytest.raises(RecipeError) as caught:
        create_model(name, dims, **arguments)
    assert sentence in str(caught.value)


def test_unknown_names_offer_the_nearest():
    with pytest.raises(UnknownNameError, match="no model is named 'textcnn'; did you mean 'text_cnn'"):
        create_model("textcnn", TEXTS)
    with pytest.raises(UnknownNameError, match="no argument of rnn is named 'hidden'; did you mean 'hidden_size'"):
        create_model("rnn", TEXTS, hidden=3)


def test_what_the_data_fix_is_asked_for_where_there_are_no_data():
    with pytest.raises(RecipeError) as caught:
        create_model("rnn", vocab_size=13)
    assert str(caught.value) == (
        "model: rnn needs num_outputs, which the data fix; give it: create_model('rnn', num_outputs=...)"
    )


def test_what_people_call_a_model_leads_to_it():
    from deepdojo.models.table import ALIASES

    assert set(ALIASES.values()) <= set(MODELS)
    with pytest.raises(UnknownNameError, match="no model is named 'Inception-v3'; it is here as 'inception'"):
        create_model("Inception-v3")
