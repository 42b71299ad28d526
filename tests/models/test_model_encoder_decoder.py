"""The Transformer of two halves against torch's own layers, its causality, cache and padding, and the copy task."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from deepdojo.errors import RecipeError
from deepdojo.generation import beam_search, sample
from deepdojo.layers import DecoderLayer, replaced
from deepdojo.layers.shapes import ShapeError
from deepdojo.models import create_model

D, H, S, T, V, W = 12, 3, 7, 5, 11, 13  # width, heads, source, target, target tokens, source tokens
BOTH = pytest.mark.parametrize("norm_first", [True, False])


def made(norm_first: bool = True, **arguments) -> nn.Module:
    torch.manual_seed(0)
    sizes = {"width": D, "num_heads": H, "encoder_layers": 2, "decoder_layers": 3, "feed_forward": 17, "dropout": 0.0}
    model = create_model(
        "encoder_decoder", source_vocab_size=W, target_vocab_size=V, norm_first=norm_first, **{**sizes, **arguments}
    ).double()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.2 * torch.randn_like(p))
    return model


def batch(seed: int = 1):
    g = torch.Generator().manual_seed(seed)
    source, target = torch.randint(0, W, (3, S), generator=g), torch.randint(0, V, (3, T), generator=g)
    return source, target, torch.arange(S) < torch.tensor([7, 4, 1])[:, None]


def by_torch(model: nn.Module, source, target, keep):
    """torch's own layers with our weights, masks written as torch wants them."""
    config, norm = model.config, model.config.norm_first
    shape = (D, H, config.feed_forward, 0.0, config.activation, 1e-5, True, norm)
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(*shape), 2, nn.LayerNorm(D) if norm else None, enable_nested_tensor=False
    ).double()
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(*shape), 3, nn.LayerNorm(D) if norm else None).double()
    for theirs, ours, last in (
        (encoder, model.encoder, model.encoder_norm),
        (decoder, model.decoder, model.decoder_norm),
    ):
        theirs.layers.load_state_dict(ours.state_dict())
        if norm:
            theirs.norm.load_state_dict(last.state_dict())

    def waves(n):
        t, i = torch.arange(n, dtype=torch.float64)[:, None], torch.arange(0, D, 2, dtype=torch.float64)
        angle = t / 10_000 ** (i / D)
        return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)

    x = F.embedding(source, model.source_embedding.weight) * math.sqrt(D) + waves(S)
    y = F.embedding(target, model.target_embedding.weight) * math.sqrt(D) + waves(T)
    memory = encoder(x, src_key_padding_mask=~keep)
    ahead = torch.ones(T, T, dtype=torch.bool).triu(1)
    return decoder(y, memory, tgt_mask=ahead, memory_key_padding_mask=~keep) @ model.target_embedding.weight.T, [
        encoder,
        decoder,
    ]


@BOTH
def test_values_and_gradients_equal_torchs_layers(norm_first):
    model = made(norm_first)
    source, target, keep = batch()
    ours, (theirs, parts) = model(source, target, keep), by_torch(model, source, target, keep)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)
    cotangent = torch.randn(ours.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    tables = [model.source_embedding.weight, model.target_embedding.weight]
    inner = [p for part in (model.encoder, model.decoder) for p in part.parameters()]
    their_inner = [p for part in parts for p in part.layers.parameters()]
    found = torch.autograd.grad(ours, tables + inner, cotangent)
    wanted = torch.autograd.grad(theirs, tables + their_inner, cotangent)
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-10)


@BOTH
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_one_decoder_layer_equals_torchs_with_its_state_dict(norm_first, dtype):
    torch.manual_seed(0)
    theirs = nn.TransformerDecoderLayer(D, H, 17, 0.0, "gelu", 1e-5, True, norm_first).to(dtype)
    ours = DecoderLayer(D, H, 17, 0.0, "gelu", norm_first).to(dtype)
    ours.load_state_dict(theirs.state_dict())
    x, memory = torch.randn(2, T, D, dtype=dtype), torch.randn(2, S, D, dtype=dtype)
    ahead = torch.ones(T, T, dtype=torch.bool).triu(1)
    atol = 1e-10 if dtype == torch.float64 else 1e-5
    torch.testing.assert_close(ours(x, memory), theirs(x, memory, tgt_mask=ahead), rtol=0, atol=atol)


