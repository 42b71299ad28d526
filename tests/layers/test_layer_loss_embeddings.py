"""Losses of embeddings: against torch's own, or a plain form where torch has none, and their references."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from layer_oracles import assert_equal, draw
from torch import nn
from torch.nn import functional as F

from deepdojo.errors import RecipeError
from deepdojo.layers import replaced
from deepdojo.layers.loss_arcface import ArcFace, arcface_logits, arcface_logits_reference
from deepdojo.layers.loss_prototypical import prototypes, prototypical_loss, prototypical_loss_reference
from deepdojo.layers.loss_triplet import (
    batch_hard_triplet_loss,
    batch_hard_triplet_loss_reference,
    triplet_loss,
    triplet_loss_reference,
)
from deepdojo.layers.shapes import ShapeError

BOTH = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["f64", "f32"])


def classes(*shape, below, seed=0):
    return torch.randint(0, below, shape, generator=torch.Generator().manual_seed(seed))


def gradient(loss, x):
    leaf = x.clone().requires_grad_()
    value = loss(leaf)
    return value.item(), torch.autograd.grad(value, leaf)[0]


# --- triplets ---------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("margin", [0.2, 3.0])
def test_triplet_loss_equals_torchs(margin, dtype):
    triplets = [draw(11, 5, dtype=dtype, seed=i) for i in range(3)]
    assert_equal(
        partial(triplet_loss, margin=margin, squared=False),
        partial(F.triplet_margin_loss, margin=margin, eps=0.0),
        triplets,
    )
    assert_equal(
        partial(triplet_loss, margin=margin),
        partial(
            F.triplet_margin_with_distance_loss,
            margin=margin,
            distance_function=lambda a, b: F.pairwise_distance(a, b, eps=0.0).square(),
        ),
        triplets,
    )
    for squared in (True, False):
        assert_equal(
            partial(triplet_loss, margin=margin, squared=squared),
            partial(triplet_loss_reference, margin=margin, squared=squared),
            triplets,
        )


def test_triplet_loss_of_equal_points_has_a_finite_gradient():
    x = torch.ones(3, 5)
    for squared in (True, False):
        value, grad = gradient(lambda a, s=squared: triplet_loss(a, x, x, margin=0.5, squared=s), x)
        assert value == 0.5
        assert (grad == 0).all()
    assert triplet_loss(x[:0], x[:0], x[:0]).item() == 0


@BOTH
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("margin", [0.2, 5.0, None])
def test_batch_hard_loss_equals_the_plain_form_and_torchs_on_the_mined_triplets(margin, squared, dtype):
    x, labels = draw(13, 5, dtype=dtype), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 3, 1, 2])  # 3 stands alone
    ours = partial(batch_hard_triplet_loss, labels=labels, margin=margin, squared=squared)
    assert_equal(ours, partial(batch_hard_triplet_loss_reference, labels=labels, margin=margin, squared=squared), [x])
    if margin is None or squared:
        return

    def mined(x):
        d = torch.cdist(x, x).detach()
        triplets = []
        for i in range(13):
            own = [j for j in range(13) if j != i and labels[j] == labels[i]]
            others = [j for j in range(13) if labels[j] != labels[i]]
            if own:
                triplets.append((i, max(own, key=lambda j: d[i, j]), min(others, key=lambda j: d[i, j])))
        a, p, n = torch.tensor(triplets).T
        return F.triplet_margin_loss(x[a], x[p], x[n], margin=margin, eps=0.0)

    assert_equal(ours, mined, [x])


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2], []])
def test_batch_hard_loss_without_an_anchor_is_zero_with_a_zero_gradient(labels):
    labels = torch.tensor(labels, dtype=torch.long)
    value, grad = gradient(partial(batch_hard_triplet_loss, labels=labels), torch.randn(len(labels), 5))
    assert value == 0
    assert (grad == 0).all()


def test_batch_hard_loss_of_equal_points_has_a_finite_gradient():
    value, grad = gradient(partial(batch_hard_triplet_loss, labels=torch.tensor([0, 0, 1, 1])), torch.ones(4, 5))
    assert value == pytest.approx(0.2)
    assert torch.isfinite(grad).all()


@pytest.mark.usefixtures("production")
def test_triplets_of_different_shapes_are_refused():
    with pytest.raises(ShapeError, match=r"one shape \(B, D\), got \(3, 5\), \(3, 5\), \(2, 5\)"):
        triplet_loss(torch.zeros(3, 5), torch.zeros(3, 5), torch.zeros(2, 5))
    with pytest.raises(ShapeError, match=r"labels \(B\), got \(3, 5\) and \(2,\)"):
        batch_hard_triplet_loss(torch.zeros(3, 5), torch.zeros(2, dtype=torch.long))


# --- ArcFace ----------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("margin", [0.0, 0.5, 1.3])
def test_arcface_logits_equal_the_cosine_of_the_turned_angle(margin, dtype):
    cosines = torch.tanh(draw(11, 7, dtype=dtype))
    labels = classes(11, below=7)
    ours = partial(arcface_logits, labels=labels, margin=margin, scale=3.0)
    theirs = partial(arcface_logits_reference, labels=labels, margin=margin, scale=3.0)
    assert_equal(ours, theirs, [cosines])


@BOTH
def test_arcface_equals_a_plain_form(dtype):
    """Angles by arccos (in float64, for it is steep near ±1), cross-entropy by torch, row by row."""
    torch.manual_seed(0)
    layer = ArcFace(5, 7, margin=0.4, scale=16.0).to(dtype)
    x, labels = draw(11, 5, dtype=dtype), classes(11, below=7)

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(layer.weight.detach().clone())

        def forward(self, x):
            losses = []
            for row, label in zip(x.double(), labels.tolist(), strict=True):
                w = self.weight.double()
                angle = torch.acos(w @ row / w.norm(dim=1) / row.norm())
                turned = torch.cos(angle + 0.4 * F.one_hot(torch.tensor(label), 7).double())
                assert angle[label] + 0.4 < math.pi
                losses.append(F.cross_entropy(16.0 * turned[None], torch.tensor([label])))
            return torch.stack(losses).mean().to(dtype)

    class Ours(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            return self.layer(x, labels)

    assert_equal(Ours(), Plain(), [x])


@BOTH
def test_arcface_is_finite_at_the_poles_and_the_origin(dtype):
    layer = ArcFace(3, 2, margin=0.5).to(dtype)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.3, 0.1, -0.2], [0.0, 1.0, 0.0]]))
    w = layer.weight.detach()[0]
    x = torch.stack([w, -w, 1e4 * w, 1e-4 * w, torch.zeros(3, dtype=dtype)]).requires_grad_()
    loss = layer(x, torch.zeros(5, dtype=torch.long))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(x.grad).all()
    assert torch.isfinite(layer.weight.grad).all()


def test_arcface_falls_with_the_cosine_over_the_whole_circle():
    """With a margin the logit of the right class still rises from pole to pole."""
    cosines = torch.linspace(-1, 1, 2001, dtype=torch.float64)[:, None]
    logits = arcface_logits(cosines, torch.zeros(2001, dtype=torch.long), 0.5, 1.0)[:, 0]
    assert (logits.diff() > 0).all()
    assert logits[-1].item() == pytest.approx(math.cos(0.5))


def test_arcface_without_margin_is_softmax_of_scaled_cosines():
    layer = ArcFace(5, 7, margin=0.0, scale=10.0).double()
    x, labels = draw(11, 5), classes(11, below=7)
    cosines = F.cosine_similarity(x[:, None], layer.weight[None], dim=-1)
    torch.testing.assert_close(layer(x, labels), F.cross_entropy(10 * cosines, labels))


def test_arcface_learns_a_batch():
    torch.manual_seed(0)
    layer, x, labels = ArcFace(5, 3, scale=16.0), torch.randn(12, 5, requires_grad=True), torch.arange(12) % 3
    optimizer = torch.optim.Adam([x, *layer.parameters()], lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        layer(x, labels).backward()
        optimizer.step()
    right = layer.cosines(x).gather(1, labels[:, None])
    others = layer.cosines(x).scatter(1, labels[:, None], -1.0).amax(1, keepdim=True)
    assert (right.acos() + 0.5 < others.acos()).all()  # by more than the margin


@pytest.mark.usefixtures("production")
def test_arcface_refuses_what_is_no_angle():
    with pytest.raises(RecipeError, match=r"from 0 to below pi and the scale above 0, got 4.0 and 64.0"):
        ArcFace(5, 7, margin=4.0)
    with pytest.raises(RecipeError, match="sizes must be 1 or more, got 0, 7"):
        ArcFace(0, 7)
    with pytest.raises(ShapeError, match="ArcFace expects 5 entries"):
        ArcFace(5, 7)(torch.zeros(3, 4), torch.zeros(3, dtype=torch.long))
    with pytest.raises(ShapeError, match=r"labels must be \(3,\), got \(2,\)"):
        ArcFace(5, 7)(torch.zeros(3, 5), torch.zeros(2, dtype=torch.long))


# --- prototypes -------------------------------------------------------------------------------------------------------


@BOTH
def test_prototypical_loss_equals_plain_forms(dtype):
    support, query = draw(11, 5, dtype=dtype), draw(7, 5, dtype=dtype, seed=1)
    known, asked = torch.arange(11) % 3, classes(7, below=3)

    def theirs(s, q):
        centres = torch.stack([s[known == c].mean(0) for c in range(3)])
        return F.cross_entropy(-(q[:, None] - centres[None]).square().sum(-1), asked)

    def ours(s, q):
        return prototypical_loss(s, known, q, asked, 3)

    assert_equal(ours, theirs, [support, query])
    assert_equal(ours, lambda s, q: prototypical_loss_reference(s, known, q, asked, 3), [support, query])


def test_prototypical_loss_of_one_example_a_class_and_of_no_query():
    support, known = draw(3, 5), torch.arange(3)
    value, grad = gradient(lambda q: prototypical_loss(support, known, q, known, 3), support)
    assert value < math.log(3)  # each query lies on its prototype
    assert torch.isfinite(grad).all()
    assert prototypical_loss(support, known, support[:0], known[:0], 3).item() == 0


@pytest.mark.usefixtures("production")
def test_a_class_without_an_example_is_said():
    with pytest.raises(ShapeError, match=r"each of 3 classes needs a known example, got \[2, 0, 1\] of them"):
        prototypes(torch.zeros(3, 5), torch.tensor([0, 2, 0]), 3)
    with pytest.raises(ShapeError, match=r"each of 2 classes"):
        prototypes(torch.zeros(3, 5), torch.tensor([0, 2, 0]), 2)
    with pytest.raises(ShapeError, match=r"labels \(N\), got \(3, 5\) and \(2,\)"):
        prototypes(torch.zeros(3, 5), torch.tensor([0, 1]), 2)


# --- the hook ---------------------------------------------------------------------------------------------------------


def test_a_learners_cross_entropy_and_margin_stand_in():
    def mine(logits, targets, label_smoothing=0.0, ignored=-100, weight=None, reduction="mean"):
        return logits.sum() * 0 + 7

    def turned(cosines, labels, margin=0.5, scale=64.0):
        return cosines

    with replaced({"cross_entropy": mine, "arcface_logits": turned}) as counts:
        layer = ArcFace(5, 7)
    assert counts == {"cross_entropy": 1, "arcface_logits": 1}
    assert layer(torch.randn(3, 5), torch.tensor([0, 1, 2])).item() == 7


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("wrong", [-1, 3])
def test_arcface_says_which_label_is_no_class(wrong):
    with pytest.raises(ShapeError, match=f"labels run from 0 to 2, got {wrong}"):
        ArcFace(5, 3)(torch.ones(2, 5), torch.tensor([wrong, 1]))
    assert ArcFace(5, 3)(torch.ones(0, 5), torch.zeros(0, dtype=torch.int64)) == 0
