"""Additive and Luong attention, attention pooling, k-max pooling. Oracles: loops over rows and queries."""

from __future__ import annotations

import pytest
import torch
from layer_oracles import assert_equal, draw, lengths_mask
from torch import nn

from deepdojo.errors import RecipeError
from deepdojo.layers import AdditiveAttention, AttentionPooling, LuongAttention, replaced
from deepdojo.layers.attention_additive_bahdanau import additive_attention_reference
from deepdojo.layers.pooling_over_time import k_max_over_time
from deepdojo.layers.shapes import ShapeError
from deepdojo.layers.softmax_over_kept import softmax_over_kept

BOTH = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["f64", "f32"])
KEEP = lengths_mask([11, 3, 0], 11)
KINDS = {
    "additive": lambda: AdditiveAttention(5, 7, 13),
    "general": lambda: LuongAttention(5, 7),
    "dot": lambda: LuongAttention(7, 7, "dot"),
}
EVERY = pytest.mark.parametrize("kind", KINDS)


class _Call(nn.Module):
    def __init__(self, module, call):
        super().__init__()
        self.module, self.call = module, call

    def forward(self, *inputs):
        return self.call(self.module, *inputs)


def inputs(kind, dtype=torch.float64, T=3, S=11):
    return [draw(3, T, 7 if kind == "dot" else 5, dtype=dtype), draw(3, S, 7, dtype=dtype)]


@BOTH
@pytest.mark.parametrize("masked", [True, False])
def test_additive_attention_equals_one_query_after_another(masked, dtype):
    torch.manual_seed(0)
    attention, keep = AdditiveAttention(5, 7, 13).to(dtype), KEEP if masked else None
    assert_equal(
        _Call(attention, lambda m, q, k: m(q, k, keep)),
        _Call(attention, lambda m, q, k: additive_attention_reference(m, q, k, keep)),
        inputs("additive", dtype),
    )


@BOTH
@pytest.mark.parametrize("kind", ["general", "dot"])
def test_luong_attention_equals_torchs_unscaled_one(kind, dtype):
    """torch's fused attention with scale 1 over q and W k."""
    torch.manual_seed(0)
    attention, keep = KINDS[kind]().to(dtype), lengths_mask([11, 3, 1], 11)

    def torchs(m, q, k):
        keys = k if kind == "dot" else k @ m.key.weight.T
        return nn.functional.scaled_dot_product_attention(q, keys, k, keep[:, None], scale=1.0)

    assert_equal(_Call(attention, lambda m, q, k: m(q, k, keep)[0]), _Call(attention, torchs), inputs(kind, dtype))


@EVERY
def test_a_query_that_may_see_nothing_gets_zeros_and_no_gradient(kind):
    attention = KINDS[kind]().double()
    q, k = (t.requires_grad_() for t in inputs(kind))
    context, weights = attention(q, k, KEEP)
    assert (context[2] == 0).all()
    assert (weights[2] == 0).all()
    torch.testing.assert_close(weights.sum(2), torch.tensor([[1.0], [1.0], [0.0]]).double().expand(3, 3))
    gradients = torch.autograd.grad(context.square().sum() + weights.square().sum(), [q, k])
    assert all(torch.isfinite(g).all() and (g[2] == 0).all() for g in gradients)
    assert (gradients[1][1, 3:] == 0).all()  # nor what is not kept


@EVERY
def test_keys_projected_once_batch_and_length_never_matter(kind):
    attention = KINDS[kind]().double()
    q, k = inputs(kind)
    context, weights = attention(q, k, KEEP)
    keys = attention.project_keys(k)
    for t in range(3):
        step, row = attention(q[:, t : t + 1], k, KEEP, keys)
        torch.testing.assert_close((step[:, 0], row[:, 0]), (context[:, t], weights[:, t]))
    torch.testing.assert_close(attention(q[1:2], k[1:2, :3])[0][0], context[1])
    transposed = k.transpose(0, 1).contiguous().transpose(0, 1)
    torch.testing.assert_close(attention(q, transposed, KEEP)[0], context)
    assert attention(q[:, :0], k)[0].shape == (3, 0, 7)
    assert (attention(q, k[:, :0])[0] == 0).all()


@EVERY
def test_extreme_inputs_stay_finite(kind):
    attention = KINDS[kind]()
    q, k = ((1e4 * t).requires_grad_() for t in inputs(kind, torch.float32))
    context, _ = attention(q, k, KEEP)
    context.sum().backward()
    assert all(torch.isfinite(t).all() for t in (context, q.grad, k.grad))


