"""CTC: torch's kernel against a plain recursion and against all alignments written out."""

from __future__ import annotations

import itertools

import pytest
import torch
from layer_oracles import assert_equal, draw, lengths_mask
from torch.nn import functional as F

from deepdojo.layers.loss_ctc import ctc_greedy, ctc_loss, ctc_loss_reference
from deepdojo.layers.shapes import ShapeError

BOTH = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["f64", "f32"])
# An equal pair, no label, one label, five labels in seven frames, and padding that is no label at all.
TARGETS = torch.tensor([[2, 2, 4, -1, -1], [-9, -1, -1, -1, -1], [3, 99, 0, 0, 0], [1, 2, 1, 2, 1]])
LABELS = [3, 0, 1, 5]
FRAMES = [7, 2, 1, 7]


def shifted(blank):
    """The same targets in a vocabulary whose blank is `blank`."""
    return TARGETS - (blank >= TARGETS).long() if blank else TARGETS


@BOTH
@pytest.mark.parametrize("blank", [0, 4])
def test_ctc_equals_the_plain_recursion(blank, dtype):
    keep, target_keep = lengths_mask(FRAMES, 7), lengths_mask(LABELS, 5)
    scores, targets = 3 * draw(4, 7, 5, dtype=dtype), shifted(blank)
    assert_equal(
        lambda s: ctc_loss(s, targets, keep, target_keep, blank),
        lambda s: ctc_loss_reference(s, targets, keep, target_keep, blank),
        [scores],
    )


def test_ctc_equals_torchs_loss_over_a_softmax():
    keep, target_keep = lengths_mask(FRAMES, 7), lengths_mask(LABELS, 5)

    def torchs(s):
        targets = TARGETS.clamp(1, 4)
        lengths = torch.tensor(FRAMES), torch.tensor(LABELS)
        return F.ctc_loss(s.log_softmax(-1).transpose(0, 1), targets, *lengths, reduction="none")

    assert_equal(lambda s: ctc_loss_reference(s, TARGETS, keep, target_keep), torchs, [draw(4, 7, 5)])


@pytest.mark.parametrize("target", [[], [1], [1, 1], [1, 2], [2, 1, 2]])
def test_ctc_is_the_sum_over_all_alignments(target):
    scores, total = draw(1, 4, 3), 0.0
    p = scores[0].softmax(-1)
    for path in itertools.product(range(3), repeat=4):
        if [label for label, _ in itertools.groupby(path) if label != 0] == target:
            total += torch.stack([p[t, label] for t, label in enumerate(path)]).prod()
    targets = torch.tensor([target], dtype=torch.long)
    for loss in (ctc_loss, ctc_loss_reference):
        torch.testing.assert_close(loss(scores, targets), -torch.log(torch.as_tensor(total))[None])


@pytest.mark.parametrize("loss", [ctc_loss, ctc_loss_reference])
def test_a_target_too_long_for_its_frames_costs_infinity_or_nothing(loss):
    scores, targets = draw(2, 2, 3).requires_grad_(), torch.tensor([[1, 1], [1, 2]])  # the pair needs three frames
    assert loss(scores, targets).tolist()[0] == torch.inf
    losses = loss(scores, targets, zero_infinity=True)
    assert losses[0] == 0
    assert losses[1] > 0
    (gradient,) = torch.autograd.grad(losses.sum(), scores)
    assert (gradient[0] == 0).all()
    assert (gradient[1] != 0).any()


@pytest.mark.parametrize("loss", [ctc_loss, ctc_loss_reference])
def test_no_frames_cost_nothing_for_no_label_and_infinity_for_one(loss):
    targets, target_keep = torch.tensor([[1], [1]]), torch.tensor([[True], [False]])
    assert loss(torch.zeros(2, 0, 3), targets, None, target_keep).tolist() == [torch.inf, 0]
    assert loss(torch.zeros(2, 3, 3), targets, lengths_mask([0, 0], 3), target_keep).tolist() == [torch.inf, 0]
    assert loss(torch.zeros(2, 0, 3), targets, None, target_keep, zero_infinity=True).tolist() == [0, 0]
    assert loss(torch.zeros(0, 2, 3), torch.zeros(0, 1, dtype=torch.long)).shape == (0,)


def test_padding_never_matters_and_extreme_scores_stay_finite():
    keep, target_keep = lengths_mask(FRAMES, 7), lengths_mask(LABELS, 5)
    scores = 1e4 * draw(4, 7, 5, dtype=torch.float32)
    results = []
    for values in (scores, scores.masked_fill(~keep[..., None], torch.nan)):
        values = values.requires_grad_()
        losses = ctc_loss(values, TARGETS, keep, target_keep)
        assert torch.isfinite(losses).all()
        results.append((losses, torch.autograd.grad(losses.sum(), values)[0].masked_fill(~keep[..., None], 0)))
    torch.testing.assert_close(*results)


def test_greedy_merges_neighbours_and_then_drops_blanks():
    best = torch.tensor([[1, 1, 0, 1, 2, 2], [0, 0, 3, 3, 3, 1], [2, 2, 2, 2, 2, 2]])
    keep = lengths_mask([6, 5, 0], 6)
    assert ctc_greedy(F.one_hot(best, 4).float(), keep) == [[1, 1, 2], [3], []]
    assert ctc_greedy(F.one_hot(best, 4).float(), blank=2) == [[1, 0, 1], [0, 3, 1], []]


@pytest.mark.usefixtures("production")
def test_wrong_input_is_said():
    scores, targets = torch.zeros(2, 3, 4), torch.tensor([[1, 2], [3, 1]])
    with pytest.raises(ShapeError, match=r"takes scores \(B, S, V\) and targets \(B, L\), got \(2, 3\)"):
        ctc_loss(scores[..., 0], targets)
    with pytest.raises(ShapeError, match=r"targets run from 0 to 3 without the blank 0, got 0"):
        ctc_loss(scores, targets - 1)
    with pytest.raises(ShapeError, match=r"keep must be bool \(2, 3\), got torch.bool \(2, 2\)"):
        ctc_loss(scores, targets, torch.ones(2, 2, dtype=torch.bool))
    with pytest.raises(ShapeError, match="target_keep has gaps"):
        ctc_loss(scores, targets, None, torch.tensor([[False, True], [True, True]]))
    with pytest.raises(ShapeError, match="the blank must be one of the 4 entries"):
        ctc_loss(scores, targets, blank=4)