@BOTH
@pytest.mark.parametrize("positions", ["sinusoidal", "learned"])
def test_a_cache_changes_nothing(positions, norm_first):
    model = made(norm_first, positions=positions).eval()
    source, target, keep = batch()
    memory, cache = model.encode(source, keep), model.new_cache()
    whole = model.decode(target, memory, keep)
    steps = [model.decode(target[:, :2], memory, keep, cache)]
    steps += [model.decode(target[:, t : t + 1], memory, keep, cache) for t in range(2, T)]
    torch.testing.assert_close(torch.cat(steps, 1), whole, rtol=0, atol=1e-12)
    rows = torch.tensor([2, 0, 0])
    cache.reorder(rows)
    more = torch.tensor([[1], [2], [3]])
    torch.testing.assert_close(
        model.decode(more, memory[rows], keep[rows], cache)[:, 0],
        model.decode(torch.cat([target[rows], more], 1), memory[rows], keep[rows])[:, -1],
        rtol=0,
        atol=1e-12,
    )


def test_no_step_sees_what_comes_after_it_and_padding_changes_nothing():
    model = made().eval()
    source, target, keep = batch()
    before = model(source, target, keep)
    for t in range(T):
        changed = target.clone()
        changed[1, t] = (changed[1, t] + 1) % V
        after = model(source, changed, keep)
        assert torch.equal(after[1, :t], before[1, :t])
        assert (after[1, t] != before[1, t]).any()
        assert torch.equal(after[[0, 2]], before[[0, 2]])
    for row, n in enumerate([7, 4, 1]):
        alone = model(source[row : row + 1, :n], target[row : row + 1])
        torch.testing.assert_close(alone, before[row : row + 1], rtol=0, atol=1e-12)
    nothing = model(source, target, torch.zeros_like(keep))
    assert torch.isfinite(nothing).all()


def test_initial_loss_and_one_batch():
    torch.manual_seed(0)
    model = create_model(
        "encoder_decoder", source_vocab_size=W, target_vocab_size=V, width=24, num_heads=2, dropout=0.0
    )
    source, target, keep = batch()
    begun = F.pad(target[:, :-1], (1, 0))

    def loss():
        return F.cross_entropy(model(source, begun, keep).flatten(0, 1), target.flatten())

    assert float(loss().detach()) == pytest.approx(math.log(V), rel=0.35)  # tied: scores are of size 1 at the start
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(120):
        optimizer.zero_grad()
        found = loss()
        found.backward()
        optimizer.step()
    assert float(found.detach()) < 0.05


def test_it_learns_to_copy():
    """Eight symbols of a text that it has never seen, written again, greedily and by beams."""
    torch.manual_seed(0)
    model = create_model(
        "encoder_decoder", source_vocab_size=10, target_vocab_size=10, width=32, num_heads=2, encoder_layers=1,
        decoder_layers=1, dropout=0.0, tied=False,
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(200):
        x = torch.randint(1, 10, (32, 8))
        loss = F.cross_entropy(model(x, F.pad(x[:, :-1], (1, 0))).flatten(0, 1), x.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    x, begin = torch.randint(1, 10, (50, 8)), torch.zeros(50, 1, dtype=torch.long)
    written = sample(model, begin, 8, temperature=0, source=x)
    assert float((written == x).float().mean()) > 0.99
    best, _ = beam_search(model, begin, 8, beams=3, source=x)
    assert float((best[:, 0] == x).float().mean()) > 0.99


@pytest.mark.usefixtures("production")
def test_what_does_not_fit_is_said():
    model = made()
    source, target, keep = batch()
    with pytest.raises(ShapeError, match=r"keep must be bool \(3, 7\), got torch.bool \(3, 1\)"):
        model(source, target, keep[:, :1])
    with pytest.raises(ShapeError, match="12 entries along axis -1"):
        model.decode(target, torch.zeros(3, S, 5).double(), keep)
    with pytest.raises(RecipeError, match="one table cannot serve vocabularies of 13 and 11 tokens"):
        made(shared=True)
    with pytest.raises(RecipeError, match=r"num_heads = 5 does not divide width = 12; take 4"):
        made(num_heads=5)
    learned = made(positions="learned", max_length=3)
    with pytest.raises(ShapeError, match="longer than the table of 3 positions"):
        learned.encode(source)


def test_a_learners_layer_stands_in_for_both_halves():
    def mine(q, k, v, keep=None):
        scores = q @ k.mT / q.shape[-1] ** 0.5
        return torch.softmax(scores if keep is None else scores.masked_fill(~keep, -torch.inf), -1) @ v

    plain = made()
    with replaced({"scaled_dot_product_attention": mine}) as counts:
        swapped = made()
    assert counts["scaled_dot_product_attention"] == 2 + 3  # encoder layers, and decoder layers looking at the source
    source, target, keep = batch()
    torch.testing.assert_close(swapped(source, target, keep), plain(source, target, keep), rtol=0, atol=1e-12)
