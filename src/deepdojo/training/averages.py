"""A running mean of the weights, which is often better than the last ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["Average"]


class Average:
    """a <- a + (1 - d) (w - a) after every step, with d = min(decay, (1 + t) / (10 + t)) after t steps: early weights
    are soon forgotten, so that a short training is not held back by its random start.

    Parameters and floating-point buffers (running statistics) are averaged, other buffers are those of the last step.

    Args:
        decay: of the mean, such as 0.999: about the last 1,000 steps.

    Source: Polyak & Juditsky 1992; the exponential form and the early decay as in TensorFlow's
    ExponentialMovingAverage (`num_updates`).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        named = model.state_dict(keep_vars=True)
        once = {id(value): name for name, value in reversed(named.items())}  # tied weights have several names
        self.weights = {
            name: value for name, value in named.items() if once[id(value)] == name and value.is_floating_point()
        }
        self.values = {name: value.detach().clone() for name, value in self.weights.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after `step` steps. Cost: one pass over the weights."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.values.values()), list(self.weights.values()), 1.0 - decay)

    @torch.no_grad()
    def load(self, values: Mapping[str, Tensor]) -> None:
        for name, value in self.values.items():
            value.copy_(values[name])

    @torch.no_grad()
    def adopt(self) -> None:
        """The mean becomes the model's weights for good."""
        for name, value in self.weights.items():
            value.copy_(self.values[name])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model with the mean as its weights, for as long as the block lasts."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        for name, value in self.weights.items():
            kept = value.clone()
            value.copy_(self.values[name])
            self.values[name].copy_(kept)
