"""bilstm_crf: against torch's LSTM with pytorch-crf row by row, padding, batch, first loss, one batch learned."""

from __future__ import annotations

import math

import pytest
import torch
import torchcrf
from torch import nn
from torch.nn import functional as F

from deepdojo.errors import RecipeError
from deepdojo.layers.shapes import ShapeError
from deepdojo.models import create_model
from deepdojo.models.protocols import Tagger

DIMS = {"vocab_size": 23, "num_outputs": 5, "feature_sizes": [7, 3], "num_characters": 11}
SMALL = {"word_width": 13, "feature_width": 5, "character_width": 7, "character_features": 6, "hidden_size": 11}
KINDS = pytest.mark.parametrize("characters", ["none", "lstm", "cnn"])
LENGTHS = [7, 3, 1, 5]
KEEP = torch.arange(7) < torch.tensor(LENGTHS)[:, None]


def built(characters="none", seed=1, **arguments):
    torch.manual_seed(seed)
    return create_model("bilstm_crf", DIMS, characters=characters, **{**SMALL, **arguments})


def example(n=4, T=7, seed=3):
    g = torch.Generator().manual_seed(seed)
    words = torch.randint(0, 23, (n, T), generator=g)
    shapes = torch.stack([torch.randint(0, size, (n, T), generator=g) for size in (7, 3)], 2)
    chars = torch.randint(1, 11, (n, T, 6), generator=g)
    return words, shapes, chars * (torch.arange(6) < torch.randint(1, 7, (n, T, 1), generator=g))


def call(model, words, shapes, keep, chars):
    return model(words, shapes, keep, chars if model.characters is not None else None)