@EVERY
def test_a_learners_softmax_is_what_runs(kind):
    with replaced({"softmax": lambda x, dim=-1: torch.softmax(x, dim) * 0.5}) as counts:
        theirs = KINDS[kind]().double()
    assert counts == {"softmax": 1}
    q, k = inputs(kind)
    assert theirs(q, k)[1].sum(2).allclose(torch.tensor(0.5).double())


def test_softmax_over_kept_equals_a_softmax_of_the_kept():
    scores = draw(3, 11)
    p = softmax_over_kept(scores, KEEP)
    torch.testing.assert_close(p[1, :3], scores[1, :3].softmax(0))
    assert (p[~KEEP] == 0).all()
    assert torch.equal(softmax_over_kept(scores), scores.softmax(-1))


@BOTH
def test_attention_pooling_is_a_weighted_mean_of_the_real_steps(dtype):
    torch.manual_seed(0)
    pool = AttentionPooling(7, 5).to(dtype)

    def rows(m, x):
        results = []
        for row, real in zip(x, KEEP, strict=True):
            u = torch.tanh(row[real] @ m.project.weight.T + m.project.bias) @ m.question.weight[0]
            results.append((u.exp() / u.exp().sum()) @ row[real] if real.any() else 0 * row.sum(0))
        return torch.stack(results)

    assert_equal(_Call(pool, lambda m, x: m(x, KEEP)), _Call(pool, rows), [draw(3, 11, 7, dtype=dtype)])
    x = draw(3, 11, 7, dtype=dtype)
    torch.testing.assert_close(pool(x), pool(x, torch.ones_like(KEEP)))
    torch.testing.assert_close(pool(x.masked_fill(~KEEP[..., None], torch.nan), KEEP), pool(x, KEEP))
    assert (pool(x[:, :0]) == 0).all()
    torch.testing.assert_close(pool.weights(x, KEEP).sum(1), KEEP.any(1).to(dtype))


@pytest.mark.parametrize("k", [1, 3, 13])
@pytest.mark.parametrize("kind", ["ends", "gaps", "none"])
def test_k_max_keeps_the_largest_in_their_order(k, kind):
    gaps = torch.rand(3, 11, generator=torch.Generator().manual_seed(0)) < 0.5
    keep = {"ends": KEEP, "gaps": gaps, "none": None}[kind]

    def rows(x):
        mask = torch.ones_like(KEEP) if keep is None else keep
        out = x.new_zeros(3, k, 7)
        for b in range(3):
            for d in range(7):
                column = x[b, mask[b], d]
                places = sorted(sorted(range(len(column)), key=lambda i: -column[i])[:k])
                for slot, place in enumerate(places):
                    out[b, slot, d] = column[place]
        return out

    assert_equal(lambda x: k_max_over_time(x, k, keep), rows, [draw(3, 11, 7)])


def test_k_max_of_nothing_is_zero():
    assert (k_max_over_time(torch.zeros(3, 0, 7), 2) == torch.zeros(3, 2, 7)).all()
    assert k_max_over_time(torch.zeros(0, 5, 7), 2).shape == (0, 2, 7)


@pytest.mark.usefixtures("production")
def test_wrong_input_is_said():
    q, k = inputs("additive", torch.float32)
    for kind in ("additive", "general"):
        attention = KINDS[kind]()
        with pytest.raises(ShapeError, match="expects 5 entries along axis -1"):
            attention(k, k)
        with pytest.raises(ShapeError, match="expects 7 entries along axis -1"):
            attention(q, q)
        with pytest.raises(ShapeError, match=r"keep must be bool \(3, 11\), got torch.bool \(3, 10\)"):
            attention(q, k, KEEP[:, 1:])
        with pytest.raises(ShapeError, match="of different batches"):
            attention(q[:1], k)
    with pytest.raises(RecipeError, match="dot needs queries and keys of one width, got 5 and 7"):
        LuongAttention(5, 7, "dot")
    with pytest.raises(RecipeError, match="k must be 1 or more, got 0"):
        k_max_over_time(k, 0)
    with pytest.raises(ShapeError, match=r"keep must be bool \(3, 11\)"):
        AttentionPooling(7)(k, KEEP.long())


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("kind", ["additive", "general"])
def test_keys_of_another_memory_are_refused_and_never_stretched(kind):
    attention = KINDS[kind]()
    q, k = inputs(kind, torch.float32)
    keys = attention.project_keys(k)
    for wrong in (keys[:1], keys[:, :1], keys[..., :1]):
        with pytest.raises(ShapeError, match=r"keys must be \(3, 11, \d+\), as project_keys makes them, got"):
            attention(q, k, KEEP, wrong)
    with pytest.raises(ShapeError, match="expects 7 entries along axis -1"):
        attention(q, k[..., :1], KEEP, keys)
    with pytest.raises(ShapeError, match="a tensor of 3 axes"):
        attention(q[0], k, KEEP, keys)
