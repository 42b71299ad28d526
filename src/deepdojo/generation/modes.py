"""A model in evaluation mode for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

__all__ = ["evaluating"]


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, afterwards whatever it was."""
    if not model.training:  # going through all modules twice takes as long as a token
        yield
        return
    model.eval()
    try:
        yield
    finally:
        model.train()
