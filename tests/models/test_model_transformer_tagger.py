"""transformer_tagger: padding, batch, first loss, one batch learned, what configs refuse."""

from __future__ import annotations

import math

import pytest
import torch

from deepdojo.errors import RecipeError
from deepdojo.layers.shapes import ShapeError
from deepdojo.models import create_model

DIMS = {"vocab_size": 23, "num_outputs": 5, "feature_sizes": [7, 3]}
SMALL = {"word_width": 13, "feature_width": 5, "width": 12, "num_heads": 3}
KEEP = torch.arange(7) < torch.tensor([7, 3, 1, 5])[:, None]


def built(**arguments):
    torch.manual_seed(1)
    return create_model("transformer_tagger", DIMS, **{**SMALL, **arguments})


def example(n=4, T=7, seed=3):
    g = torch.Generator().manual_seed(seed)
    words = torch.randint(0, 23, (n, T), generator=g)
    shapes = torch.stack([torch.randint(0, size, (n, T), generator=g) for size in (7, 3)], 2)
    return words, shapes, torch.randint(0, 5, (n, T), generator=g)


@pytest.mark.parametrize("positions", ["sinusoidal", "learned"])
def test_padding_and_the_batch_change_nothing(positions):
    model = built(positions=positions).double().eval()
    words, shapes, _ = example()
    together = model(words, shapes, KEEP)
    for i, length in enumerate(KEEP.sum(1).tolist()):
        alone = model(words[i : i + 1, :length], shapes[i : i + 1, :length])
        torch.testing.assert_close(together[i : i + 1, :length], alone)


def test_the_first_loss_of_a_word_is_about_ln_of_the_tags():
    model, (words, shapes, tags) = built().eval(), example(64)
    nll = model.crf.nll(model(words, shapes), tags)
    assert float(nll.detach().mean() / 7) == pytest.approx(math.log(5), rel=0.1)


@pytest.mark.parametrize("crf", [True, False])
def test_one_batch_is_learned(crf):
    model, (words, shapes, tags) = built(crf=crf, embedding_dropout=0.0, dropout=0.0), example()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(80):
        scores = model(words, shapes)
        each = model.crf.nll(scores, tags) if crf else torch.nn.functional.cross_entropy(scores.mT, tags)
        optimizer.zero_grad()
        each.mean().backward()
        optimizer.step()
    scores = model.eval()(words, shapes)
    assert torch.equal(model.crf.decode(scores) if crf else scores.argmax(-1), tags)


def test_a_word_sees_its_neighbours_before_the_first_layer_only_where_asked():
    words, shapes, _ = example(1)
    other = words.clone()
    other[0, 2] = (other[0, 2] + 1) % 23
    for neighbours, touched in ((0, [2]), (1, [1, 2, 3]), (2, [0, 1, 2, 3, 4])):
        model = built(neighbours=neighbours).eval()
        mixed = [model.mix(model_input(model, w, shapes)) for w in (words, other)]
        changed = (mixed[0] != mixed[1]).any(1).flatten().nonzero().flatten().tolist()
        assert changed == touched


def model_input(model, words, shapes):
    parts = [model.embedding(words), *(table(shapes[..., i]) for i, table in enumerate(model.features))]
    return torch.cat(parts, 2).transpose(1, 2)


def test_no_words_are_no_scores():
    model = built().eval()
    assert model(torch.zeros(2, 0, dtype=torch.long), torch.zeros(2, 0, 2, dtype=torch.long)).shape == (2, 0, 5)


def test_wrong_shapes_and_configs_are_sentences():
    words, shapes, _ = example()
    with pytest.raises(ShapeError, match="shapes must be ids"):
        built()(words, shapes[..., :1])
    with pytest.raises(RecipeError, match="num_heads = 5 does not divide"):
        built(num_heads=5)
    with pytest.raises(RecipeError, match="dropout"):
        built(dropout=1.0)
