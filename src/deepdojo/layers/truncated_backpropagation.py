"""Truncated back-propagation through time: a long sequence in chunks, the state carried on, the gradient cut between.

Dimensions: B batch, T time, I input width. `keep` is boolean, True = a real step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor

from deepdojo.errors import RecipeError

__all__ = ["detached", "truncated"]


def truncated(
    layer: Callable[..., tuple[Tensor, Any]],
    x: Float[Tensor, "B T I"],
    steps: int,
    keep: Bool[Tensor, "B T"] | None = None,
    state: Any = None,
) -> Iterator[tuple[Float[Tensor, "B t HD"], Any]]:
    """Runs `layer` over chunks of `steps` steps; yields the states of each chunk, and the state to carry on with.

    The values are those of one run over the whole sequence. The gradient of a chunk's loss reaches the steps of that
    chunk alone, so memory is that of one chunk however long the sequence: call `backward` before taking the next.

    Args:
        layer: RNN, GRU or LSTM of one direction (cells that read from the end would need the end first).
        x: the sequence.
        steps: length of a chunk; the last may be shorter.
        keep: the real steps.
        state: what came before; it is detached too.

    Source: Williams & Peng 1990, "An efficient gradient-based algorithm for on-line training of recurrent network
    trajectories" (here with as many steps between two updates as the gradient reaches back).
    Raises: RecipeError for a chunk below 1 step or a layer that reads both ways.

    Example:
        >>> import torch
        >>> from deepdojo.layers import GRU
        >>> x, gru = torch.randn(2, 100, 3), GRU(3, 5)
        >>> for ys, _ in truncated(gru, x, steps=20):
        ...     ys.square().mean().backward()
    """
    if steps < 1:
        raise RecipeError(f"a chunk has 1 step or more, got {steps}", where="truncated")
    if getattr(layer, "bidirectional", False):
        raise RecipeError("a layer that reads both ways can't be cut into chunks", where="truncated")
    for start in range(0, x.shape[1], steps):
        chunk = slice(start, start + steps)
        ys, state = layer(x[:, chunk], None if keep is None else keep[:, chunk], detached(state))
        yield ys, state


def detached(state: Any) -> Any:
    """The state, a tensor or a tuple of them or None, without its history."""
    if isinstance(state, tuple):
        return tuple(detached(part) for part in state)
    return None if state is None else state.detach()
