"""Losses of detectors against Transformers' (its DETR family) and against loops over boxes and places."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from layer_oracles import assert_equal, draw

from deepdojo.layers.loss_box_iou import (
    box_area,
    box_giou,
    box_iou,
    box_iou_reference,
    giou_loss,
    paired_giou,
    paired_iou,
)
from deepdojo.layers.loss_focal import (
    heat_map_focal_loss,
    heat_map_focal_loss_reference,
    sigmoid_focal_loss,
    sigmoid_focal_loss_reference,
)
from deepdojo.layers.shapes import ShapeError

theirs = pytest.importorskip("transformers.loss.loss_for_object_detection")
BOTH = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["f64", "f32"])


def boxes(n, dtype=torch.float64, seed=0):
    """Boxes in a field of about 10 by 10: many overlap, many do not."""
    g = torch.Generator().manual_seed(seed)
    corner, side = 10 * torch.rand(n, 2, generator=g, dtype=dtype), 0.1 + 5 * torch.rand(n, 2, generator=g, dtype=dtype)
    return torch.cat([corner, corner + side], 1)


@BOTH
def test_iou_and_giou_equal_transformers_and_a_loop(dtype):
    a, b = boxes(13, dtype), boxes(7, dtype, seed=1)
    assert_equal(box_iou, lambda a, b: theirs.box_iou(a, b)[0], [a, b])
    assert_equal(box_iou, box_iou_reference, [a, b])
    assert_equal(box_giou, theirs.generalized_box_iou, [a, b])
    assert 0.2 < (box_iou(a, b) > 0).double().mean() < 0.8  # both kinds are in the sample


def test_pairs_are_the_diagonal_of_all_pairs():
    a, b = boxes(13), boxes(13, seed=1)
    assert_equal(paired_iou, lambda a, b: box_iou(a, b).diagonal(), [a, b])
    assert_equal(paired_giou, lambda a, b: box_giou(a, b).diagonal(), [a, b])
    assert_equal(giou_loss, lambda a, b: 1 - box_giou(a, b).diagonal(), [a, b])
    grid = boxes(12).view(3, 4, 4)
    torch.testing.assert_close(paired_iou(grid, grid), torch.ones(3, 4, dtype=torch.float64))


def test_values_that_can_be_counted():
    a = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    b = torch.tensor([[1.0, 1.0, 3.0, 3.0], [2.0, 0.0, 4.0, 2.0], [4.0, 0.0, 6.0, 2.0], [0.0, 0.0, 2.0, 2.0]])
    torch.testing.assert_close(box_iou(a, b), torch.tensor([[1 / 7, 0.0, 0.0, 1.0]]))
    torch.testing.assert_close(box_giou(a, b), torch.tensor([[1 / 7 - 2 / 9, 0.0, -4 / 12, 1.0]]))
    torch.testing.assert_close(box_area(b), torch.full((4,), 4.0))


DEGENERATE = [
    [3.0, 3.0, 3.0, 3.0],  # a point
    [1.0, 1.0, 5.0, 1.0],  # a line
    [5.0, 5.0, 1.0, 1.0],  # both sides below zero: their product would be an area
    [5.0, 1.0, 1.0, 5.0],  # one side below zero
    [0.0, 0.0, 4.0, 4.0],
    [0.0, 0.0, 1e-30, 1e-30],
    [-1e18, -1e18, 1e18, 1e18],
]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("measure", [box_iou, box_giou])
def test_degenerate_boxes_give_finite_values_and_gradients(measure, dtype):
    a = torch.tensor(DEGENERATE, dtype=dtype, requires_grad=True)
    b = torch.tensor(DEGENERATE, dtype=dtype, requires_grad=True)
    value = measure(a, b)
    value.backward(draw(*value.shape, dtype=dtype))
    assert torch.isfinite(value).all()
    assert torch.isfinite(a.grad).all()
    assert torch.isfinite(b.grad).all()
    assert (value[:4, :4] <= 0).all()  # nothing of no area agrees with anything
    assert value[0, 0] == 0  # 0 / 0 is 0
    assert value[4, 4] == 1


def test_no_boxes_give_no_pairs():
    none = torch.zeros(0, 4)
    assert box_iou(none, torch.zeros(3, 4)).shape == (0, 3)
    assert box_iou(torch.zeros(3, 4), none).shape == (3, 0)
    assert box_iou_reference(none, torch.zeros(3, 4)).shape == (0, 3)
    assert giou_loss(none, none).shape == (0,)


def test_giou_has_a_slope_where_boxes_are_apart_and_iou_has_none():
    a, b = torch.tensor([[0.0, 0, 1, 1]]).requires_grad_(), torch.tensor([[4.0, 0, 5, 1]])
    (flat,) = torch.autograd.grad(paired_iou(a, b).sum(), a)
    (slope,) = torch.autograd.grad(giou_loss(a, b).sum(), a)
    assert (flat == 0).all()
    assert slope[0, 2] < 0  # a step against the gradient moves the right edge towards b


@pytest.mark.usefixtures("production")
def test_other_shapes_are_one_sentence():
    with pytest.raises(ShapeError, match=r"box_iou expects boxes \(..., 4\) as x1, y1, x2, y2, got \(3, 5\)"):
        box_iou(torch.zeros(3, 5), torch.zeros(2, 4))
    with pytest.raises(
        ShapeError, match=r"sigmoid_focal_loss expects a target of the logits' shape \(3,\), got \(2,\)"
    ):
        sigmoid_focal_loss(torch.zeros(3), torch.zeros(2))
    with pytest.raises(ShapeError, match="heat_map_focal_loss expects a target"):
        heat_map_focal_loss(torch.zeros(1, 2, 3, 3), torch.zeros(1, 1, 3, 3))


@BOTH
@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (0.7, 0.0), (-1, 1.5)])
def test_sigmoid_focal_loss_equals_transformers(alpha, gamma, dtype):
    z = 3 * draw(5, 7, dtype=dtype)
    target = (torch.arange(35).view(5, 7) % 3 == 0).to(dtype)
    # Theirs averages over axis 1, sums, and divides by a number of boxes; a negative alpha is none.
    assert_equal(
        lambda z: sigmoid_focal_loss(z, target, None if alpha < 0 else alpha, gamma).mean(1).sum() / 3,
        lambda z: theirs.sigmoid_focal_loss(z, target, 3, alpha, gamma),
        [z],
    )


@BOTH
def test_focal_losses_equal_the_papers_formulas(dtype):
    z = draw(2, 3, 5, 7, dtype=dtype)  # the formulas as written lose digits in 1 - p where p is near 1
    soft = torch.rand(2, 3, 5, 7, dtype=dtype, generator=torch.Generator().manual_seed(1))
    assert_equal(sigmoid_focal_loss, sigmoid_focal_loss_reference, [z, soft])
    heat = torch.where(soft > 0.95, torch.ones_like(soft), soft)
    assert 1 < (heat == 1).sum() < 20
    assert_equal(lambda z: heat_map_focal_loss(z, heat), lambda z: heat_map_focal_loss_reference(z, heat), [z])
    assert_equal(
        lambda z: heat_map_focal_loss(z, heat, 1.5, 3.0),
        lambda z: heat_map_focal_loss_reference(z, heat, 1.5, 3.0),
        [z],
    )


def test_heat_map_focal_loss_place_by_place():
    """Independent of both forms above: one place at a time, in Python's own floats."""
    z, heat = 2 * draw(1, 2, 3, 5), torch.rand(1, 2, 3, 5, generator=torch.Generator().manual_seed(3)).double()
    heat[0, 1, 2, 3] = heat[0, 0, 0, 0] = 1.0
    total = 0.0
    for logit, y in zip(z.flatten().tolist(), heat.flatten().tolist(), strict=True):
        p = 1 / (1 + math.exp(-logit))
        total -= (1 - p) ** 2 * math.log(p) if y == 1 else (1 - y) ** 4 * p**2 * math.log(1 - p)
    assert heat_map_focal_loss(z, heat).item() == pytest.approx(total / 2, rel=1e-12)


def test_focal_loss_without_fading_is_cross_entropy():
    z, target = draw(5, 7), torch.rand(5, 7, dtype=torch.float64)
    assert_equal(
        lambda z, t: sigmoid_focal_loss(z, t, None, 0.0),
        lambda z, t: F.binary_cross_entropy_with_logits(z, t, reduction="none"),
        [z, target],
    )


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("target", [0.0, 1.0, 0.5])
def test_extreme_logits_give_finite_values_and_gradients(target, gamma):
    z = torch.tensor([-1e4, -200.0, 0.0, 200.0, 1e4], requires_grad=True)
    sigmoid_focal_loss(z, torch.full_like(z, target), gamma=gamma).sum().backward()
    assert torch.isfinite(z.grad).all()
    y = z.detach().view(1, 1, 1, 5).requires_grad_()
    loss = heat_map_focal_loss(y, torch.full_like(y, target), alpha=gamma)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(y.grad).all()


def test_an_image_without_objects_still_has_a_loss():
    z = draw(1, 2, 3, 5)
    p = torch.sigmoid(z)
    torch.testing.assert_close(heat_map_focal_loss(z, torch.zeros_like(z)), -(p**2 * (1 - p).log()).sum())
