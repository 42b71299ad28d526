"""Leaving out the examples with the highest loss."""

from __future__ import annotations

import pytest
import torch

from deepdojo.training.small_loss import without_highest


def test_the_highest_share_has_neither_loss_nor_weight_nor_gradient() -> None:
    scores = torch.tensor([1.0, 5.0, 2.0, 4.0, 3.0], requires_grad=True)
    losses, weights = without_highest(scores * 2, torch.ones(5), 0.4)
    assert losses.tolist() == [2.0, 0.0, 4.0, 0.0, 6.0]
    assert weights.tolist() == [1.0, 0.0, 1.0, 0.0, 1.0]
    losses.sum().backward()
    assert scores.grad is not None
    assert scores.grad.tolist() == [2.0, 0.0, 2.0, 0.0, 2.0]


def test_a_sum_over_many_tokens_is_judged_by_its_mean() -> None:
    losses, _ = without_highest(torch.tensor([30.0, 5.0]), torch.tensor([30.0, 1.0]), 0.5)
    assert losses.tolist() == [30.0, 0.0]


@pytest.mark.parametrize(("n", "share", "left"), [(1, 0.9, 1), (3, 0.99, 1), (4, 0.2, 4), (5, 0.2, 4), (10, 0.0, 10)])
def test_one_example_always_stays(n: int, share: float, left: int) -> None:
    _, weights = without_highest(torch.arange(float(n)), torch.ones(n), share)
    assert int(weights.sum()) == left


def test_an_example_whose_loss_is_no_number_is_not_hidden() -> None:
    losses, _ = without_highest(torch.tensor([1.0, float("nan"), 2.0]), torch.ones(3), 0.4)
    assert losses.isnan().any()
