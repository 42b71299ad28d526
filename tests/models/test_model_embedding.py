"""Pictures to places: equal to torch's own layers, unit length with centres, padding and batch change nothing."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from deepdojo.errors import RecipeError
from deepdojo.models import MODELS, create_model

DIMS = {"in_channels": 1, "height": 28, "width": 28, "num_outputs": 11}


def test_conv4_64_has_the_parameters_and_the_values_of_the_paper_s_network():
    torch.manual_seed(0)
    model = create_model("embedding_cnn", DIMS).double().eval()
    blocks = []
    for stage in model.stages:
        conv, norm = nn.Conv2d(stage[0].conv.weight.shape[1], 64, 3, padding=1, bias=False), nn.BatchNorm2d(64)
        conv.load_state_dict(stage[0].conv.state_dict())
        nn.init.normal_(stage[0].norm.weight)
        nn.init.normal_(stage[0].norm.bias)
        norm.load_state_dict(stage[0].norm.state_dict())
        blocks += [conv, norm, nn.ReLU(), nn.MaxPool2d(2)]
    reference = nn.Sequential(*blocks, nn.Flatten()).double().eval()
    assert sum(p.numel() for p in model.parameters()) == 111_680  # the paper's, without the 256 biases before norms
    x = torch.randn(5, 1, 28, 28, dtype=torch.float64)
    torch.testing.assert_close(model(x), reference(x), rtol=1e-5, atol=1e-5)
    assert model(x).shape == (5, 64)


def test_centres_make_places_of_length_one_and_cosines_with_each_name():
    torch.manual_seed(0)
    model = create_model("embedding_cnn", DIMS, channels=[3, 5], embedding_width=7, centres=True, convs=2).eval()
    x = torch.randn(4, 1, 28, 28)
    place = model(x)
    assert place.shape == (4, 7)
    torch.testing.assert_close(place.norm(dim=1), torch.ones(4))
    torch.testing.assert_close(
        model(x, cosines=True), place @ F.normalize(model.centres.weight, dim=1).T, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("shape", [(2, 3, 28, 28), (2, 1, 27, 28)])
def test_pictures_of_another_form_are_refused(shape):
    with pytest.raises(RecipeError, match="was built for"):
        create_model("embedding_cnn", DIMS, channels=[3])(torch.zeros(shape))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (5, 3)])
def test_small_pictures_are_halved_as_far_as_they_go(height, width):
    model = create_model("embedding_cnn", {**DIMS, "height": height, "width": width}, channels=[2, 2, 2, 2]).eval()
    assert model(torch.randn(3, 1, height, width)).shape == (3, 2)


def test_it_meets_its_protocol():
    assert MODELS["embedding_cnn"].protocols == ("Embedder",)
