"""Cross-entropy and distillation against torch's own and against their references."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from layer_oracles import assert_equal, draw
from torch.nn import functional as F

from deepdojo.errors import RecipeError
from deepdojo.layers.loss_cross_entropy import cross_entropy, cross_entropy_reference
from deepdojo.layers.loss_distillation import distillation_loss, distillation_loss_reference
from deepdojo.layers.shapes import ShapeError

BOTH = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["f64", "f32"])


def classes(*shape, below, seed=0):
    return torch.randint(0, below, shape, generator=torch.Generator().manual_seed(seed))


def gradient(loss, x):
    leaf = x.clone().requires_grad_()
    value = loss(leaf)
    return value.item(), torch.autograd.grad(value, leaf)[0]


@BOTH
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_cross_entropy_equals_torchs(reduction, weighted, smoothing, dtype):
    targets = classes(5, 3, below=7)
    targets[0, 1], targets[4] = -100, -100
    weight = torch.rand(7, dtype=dtype) + 0.5 if weighted else None
    ours = partial(cross_entropy, targets=targets, label_smoothing=smoothing, weight=weight, reduction=reduction)

    def theirs(logits):
        return F.cross_entropy(logits.movedim(-1, 1), targets, weight, label_smoothing=smoothing, reduction=reduction)

    assert_equal(ours, theirs, [draw(5, 3, 7, dtype=dtype)])
    assert_equal(ours, theirs, [draw(7, 3, 5, dtype=dtype).permute(2, 1, 0)])
    if reduction == "mean":
        plain = partial(cross_entropy_reference, targets=targets, label_smoothing=smoothing, weight=weight)
        assert_equal(ours, plain, [draw(5, 3, 7, dtype=dtype)])


@BOTH
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_with_probabilities_equals_torchs(smoothing, dtype):
    q = torch.softmax(draw(5, 7, dtype=dtype, seed=1), -1)
    assert_equal(
        partial(cross_entropy, label_smoothing=smoothing),
        partial(F.cross_entropy, label_smoothing=smoothing),
        [draw(5, 7, dtype=dtype), q],
    )
    logits = draw(5, 3, 7, dtype=dtype)
    q = torch.softmax(draw(5, 3, 7, dtype=dtype, seed=1), -1)
    assert_equal(
        partial(cross_entropy, reduction="none"),
        lambda x, t: F.cross_entropy(x.movedim(-1, 1), t.movedim(-1, 1), reduction="none"),
        [logits, q],
    )


@pytest.mark.parametrize("soft", [False, True])
def test_each_loss_by_itself_is_torchs_bit_for_bit(soft):
    """The tasks train with it: a run is reproduced to the last bit."""
    logits, targets = torch.randn(50, 7), classes(50, below=7)
    targets[3] = -1
    targets = torch.softmax(torch.randn(50, 7), -1) if soft else targets
    options = {} if soft else {"ignore_index": -1}
    results = []
    for call in (
        lambda x: cross_entropy(x, targets, ignored=-1, reduction="none"),
        lambda x: F.cross_entropy(x, targets, reduction="none", **options),
    ):
        leaf = logits.clone().requires_grad_()
        losses = call(leaf)
        results.append((losses, torch.autograd.grad(losses.sum(), leaf)[0]))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_cross_entropy_of_one_row_without_a_batch():
    logits = draw(7)
    torch.testing.assert_close(cross_entropy(logits, torch.tensor(3)), F.cross_entropy(logits, torch.tensor(3)))


@pytest.mark.parametrize("weight", [None, torch.ones(7), torch.tensor([0.0, 1, 1, 1, 1, 1, 1])])
def test_cross_entropy_of_nothing_is_zero_with_a_zero_gradient(weight):
    for targets in (torch.full((3, 2), -100), torch.zeros(0, 2, dtype=torch.long)):
        value, grad = gradient(partial(cross_entropy, targets=targets, weight=weight), torch.randn(len(targets), 2, 7))
        assert value == 0
        assert (grad == 0).all()
    if weight is not None and weight[0] == 0:  # classes that count nothing
        value, grad = gradient(
            partial(cross_entropy, targets=torch.zeros(3, dtype=torch.long), weight=weight), torch.randn(3, 7)
        )
        assert value == 0
        assert (grad == 0).all()


def test_cross_entropy_takes_another_sign_for_what_is_ignored():
    logits, targets = draw(5, 7), torch.tensor([0, 2, 6, 0, 3])
    kept = targets != 0
    torch.testing.assert_close(cross_entropy(logits, targets, ignored=0), F.cross_entropy(logits[kept], targets[kept]))
    targets = targets.masked_fill(~kept, -1)
    torch.testing.assert_close(cross_entropy(logits, targets, ignored=-1), F.cross_entropy(logits[kept], targets[kept]))


def test_cross_entropy_of_extreme_logits_is_finite():
    value, grad = gradient(
        partial(cross_entropy, targets=torch.tensor([0, 1])), torch.tensor([[1e4, -1e4], [1e4, -1e4]])
    )
    assert value == 1e4
    torch.testing.assert_close(grad, torch.tensor([[0.0, 0.0], [0.5, -0.5]]))


def test_cross_entropy_of_equal_scores_is_ln_of_the_classes():
    assert cross_entropy(torch.zeros(5, 7), classes(5, below=7)).item() == pytest.approx(math.log(7))


@pytest.mark.usefixtures("production")
def test_cross_entropy_says_which_targets_it_wants():
    with pytest.raises(
        ShapeError, match=r"of logits \(5, 7\) takes classes \(5,\) or probabilities \(5, 7\), got \(4,\)"
    ):
        cross_entropy(torch.zeros(5, 7), torch.zeros(4, dtype=torch.long))
    with pytest.raises(ShapeError, match=r"got \(5, 6\)"):
        cross_entropy(torch.zeros(5, 7), torch.zeros(5, 6))


@BOTH
@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_distillation_equals_torchs_divergence_and_cross_entropy(alpha, temperature, dtype):
    student, teacher, targets = draw(11, 7, dtype=dtype), draw(11, 7, dtype=dtype, seed=1), classes(11, below=7)

    def theirs(student):
        logs = [F.log_softmax(x / temperature, -1) for x in (student, teacher)]
        soft = F.kl_div(*logs, reduction="batchmean", log_target=True)
        return alpha * temperature**2 * soft + (1 - alpha) * F.cross_entropy(student, targets)

    def ours(student):
        return distillation_loss(student, teacher, targets, temperature, alpha)

    assert_equal(ours, theirs, [student])
    assert_equal(ours, lambda s: distillation_loss_reference(s, teacher, targets, temperature, alpha), [student])


def test_distillation_leaves_out_what_is_ignored():
    student, teacher, targets = draw(5, 3, 7), draw(5, 3, 7, seed=1), classes(5, 3, below=7)
    targets[1:, 2] = -100
    kept = targets != -100
    torch.testing.assert_close(
        distillation_loss(student, teacher, targets), distillation_loss(student[kept], teacher[kept], targets[kept])
    )
    value, grad = gradient(lambda s: distillation_loss(s, teacher, torch.full((5, 3), -100)), student)
    assert value == 0
    assert (grad == 0).all()


def test_the_teacher_gets_no_gradient_and_a_perfect_student_no_loss():
    teacher = draw(5, 7).requires_grad_()
    student = teacher.detach().clone().requires_grad_()
    loss = distillation_loss(student, teacher, None, 3.0, 1.0)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert teacher.grad is None
    assert student.grad.abs().max() < 1e-12


def test_classes_that_the_teacher_rules_out_add_nothing():
    student, teacher = draw(5, 7), draw(5, 7, seed=1)
    teacher[:, 3] = -torch.inf
    value, grad = gradient(lambda s: distillation_loss(s, teacher, None, 2.0, 1.0), student)
    assert math.isfinite(value)
    assert torch.isfinite(grad).all()
    both = student.clone()
    both[:, 3] = -torch.inf
    value, grad = gradient(lambda s: distillation_loss(s, teacher, None, 2.0, 1.0), both)
    assert math.isfinite(value)
    assert torch.isfinite(grad).all()


@pytest.mark.usefixtures("production")
def test_distillation_refuses_what_it_cannot_mean():
    x = torch.zeros(5, 7)
    with pytest.raises(ShapeError, match=r"student \(5, 7\) and teacher \(5, 6\) must have one shape"):
        distillation_loss(x, x[:, 1:])
    with pytest.raises(RecipeError, match=r"temperature is above 0 and alpha a share from 0 to 1, got 0.0 and 0.5"):
        distillation_loss(x, x, temperature=0.0)
    with pytest.raises(RecipeError, match="without targets there is only the teacher; take alpha = 1"):
        distillation_loss(x, x)


@pytest.mark.usefixtures("production")
def test_classes_that_are_not_there_are_one_sentence():
    logits = torch.zeros(3, 5)
    for wrong in (5, -1):
        with pytest.raises(ShapeError, match=rf"of 5 classes takes targets from 0 to 4, got {wrong}"):
            cross_entropy(logits, torch.tensor([-100, wrong, 0]))
    with pytest.raises(ShapeError, match=r"takes targets from 0 to 4, got -100"):
        cross_entropy(logits, torch.tensor([-100, 2, 0]), ignored=2, label_smoothing=0.1)
    with pytest.raises(ShapeError, match=r"weight must be \(5,\), one for each class, got \(4,\)"):
        cross_entropy(logits, torch.tensor([1, 2, 0]), weight=torch.ones(4))
    for share in (-0.1, 1.5):
        with pytest.raises(RecipeError, match=f"label_smoothing is a share from 0 to 1, got {share}"):
            cross_entropy(logits, torch.tensor([1, 2, 0]), label_smoothing=share)
