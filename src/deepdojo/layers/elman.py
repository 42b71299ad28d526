"""The simple recurrent network: one state, renewed at each step from the input and from itself.

Dimensions: B batch, T time, I input width, H state width, O output width, L layers, N = L·directions. `keep` is
    boolean, True = a real step.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.layers.activations import activation as _activation
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import Layer, current
from deepdojo.layers.recurrence import Recurrent, run_cells, run_stack

__all__ = ["RNN", "ElmanOutput", "elman_cell", "elman_cell_reference", "elman_reference"]

_FEW = 0.45  # the share of real steps below which leaving padding out is the faster way on a CPU, measured

Bend = Literal["tanh", "relu"]
_CELLS = {"tanh": torch.rnn_tanh_cell, "relu": torch.rnn_relu_cell}
_STACKS = {"tanh": torch.rnn_tanh, "relu": torch.rnn_relu}


def elman_cell(
    x: Float[Tensor, "B I"],
    h: Float[Tensor, "B H"],
    w_ih: Float[Tensor, "H I"],
    w_hh: Float[Tensor, "H H"],
    b_ih: Float[Tensor, " H"],
    b_hh: Float[Tensor, " H"],
    activation: Bend = "tanh",
) -> Float[Tensor, "B H"]:
    """One step: h' = f(W_ih x + b_ih + W_hh h + b_hh), f tanh or relu.

    The two biases do the work of the one b of the textbooks; torch has both, and its state dicts too.
    Source: Elman 1990, "Finding structure in time".
    """
    return _CELLS[activation](x, h, w_ih, w_hh, b_ih, b_hh)


def elman_cell_reference(
    x: Float[Tensor, "B I"],
    h: Float[Tensor, "B H"],
    w_ih: Float[Tensor, "H I"],
    w_hh: Float[Tensor, "H H"],
    b_ih: Float[Tensor, " H"],
    b_hh: Float[Tensor, " H"],
    activation: Bend = "tanh",
) -> Float[Tensor, "B H"]:
    """`elman_cell` in plain algebra."""
    total = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh
    return torch.tanh(total) if activation == "tanh" else total.clamp(min=0)


class RNN(Recurrent):
    """Elman network over a batch of sequences, h_t = f(W x_t + U h_{t-1} + b); `elman_cell` has the formula in full.

    Args:
        input_size: I.
        hidden_size: H.
        num_layers: L, each layer reads the states of the one below.
        bidirectional: whether a second set of cells reads from the end; states are joined, (B, T, 2H).
        dropout: share of the states that are silenced between layers in training.
        activation: f; relu keeps gradients alive for longer and may grow without bound.

    The result holds the states; the textbooks' output y_t = g(V h_t + c) is `ElmanOutput`, or any other layer.
    Parameter names and initialisation (uniform ±1/√H) are torch.nn.RNN's (batch_first=True), so its state dict loads.
    Padding never changes a result, wherever it stands: a step that is not kept is skipped, its output is zero.

    Numerics: what an early step adds to a late gradient shrinks or grows by a factor at each step between (Bengio,
    Simard & Frasconi 1994); the adding problem of the tests shows it, and the LSTM that does not suffer.
    Cost: 2·B·T·(H·I + H·H) operations for each layer and direction.
    Source: Elman 1990.
    Raises: RecipeError for sizes below 1 or another activation; ShapeError for a wrong width, mask or state.
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        activation: Bend = "tanh",
    ) -> None:
        if activation not in _CELLS:
            raise RecipeError(f"activation must be tanh or relu, got {activation}", where="RNN")
        super().__init__(input_size, hidden_size, num_layers, bidirectional, dropout)
        self.activation = activation
        self.cell: Callable[..., Tensor] = current("elman_cell")

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
        if self.cell is not elman_cell or self.dropout_is_own:
            ys, (h,) = run_cells(self, x, keep, (start,), partial(self.cell, activation=self.activation))
            return ys, h
        return run_stack(self, x, keep, start, _STACKS[self.activation], packed_below=_FEW)


def elman_reference(
    rnn: RNN,
    x: Float[Tensor, "B T I"],
    keep: Bool[Tensor, "B T"] | None = None,
    state: Float[Tensor, "N B H"] | None = None,
) -> tuple[Float[Tensor, "B T HD"], Float[Tensor, "N B H"]]:
    """What `rnn(x, keep, state)` gives, in plain algebra: a loop over time with `elman_cell_reference`."""
    ys, (h,) = run_cells(rnn, x, keep, rnn.started(x, state), partial(elman_cell_reference, activation=rnn.activation))
    return ys, h


class ElmanOutput(Layer):
    """The output of an Elman network at each step, y_t = g(V h_t + c).

    Args:
        hidden_size: H.
        output_size: O.
        activation: g; None leaves the scores as they are, for a loss that has its softmax inside.

    Cost: 2·H·O operations a step. Source: Elman 1990, "Finding structure in time".
    """

    def __init__(self, hidden_size: int, output_size: int, activation: str | None = None) -> None:
        super().__init__()
        self.linear = Linear(hidden_size, output_size)
        self.bend = None if activation is None else _activation(activation)

    def forward(self, h: Float[Tensor, "*B H"]) -> Float[Tensor, "*B O"]:
        y = self.linear(h)
        return y if self.bend is None else self.bend(y)
