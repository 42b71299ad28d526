"""Every example once the only one known of its class: value and gradient against the loss example by example."""

from __future__ import annotations

import pytest
import torch

from deepdojo.layers.loss_one_shot import one_shot_losses, one_shot_losses_reference
from deepdojo.layers.loss_prototypical import prototypical_loss
from deepdojo.layers.shapes import ShapeError


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 2, 2], [2, 0, 1, 0, 2, 1, 0], [0, 1, 1, 5, 1, 0, 0]])
def test_value_and_gradient_equal_the_reference(labels):
    torch.manual_seed(len(labels))
    x = torch.randn(len(labels), 7, dtype=torch.float64, requires_grad=True)
    again = x.detach().clone().requires_grad_(True)
    y = torch.tensor(labels)
    total, asked = one_shot_losses(x, y)
    wanted, counts = one_shot_losses_reference(again, y)
    torch.testing.assert_close(total, wanted)
    torch.testing.assert_close(asked, counts)
    cotangent = torch.randn(len(labels), dtype=torch.float64)
    (total * cotangent).sum().backward()
    (wanted * cotangent).sum().backward()
    torch.testing.assert_close(x.grad, again.grad)


def test_two_examples_of_each_class_are_two_episodes_of_prototypical_networks():
    torch.manual_seed(0)
    x, y = torch.randn(10, 3, dtype=torch.float64), torch.arange(5).repeat(2)
    total, asked = one_shot_losses(x, y)
    first = prototypical_loss(x[:5], y[:5], x[5:], y[5:], 5)
    second = prototypical_loss(x[5:], y[5:], x[:5], y[:5], 5)
    torch.testing.assert_close(total.sum() / asked.sum(), (first + second) / 2)


def test_an_example_alone_in_its_class_is_never_asked_for_and_still_is_an_answer():
    x = torch.tensor([[0.0], [0.0], [0.1]], dtype=torch.float64, requires_grad=True)
    total, asked = one_shot_losses(x, torch.tensor([0, 0, 1]))
    assert asked.tolist() == [1.0, 1.0, 0.0]
    assert total[2] == 0
    total.sum().backward()
    assert torch.isfinite(x.grad).all()


def test_other_shapes_are_refused():
    with pytest.raises(ShapeError, match="one_shot_losses takes"):
        one_shot_losses.__wrapped__(torch.zeros(3, 2), torch.zeros(2)) if hasattr(
            one_shot_losses, "__wrapped__"
        ) else one_shot_losses(torch.zeros(3, 2), torch.zeros(2))