@KINDS
@pytest.mark.parametrize("layers", [1, 2])
def test_scores_and_loss_equal_torchs_lstm_with_pytorch_crf(characters, layers):
    model = built(characters, num_layers=layers).double().eval()
    words, shapes, chars = example()
    tags = torch.randint(0, 5, (4, 7), generator=torch.Generator().manual_seed(2))
    weights = dict(model.named_parameters())

    def lstm(module, prefix, x):
        own = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
        return torch.func.functional_call(module.double(), own, (x,))

    def spelling(word):
        letters = word[word != 0]
        vectors = F.embedding(letters, weights["characters.embedding.weight"])
        if characters == "lstm":
            _, (h, _) = lstm(nn.LSTM(7, 3, bidirectional=True, batch_first=True), "characters.lstm.", vectors[None])
            return h.flatten()
        matches = F.conv1d(vectors.T, weights["characters.conv.weight"], weights["characters.conv.bias"], padding=2)
        return matches.amax(1)

    def row(i):
        n = LENGTHS[i]
        x = [F.embedding(words[i, :n], weights["embedding.weight"])]
        x += [F.embedding(shapes[i, :n, f], weights[f"features.{f}.weight"]) for f in range(2)]
        x += [torch.stack([spelling(w) for w in chars[i, :n]])] if characters != "none" else []
        width = sum(part.shape[1] for part in x)
        torchs = nn.LSTM(width, 11, layers, bidirectional=True, batch_first=True)
        states, _ = lstm(torchs, "lstm.", torch.cat(x, 1)[None])
        return F.linear(states, weights["head.weight"], weights["head.bias"])

    crf = torchcrf.CRF(5, batch_first=True).double()
    crf.load_state_dict(model.crf.state_dict())
    rows = [row(i) for i in range(4)]
    scores = call(model, words, shapes, KEEP, chars)
    losses = model.crf.nll(scores, tags, KEEP)
    real = [torch.ones(1, n, dtype=torch.bool) for n in LENGTHS]
    wanted = torch.stack([-crf(r, tags[i : i + 1, : LENGTHS[i]], real[i]) for i, r in enumerate(rows)])
    torch.testing.assert_close(losses, wanted, rtol=1e-10, atol=1e-10)
    for i, r in enumerate(rows):
        torch.testing.assert_close(scores[i, : LENGTHS[i]], r[0], rtol=1e-10, atol=1e-10)
        assert model.crf.decode(scores, KEEP)[i, : LENGTHS[i]].tolist() == crf.decode(r, real[i])[0]
    cotangent = torch.randn(4, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    leaves = {name: p for name, p in weights.items() if not name.startswith("crf.")}
    got, same = (torch.autograd.grad(o, list(leaves.values()), cotangent) for o in (losses, wanted))
    torch.testing.assert_close(got, same, rtol=1e-10, atol=1e-10)


@KINDS
def test_padding_and_batch_never_matter(characters):
    model = built(characters).double().eval()
    words, shapes, chars = example()
    scores = call(model, words, shapes, KEEP, chars)
    longer = [F.pad(t.masked_fill(~KEEP.view(4, 7, *[1] * (t.dim() - 2)), 1), pad) for t, pad in (
        (words, (0, 5)), (shapes, (0, 0, 0, 5)), (chars, (0, 3, 0, 5)))]  # fmt: skip
    again = call(model, longer[0], longer[1], F.pad(KEEP, (0, 5)), longer[2])
    for i, n in enumerate(LENGTHS):
        torch.testing.assert_close(again[i, :n], scores[i, :n])
        alone = call(model, words[i : i + 1, :n], shapes[i : i + 1, :n], None, chars[i : i + 1, :n])
        torch.testing.assert_close(alone[0], scores[i, :n])


@KINDS
def test_nothing_in_nothing_out_and_sentences_without_words(characters):
    model = built(characters)
    words, shapes, chars = example()
    assert call(model, words[:, :0], shapes[:, :0], KEEP[:, :0], chars[:, :0]).shape == (4, 0, 5)
    assert call(model, words[:0], shapes[:0], KEEP[:0], chars[:0]).shape == (0, 7, 5)
    nothing = torch.zeros_like(KEEP)
    scores = call(model, words, shapes, nothing, chars * 0)
    assert (model.crf.nll(scores, words * 0, nothing) == 0).all()
    without = call(model, words, shapes, KEEP, chars[..., :0])
    torch.testing.assert_close(
        call(model.eval(), words, shapes, KEEP, chars * 0), call(model, words, shapes, KEEP, chars[..., :0])
    )
    without.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@KINDS
def test_the_first_loss_of_a_word_is_about_ln_of_the_tags(characters):
    losses = []
    for seed in range(5):
        model = built(characters, seed).eval()
        words, shapes, chars = example(50, seed=seed)
        scores = call(model, words, shapes, None, chars)
        losses.append(model.crf.nll(scores, torch.randint(0, 5, (50, 7))).mean().item() / 7)
    assert sum(losses) / 5 == pytest.approx(math.log(5), rel=0.1)


@KINDS
@pytest.mark.parametrize("crf", [True, False])
def test_one_batch_can_be_learned_and_every_parameter_learns(characters, crf):
    model = built(characters, crf=crf)
    words, shapes, chars = example(8)
    tags = torch.randint(0, 5, (8, 7), generator=torch.Generator().manual_seed(2))
    keep = F.pad(KEEP.repeat(2, 1), (0, 0))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    for step in range(60):
        optimizer.zero_grad()
        scores = call(model, words, shapes, keep, chars)
        loss = model.crf.nll(scores, tags, keep).mean() if crf else F.cross_entropy(scores[keep], tags[keep])
        loss.backward()
        if step == 0:
            assert all(p.grad is not None and (p.grad != 0).any() for p in model.parameters())
        optimizer.step()
    scores = call(model.eval(), words, shapes, keep, chars)
    answer = model.crf.decode(scores, keep) if crf else scores.argmax(-1)
    assert (answer == tags)[keep].all()


def test_the_protocol_is_met():
    model: Tagger = built().eval()
    words, shapes, _ = example()
    assert model(words, shapes, KEEP).shape == (4, 7, 5)
    assert model.crf.num_tags == 5
    assert create_model("bilstm_crf", {**DIMS, "feature_sizes": []})(words, shapes[..., :0]).shape == (4, 7, 5)


@pytest.mark.usefixtures("production")
def test_wrong_input_is_said():
    words, shapes, chars = example()
    with pytest.raises(ShapeError, match=r"shapes must be ids \(4, 7, 2\), got \(4, 7, 1\)"):
        built()(words, shapes[..., :1])
    with pytest.raises(ShapeError, match=r"characters are ids \(4, 7, 'W'\), got \(4, 6, 6\)"):
        built("cnn")(words, shapes, KEEP, chars[:, 1:])
    with pytest.raises(RecipeError, match="built with characters = lstm and called without characters"):
        built("lstm")(words, shapes, KEEP)
    with pytest.raises(RecipeError, match="built with characters = none and called with characters"):
        built()(words, shapes, KEEP, chars)
    with pytest.raises(RecipeError, match="characters = cnn needs num_characters, which the data don't give"):
        create_model("bilstm_crf", {**DIMS, "num_characters": 0}, characters="cnn")
    with pytest.raises(RecipeError, match="character_features must be even for lstm, got 7"):
        built("lstm", character_features=7)
