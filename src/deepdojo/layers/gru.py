"""The GRU layer: a stack of gated cells run over time, in one or both directions, over padded sequences.

Dimensions: B batch, T time, I input width, H state width, L layers, N = L·directions. `keep` is boolean, True = a
    real step.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from deepdojo.layers.gru_gates import gru_cell, gru_cell_reference
from deepdojo.layers.hook import current
from deepdojo.layers.recurrence import Recurrent, run_cells, run_stack

__all__ = ["GRU", "gru_reference"]

_FEW = 0.6  # the share of real steps below which leaving padding out is the faster way on a CPU, measured


class GRU(Recurrent):
    """Gated recurrent units over a batch of sequences; `gru_cell` has the formula of one step.

    Args:
        input_size: I.
        hidden_size: H.
        num_layers: L, each layer reads the states of the one below.
        bidirectional: whether a second set of cells reads from the end; states are joined, (B, T, 2H).
        dropout: share of the states that are silenced between layers in training.

    Parameter names, gate order (r, z, n) and initialisation (uniform ±1/√H) are torch.nn.GRU's (batch_first=True), so
    its state dict loads. Padding never changes a result, wherever it stands: a step that is not kept is skipped, its
    output is zero (`recurrence.run_stack` has how).

    Cost: 2·B·T·(3H·I + 3H·H) operations for each layer and direction: three quarters of an LSTM's, though on the CPU
    the LSTM has a fused kernel and is the faster of the two.
    Source: Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", section 2.3.
    Raises: RecipeError for sizes below 1; ShapeError for a wrong width, mask or state.
    """

    gates = 3

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, bidirectional, dropout)
        self.cell: Callable[..., Tensor] = current("gru_cell")

    def forward(
        self,
        x: Float[Tensor, "B T I"],
        keep: Bool[Tensor, "B T"] | None = None,
        state: Float[Tensor, "N B H"] | None = None,
    ) -> tuple[Float[Tensor, "B T HD"], Float[Tensor, "N B H"]]:
        """States of all steps, and h after the last real step of each row; `state` is what came before."""
        self.require(x, keep)
        (start,) = self.started(x, state)
        if x.shape[0] == 0 or x.shape[1] == 0:
            return x.new_zeros(*x.shape[:2], self.hidden_size * self.directions), start
        if self.cell is not gru_cell or self.dropout_is_own:
            ys, (h,) = run_cells(self, x, keep, (start,), self.cell)
            return ys, h
        return run_stack(self, x, keep, start, torch.gru, packed_below=_FEW)


def gru_reference(
    gru: GRU,
    x: Float[Tensor, "B T I"],
    keep: Bool[Tensor, "B T"] | None = None,
    state: Float[Tensor, "N B H"] | None = None,
) -> tuple[Float[Tensor, "B T HD"], Float[Tensor, "N B H"]]:
    """What `gru(x, keep, state)` gives, in plain algebra: a loop over time with `gru_cell_reference`."""
    ys, (h,) = run_cells(gru, x, keep, gru.started(x, state), gru_cell_reference)
    return ys, h
