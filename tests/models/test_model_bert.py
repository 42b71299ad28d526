"""BERT's heads: shapes, padding, what is learned from hidden words, and what does not fit."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hugging_face import random_bert, written

from deepdojo.errors import RecipeError
from deepdojo.layers.shapes import ShapeError
from deepdojo.models import create_model, from_pretrained

SMALL = {"vocab_size": 23, "width": 12, "num_heads": 3, "num_layers": 2, "max_length": 17}


def made(head: str, **arguments) -> torch.nn.Module:
    torch.manual_seed(0)
    return create_model("bert", head=head, **{**SMALL, **arguments}).eval()


def batch():
    g = torch.Generator().manual_seed(1)
    return torch.randint(0, 23, (3, 11), generator=g), torch.arange(11) < torch.tensor([11, 5, 1])[:, None]


@pytest.mark.parametrize(
    ("head", "shape"),
    [("classifier", (3, 5)), ("token", (3, 11, 5)), ("span", (3, 11, 2)), ("next_sentence", (3, 2)),
     ("masked_word", (3, 11, 23)), ("none", (3, 11, 12))],
)  # fmt: skip
def test_each_head_gives_its_shape_and_padding_changes_nothing(head, shape):
    model, (x, keep) = made(head, num_outputs=5), batch()
    whole = model(x, keep)
    assert whole.shape == shape
    for row, n in enumerate([11, 5, 1]):
        alone = model(x[row : row + 1, :n])
        here = whole[row : row + 1] if whole.dim() == 2 else whole[row : row + 1, :n]
        torch.testing.assert_close(alone, here, rtol=0, atol=1e-6)


def test_pretraining_gives_both_and_the_chosen_steps_alone():
    model, (x, keep) = made("pretraining"), batch()
    words, follows = model(x, keep)
    assert words.shape == (3, 11, 23)
    assert follows.shape == (3, 2)
    at = torch.rand(3, 11, generator=torch.Generator().manual_seed(2)) < 0.3
    chosen, again = model(x, keep, at=at)
    torch.testing.assert_close(chosen, words[at])
    torch.testing.assert_close(again, follows)


@pytest.mark.parametrize(("head", "classes"), [("classifier", 5), ("masked_word", 23), ("token", 5)])
def test_the_first_loss_is_ln_of_the_classes(head, classes):
    model, (x, keep) = made(head, num_outputs=5, width=48), batch()
    scores = model(x, keep)
    targets = torch.randint(0, classes, scores.shape[:-1])
    loss = F.cross_entropy(scores.flatten(0, -2), targets.flatten())
    assert float(loss.detach()) == pytest.approx(math.log(classes), abs=0.1)


def test_hidden_words_are_learned():
    """Texts repeat a pair of words: a hidden one can be told from its neighbours, from both sides."""
    torch.manual_seed(0)
    model = create_model("bert", head="masked_word", vocab_size=12, width=32, num_heads=2, num_layers=1, dropout=0.0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(150):
        text = torch.randint(1, 12, (32, 2)).repeat(1, 4)
        at = torch.rand(text.shape) < 0.2
        at[:, 0] = True
        loss = F.cross_entropy(model(text.masked_fill(at, 0), at=at), text[at])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.3  # ln(11) = 2.4 for a guess


@pytest.mark.parametrize("head", ["classifier", "masked_word", "span"])
def test_in_float64_it_equals_transformers_to_rounding(head, tmp_path):
    theirs = random_bert(7, head).double()
    ours = from_pretrained(written(theirs, tmp_path))
    tokens = torch.randint(1, theirs.config.vocab_size, (3, 11))
    out = theirs(tokens)
    wanted = torch.stack([out.start_logits, out.end_logits], -1) if head == "span" else out.logits
    made = ours(tokens)
    torch.testing.assert_close(made, wanted, rtol=0, atol=1e-10)
    cotangent = torch.randn_like(made)
    body, bert = ours.layers[0].self_attn.in_proj_weight, theirs.bert.encoder.layer[0].attention.self
    parts = torch.autograd.grad(wanted, [bert.query.weight, bert.key.weight, bert.value.weight], cotangent)
    torch.testing.assert_close(torch.autograd.grad(made, body, cotangent)[0], torch.cat(parts), rtol=0, atol=1e-10)


@pytest.mark.usefixtures("production")
def test_what_does_not_fit_is_said():
    model, (x, keep) = made("classifier"), batch()
    with pytest.raises(ShapeError, match=r"keep must be bool \(3, 11\), got torch.bool \(3, 1\)"):
        model(x, keep[:, :1])
    with pytest.raises(ShapeError, match=r"segments must be \(3, 11\), got \(3, 1\)"):
        model(x, keep, x[:, :1])
    with pytest.raises(ShapeError, match="longer than the table of 17 positions"):
        model(torch.zeros(1, 18, dtype=torch.long))
    with pytest.raises(ShapeError, match=r"takes token ids \(B, T\), got \(3,\)"):
        model(x[:, 0])
    with pytest.raises(ShapeError, match="the head span has no vector of the whole text"):
        made("span").pooled(x)
    with pytest.raises(RecipeError, match=r"num_heads = 5 does not divide width = 12; take 4"):
        made("classifier", num_heads=5)
    with pytest.raises(RecipeError, match="head of bert should be 'classifier', 'token'"):
        made("clasifier")
