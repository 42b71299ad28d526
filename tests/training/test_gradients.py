"""One pass over the gradient does what a division and torch's clip_grad_norm_ do in two."""

from __future__ import annotations

import math

import pytest
import torch

from deepdojo.training.gradients import divide_and_clip


@pytest.mark.parametrize("clip", [1e-3, 1.0, 1e6])
def test_divide_and_clip_equals_a_division_and_torchs_clip(clip):
    draws = torch.Generator().manual_seed(0)
    gradients = [torch.randn(shape, generator=draws, dtype=torch.float64) for shape in ((7, 5), (11,), (2, 3, 5))]
    parameters = [torch.zeros_like(gradient).requires_grad_() for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient / 13.0
    wanted = torch.nn.utils.clip_grad_norm_(parameters, clip)

    norm = divide_and_clip(gradients, 13.0, clip)

    assert math.isclose(norm, float(wanted), rel_tol=1e-12)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-12, atol=0)


def test_without_a_clip_the_gradient_is_only_divided():
    gradients = [torch.tensor([3.0, -6.0])]
    assert math.isnan(divide_and_clip(gradients, 3.0, 0.0))
    assert gradients[0].tolist() == [1.0, -2.0]


def test_a_gradient_that_is_not_finite_is_told_by_its_norm():
    assert not math.isfinite(divide_and_clip([torch.tensor([1.0, math.inf])], 1.0, 1.0))
