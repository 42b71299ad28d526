"""The decoder against an independent plain one, its causality, its cache, and what it can learn."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from deepdojo.errors import RecipeError
from deepdojo.layers.shapes import ShapeError
from deepdojo.models import create_model

V, T = 13, 11
SHAPE = {"width": 12, "num_layers": 2, "num_heads": 3, "context": 17, "feed_forward": 19}
GPT2 = {**SHAPE, "positions": "learned", "norm": "layer", "bias": True, "tied": True, "activation": "gelu"}
MODERN = {**SHAPE, "positions": "rotary", "norm": "rms", "bias": False, "tied": False, "activation": "relu_squared"}


RELATIVE = {**SHAPE, "positions": "relative", "norm": "layer", "norm_first": False, "tied": False}
ALIBI = {**SHAPE, "positions": "alibi", "gated": True, "activation": "silu"}
BOTH = pytest.mark.parametrize("arguments", [GPT2, MODERN], ids=["gpt2", "modern"])
ALL = pytest.mark.parametrize(
    "arguments", [GPT2, MODERN, RELATIVE, ALIBI], ids=["gpt2", "modern", "relative norm last", "alibi"]
)


def made(arguments: dict, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    model = create_model("decoder", {"vocab_size": V}, **arguments).double()
    with torch.no_grad():  # initial weights are small: larger ones let a difference show
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return model


def plain(model: torch.nn.Module, tokens: torch.Tensor) -> torch.Tensor:
    """One example, one head, one query at a time, from the named weights alone."""
    w, config = dict(model.named_parameters()), model.config
    K = config.width // config.num_heads

    def norm(name, x):
        if config.norm == "layer":
            centred = x - x.mean()
            return centred / (centred.square().mean() + 1e-5).sqrt() * w[f"{name}.weight"] + w[f"{name}.bias"]
        return x / (x.square().mean() + 1e-6).sqrt() * w[f"{name}.weight"]

    def dense(name, x):
        return w[f"{name}.weight"] @ x + (w[f"{name}.bias"] if config.bias else 0.0)

    def turned(x, t):
        if config.positions == "learned":
            return x
        angle = t * 10_000.0 ** (-2 * torch.arange(K // 2, dtype=torch.float64) / K)
        (a, b), cos, sin = x.chunk(2), angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        return torch.cat([a * cos - b * sin, a * sin + b * cos])

    rows = []
    for text in tokens:
        h = [w["embedding.weight"][i] for i in text]
        if config.positions == "learned":
            h = [x + w["positions.weight"][t] for t, x in enumerate(h)]
        for b in range(config.num_layers):
            name = f"blocks.{b}"
            qkv = [dense(f"{name}.attention.in_proj", norm(f"{name}.norm1", x)) for x in h]
            joined = []
            for t in range(len(h)):
                heads = []
                for n in range(config.num_heads):
                    part = [[x[i * config.width + n * K :][:K] for x in qkv] for i in range(3)]
                    q = turned(part[0][t], t)
                    scores = torch.stack([q @ turned(part[1][s], s) / math.sqrt(K) for s in range(t + 1)])
                    weights = scores.exp() / scores.exp().sum()
                    heads.append(sum(weights[s] * part[2][s] for s in range(t + 1)))
                joined.append(torch.cat(heads))
            h = [x + dense(f"{name}.attention.out_proj", a) for x, a in zip(h, joined, strict=True)]
            bend = F.gelu if config.activation == "gelu" else lambda x: x.clamp_min(0) ** 2
            inner = f"{name}.feed_forward"
            h = [x + dense(f"{inner}.linear2", bend(dense(f"{inner}.linear1", norm(f"{name}.norm2", x)))) for x in h]
        table = w["embedding.weight"] if config.tied else w["head.weight"]
        rows.append(torch.stack([table @ norm("norm", x) for x in h]))
    return torch.stack(rows)


@BOTH
def test_values_and_gradients_equal_a_plain_decoder(arguments: dict) -> None:
    model = made(arguments)
    tokens = torch.randint(0, V, (2, 7), generator=torch.Generator().manual_seed(1))
    ours, theirs = model(tokens), plain(model, tokens)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)
    cotangent = torch.randn(ours.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    parameters = list(model.parameters())
    found, expected = (torch.autograd.grad(out, parameters, cotangent) for out in (ours, theirs))
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-10)


@BOTH
def test_bf16_errs_no_more_than_the_plain_decoder_does(arguments: dict) -> None:
    model, tokens = made(arguments), torch.randint(0, V, (3, 7), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        exact = model(tokens)
        low = model.bfloat16()
        error, bound = ((out.double() - exact).square().mean().sqrt() for out in (low(tokens), plain(low, tokens)))
    assert 0 < error <= 1.5 * bound


@ALL
def test_one_token_and_none(arguments: dict) -> None:
    model = made(arguments).eval()
    tokens = torch.randint(0, V, (3, T))
    torch.testing.assert_close(model(tokens[:, :1]), model(tokens)[:, :1], rtol=0, atol=1e-12)
    assert model(tokens[:, :0]).shape == (3, 0, V)
    assert model(tokens[:0]).shape == (0, T, V)


@ALL
def test_no_step_sees_what_comes_after_it_and_no_row_another(arguments: dict) -> None:
    model = made(arguments).eval()
    tokens = torch.randint(0, V, (3, T))
    before = model(tokens)
    for t in range(T):
        changed = tokens.clone()
        changed[1, t] = (changed[1, t] + 1) % V
        after = model(changed)
        assert torch.equal(after[1, :t], before[1, :t])
        assert (after[1, t] != before[1, t]).any()
        assert torch.equal(after[[0, 2]], before[[0, 2]])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@ALL
def test_the_cache_changes_nothing(arguments: dict, dtype: torch.dtype) -> None:
    model = made(arguments).to(dtype).eval()
    tokens = torch.randint(0, V, (2, 17))
    whole = model(tokens)
    for first in (1, 5, 16):
        cache = model.new_cache()
        steps = [model(tokens[:, :first], cache)]
        steps += [model(tokens[:, t : t + 1], cache) for t in range(first, 17)]
        atol = 1e-10 if dtype == torch.float64 else 1e-5
        torch.testing.assert_close(torch.cat(steps, 1), whole, rtol=0, atol=atol)
    with pytest.raises(ShapeError, match=r"table of 17 positions|holds 17 steps, and 18"):
        model(tokens[:, :1], cache)


@ALL
def test_it_begins_at_ln_v_and_overfits_one_batch(arguments: dict) -> None:
    torch.manual_seed(0)
    model = create_model("decoder", {"vocab_size": V}, **{**arguments, "width": 24})
    tokens = torch.randint(0, V, (4, 12))

    def loss() -> torch.Tensor:
        return F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())

    assert float(loss().detach()) == pytest.approx(math.log(V), abs=0.05)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        found = loss()
        found.backward()
        optimizer.step()
    assert float(found.detach()) < 0.1


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(RecipeError, match="does not divide width"):
        create_model("decoder", {"vocab_size": V}, width=10, num_heads=3)
    with pytest.raises(RecipeError, match="even width"):
        create_model("decoder", {"vocab_size": V}, width=9, num_heads=3)


def test_the_last_norm_after_each_part_equals_torchs_layers() -> None:
    """torch's encoder layer with a causal mask is a decoder block; no positions, so that the blocks are all."""
    model = made({**SHAPE, "positions": "none", "norm": "layer", "norm_first": False, "bias": True, "tied": False})
    layer = torch.nn.TransformerEncoderLayer(12, 3, 19, 0.0, "gelu", 1e-5, True, norm_first=False, dtype=torch.float64)
    h = tokens = torch.randint(0, V, (2, 7), generator=torch.Generator().manual_seed(1))
    h = model.embedding(tokens)
    for block in model.blocks:
        theirs = {
            "self_attn.in_proj_weight": block.attention.in_proj.weight,
            "self_attn.in_proj_bias": block.attention.in_proj.bias,
            **{f"self_attn.out_proj.{k}": p for k, p in block.attention.out_proj.named_parameters()},
            **dict(block.feed_forward.named_parameters()),
            **{f"norm{i}.{k}": p for i in (1, 2) for k, p in getattr(block, f"norm{i}").named_parameters()},
        }  # fmt: skip
        ahead = torch.ones(7, 7, dtype=torch.bool).triu(1)
        h = torch.func.functional_call(layer, theirs, (h,), {"src_mask": ahead})
    torch.testing.assert_close(model(tokens), h @ model.head.weight.T, rtol=0, atol=1e-10)


@pytest.mark.slow
def test_it_learns_to_look_up_what_followed_before() -> None:
    """Induction (Olsson et al. 2022): of a random text that is said twice, the second time is known."""
    torch.manual_seed(0)
    model = create_model("decoder", vocab_size=16, width=48, num_layers=2, num_heads=2, context=16, tied=False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)

    def twice(rows: int) -> torch.Tensor:
        return torch.rand(rows, 16).argsort(1)[:, :8].repeat(1, 2)  # no token twice, so what followed is one thing

    for _ in range(250):
        text = twice(64)
        loss = F.cross_entropy(model(text[:, :-1])[:, 8:].flatten(0, 1), text[:, 9:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    text = twice(64)
    right = model(text[:, :-1])[:, 8:].argmax(-1) == text[:, 9:]
    assert float(right.float().mean()) > 0.95  # 1/16 by guessing, 1/8 by the tokens that there are
