"""The four forms of Kim 2014: what is trained, what is frozen, and equality with torch's convolution over channels."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn import functional as F

from deepdojo.errors import RecipeError
from deepdojo.layers.shapes import ShapeError
from deepdojo.models import create_model, model_config

DIMS = {"vocab_size": 13, "num_outputs": 3}
SMALL = {"embedding_width": 5, "filters": 7, "filter_widths": [2, 3, 5]}
LENGTHS = [7, 3, 1, 5]
KEEP = torch.arange(7) < torch.tensor(LENGTHS)[:, None]
GIVEN = ("static", "non-static", "multichannel")
FORMS = pytest.mark.parametrize("channels", ["rand", *GIVEN])


def built(channels, seed=1, **more):
    torch.manual_seed(seed)
    return create_model("text_cnn", DIMS, **SMALL, channels=channels, **more)


def vectors():
    return torch.randn(13, 5, generator=torch.Generator().manual_seed(4))


def tokens():
    return torch.randint(0, 13, (4, 7), generator=torch.Generator().manual_seed(3))


def test_rand_is_what_it_was_before_there_were_four():
    torch.manual_seed(1)
    before = create_model("text_cnn", DIMS, **SMALL)
    assert before.config.channels == "rand"
    for name in ("rand", "non-static", "static"):
        state = built(name).state_dict()
        assert list(state) == list(before.state_dict())
        assert all(torch.equal(a, b) for a, b in zip(state.values(), before.state_dict().values(), strict=True))


@FORMS
def test_each_form_equals_a_convolution_over_images_of_one_or_two_channels(channels):
    """A text as an image: words by numbers of a vector, a channel for each table; filters as wide as a vector."""
    model = built(channels).double().eval()
    model.load_vectors(vectors().double())
    with torch.no_grad():
        (model.embedding.trained if channels == "multichannel" else model.embedding).weight.add_(0.1)
    tables = [p for n, p in model.named_parameters() if n.startswith("embedding.")]
    assert len(tables) == (2 if channels == "multichannel" else 1)
    x = tokens()

    def other():
        rows = []
        for ids, length in zip(x, LENGTHS, strict=True):
            image = torch.stack([table[ids[:length]] for table in tables])[None]  # (1, channels, words, 5)
            features = []
            for conv, words in zip(model.convs, (2, 3, 5), strict=True):
                kernel = conv.weight.unflatten(1, (len(tables), 5)).transpose(2, 3)  # (7, channels, words, 5)
                found = F.conv2d(image, kernel, conv.bias, padding=(words - 1, 0))  # (1, 7, windows, 1)
                features.append(torch.relu(found).amax((2, 3)))
            rows.append(torch.cat(features, 1))
        return F.linear(torch.cat(rows), model.head.weight, model.head.bias)

    learned = [p for p in model.parameters() if p.requires_grad]
    cotangent = torch.randn(4, 3, dtype=torch.float64)
    outputs = [model(x, KEEP), other()]
    torch.testing.assert_close(*outputs, rtol=1e-10, atol=1e-10)
    gradients = [torch.autograd.grad(o, learned, cotangent) for o in outputs]
    for mine, others in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, others, rtol=1e-10, atol=1e-10)


@FORMS
def test_training_moves_the_trained_tables_alone(channels):
    model = built(channels)
    model.load_vectors(vectors())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(model(tokens(), KEEP), torch.arange(4) % 3).backward()
        optimizer.step()
    moved = {n: not torch.equal(p, vectors()) for n, p in model.named_parameters() if n.startswith("embedding.")}
    assert (
        moved
        == {
            "rand": {"embedding.weight": True},
            "static": {"embedding.weight": False},
            "non-static": {"embedding.weight": True},
            "multichannel": {"embedding.trained.weight": True, "embedding.frozen.weight": False},
        }[channels]
    )


@pytest.mark.parametrize("channels", GIVEN)
def test_padding_and_batch_never_matter_and_one_batch_can_be_learned(channels):
    model = built(channels).eval()
    x = tokens()
    wanted = model(x, KEEP)
    longer = F.pad(torch.where(KEEP, x, 9), (0, 6), value=4)
    torch.testing.assert_close(model(longer, F.pad(KEEP, (0, 6))), wanted)
    for i in range(4):
        torch.testing.assert_close(model(x[i : i + 1], KEEP[i : i + 1])[0], wanted[i])
    torch.testing.assert_close(model(x[:, :0], KEEP[:, :0]), model.head.bias.expand(4, 3))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    target = torch.arange(4) % 3
    for _ in range(100):
        optimizer.zero_grad()
        F.cross_entropy(model(x, KEEP), target).backward()
        optimizer.step()
    assert (model(x, KEEP).argmax(1) == target).all()


@FORMS
def test_the_twin_is_built_from_the_config_and_the_state(channels):
    model = built(channels)
    model.load_vectors(vectors())
    twin = create_model("text_cnn", {}, **model_config(model)).eval()
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin(tokens(), KEEP), model.eval()(tokens(), KEEP))
    assert [p.requires_grad for p in twin.parameters()] == [p.requires_grad for p in model.parameters()]


@pytest.mark.usefixtures("production")
def test_vectors_of_another_shape_and_unknown_forms_are_one_sentence():
    with pytest.raises(ShapeError, match=r"vectors must be \(13, 5\), vocab_size x embedding_width, got \(12, 5\)"):
        built("static").load_vectors(torch.zeros(12, 5))
    with pytest.raises(RecipeError, match="'rand', 'static', 'non-static' or 'multichannel', got 'dynamic'"):
        built("dynamic")


def test_static_vectors_that_were_never_given_are_not_trained_on():
    """They would stay as they were drawn."""
    model = built("static").train()
    with pytest.raises(RecipeError, match=r"was given no word vectors.*load_vectors"):
        model(tokens(), KEEP)
    assert model.eval()(tokens(), KEEP).shape == (4, 3)
    model.load_vectors(vectors())
    model.train()(tokens(), KEEP)
    from_checkpoint = built("static", seed=2)
    from_checkpoint.load_state_dict(model.state_dict())
    copy.deepcopy(from_checkpoint).train()(tokens(), KEEP)
    half = built("static", seed=2)
    half.load_state_dict({"head.bias": torch.zeros(3)}, strict=False)
    with pytest.raises(RecipeError, match="was given no word vectors"):
        half.train()(tokens(), KEEP)
