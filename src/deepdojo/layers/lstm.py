"""The LSTM layer: a stack of cells run over time, in one or both directions, over padded sequences.

Dimensions: B batch, T time, I input width, H state width, L layers, N = L·directions. `keep` is boolean, True = a
    real step.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from deepdojo.layers.bookkeeping import note_bookkeeping
from deepdojo.layers.dropouts import dropout as _dropout
from deepdojo.layers.hook import current
from deepdojo.layers.lstm_gates import lstm_cell, lstm_cell_reference
from deepdojo.layers.pooling_over_time import last_over_time
from deepdojo.layers.recurrence import Recurrent, quiet, real_steps_first, run_cells, run_packed
from deepdojo.layers.tracing import traced

__all__ = ["LSTM", "lstm_reference"]

# Added to a gate before the sigmoid, it is open (or, negative, shut) for good: sigmoid(±1e4) is 1 or 0 in every float
# type.
_OPEN = 1e4

State = tuple[Tensor, Tensor]


class LSTM(Recurrent):
    """Long short-term memory over a batch of sequences; `lstm_cell` has the formula of one step.

    Args:
        input_size: I.
        hidden_size: H.
        num_layers: L, each layer reads the states of the one below.
        bidirectional: whether a second set of cells reads from the end; states are joined, (B, T, 2H).
        dropout: share of the states that are silenced between layers in training.

    Parameter names, gate order and initialisation (uniform ±1/√H) are torch.nn.LSTM's (batch_first=True), so its
    state dict loads. Padding never changes a result, wherever it stands: a step that is not kept is skipped, its
    output is zero.

    Numerics: on the CPU a padded batch runs in one fused call a layer. A further input that is 1 at padding shuts the
    input gate and opens the forget gate there, so the memory c goes through unchanged and its gradient too; before
    the first real step c is 0, hence h is 0. The gates are held by ±1e4, so that works while the sums
    W_ih x + b_ih + W_hh h + b_hh at padding, where x is 0, stay well below 1e4: biases or recurrent weights of that
    size open what has to be shut. (torch's own packed sequences leave the fused kernel: 3.5 times slower
    at mixed lengths.) On CUDA sequences are packed, for which cuDNN has a kernel.

    Cost: 2·B·T·(4H·I + 4H·H) operations for each layer and direction.
    Source: Hochreiter & Schmidhuber 1997; Graves & Schmidhuber 2005 (both directions).
    Raises: RecipeError for sizes below 1; ShapeError for a wrong width, mask or state.
    """

    gates = 4
    remembers = ("h", "c")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, bidirectional, dropout)
        self.cell: Callable[..., State] = current("lstm_cell")

    def forward(
        self,
        x: Float[Tensor, "B T I"],
        keep: Bool[Tensor, "B T"] | None = None,
        state: tuple[Float[Tensor, "N B H"], Float[Tensor, "N B H"]] | None = None,
    ) -> tuple[Float[Tensor, "B T HD"], tuple[Float[Tensor, "N B H"], Float[Tensor, "N B H"]]]:
        """States of all steps, and (h, c) after the last real step of each row; `state` is what came before."""
        self.require(x, keep)
        B, T, _ = x.shape
        h, c = self.started(x, state)
        start = (h, c)
        if B == 0 or T == 0:
            return x.new_zeros(B, T, self.hidden_size * self.directions), start
        if self.cell is not lstm_cell or self.dropout_is_own:
            ys, (h, c) = run_cells(self, x, keep, start, self.cell)
            return ys, (h, c)
        if traced():
            keep = torch.ones_like(x[..., 0], dtype=torch.bool) if keep is None else keep
        elif keep is None:
            return _run_whole(self, x, start)
        return _skipping_gaps(self, x, keep, start, carried=state is not None)


def _skipping_gaps(lstm: LSTM, x: Tensor, keep: Tensor, start: State, *, carried: bool) -> tuple[Tensor, State]:
    """Real steps to the front, run, and back. Nothing moves in the usual case of padding at the end."""
    if not traced() and bool(keep.all()):
        return _run_whole(lstm, x, start)
    x, keep, back = real_steps_first(x, keep)
    # The reverse cells of a carried state meet the padding first, and there h would not stay what it was.
    packed = x.is_cuda or (carried and lstm.bidirectional)
    ys, state = (_run_packed if packed else _run_padded)(lstm, x, keep, start)
    return back(ys), state


def _run_whole(lstm: LSTM, x: Tensor, start: State) -> tuple[Tensor, State]:
    """All layers in one call, without padding."""
    with quiet(x):
        ys, h, c = torch.lstm(
            x, start, lstm.weights(), True, lstm.num_layers, lstm.dropout, lstm.training, lstm.bidirectional, True
        )
    return ys, (h, c)


def _run_padded(lstm: LSTM, x: Tensor, keep: Tensor, start: State) -> tuple[Tensor, State]:
    """Layer by layer through the fused kernel, with a further input: `padding here, carry the memory through`."""
    padding = ~keep.unsqueeze(-1)
    n, H = lstm.directions, lstm.hidden_size
    carry = x.new_zeros(4 * H, 1)
    carry[:H], carry[H : 2 * H] = -_OPEN, _OPEN
    hs, cs = [], []
    for layer in range(lstm.num_layers):
        weights = lstm.layer_weights(layer)
        for i in range(0, len(weights), 4):
            weights[i] = torch.cat([weights[i], carry.to(weights[i].dtype)], 1)
        h0, c0 = (s[layer * n : (layer + 1) * n] for s in start)
        steps = torch.cat([x, padding.to(x.dtype)], 2)
        if traced():
            ys, c = _way_by_way(steps, (h0, c0), weights)
        else:
            ys, _, c = torch.lstm(steps, (h0, c0), weights, True, 1, 0.0, lstm.training, n == 2, True)
        note_bookkeeping(ys, 2 * padding.numel() * n * 4 * H)
        ys = ys.masked_fill(padding, 0.0)
        ends = [last_over_time(ys[..., :H], keep)] + ([ys[:, 0, H:]] if n == 2 else [])
        empty = ~keep.any(1, keepdim=True)
        hs += [torch.where(empty, h0[i], end) for i, end in enumerate(ends)]
        cs.append(c)
        x = _dropout(ys, lstm.dropout, lstm.training) if layer < lstm.num_layers - 1 else ys
    return x, (torch.stack(hs), torch.cat(cs))


def _way_by_way(x: Tensor, start: State, weights: list[Tensor]) -> tuple[Tensor, Tensor]:
    """States of one layer, and c at its end, with one call for each direction: exporters know that form alone."""
    outputs, cs = [], []
    for way in range(len(weights) // 4):
        first = tuple(s[way : way + 1] for s in start)
        own = weights[4 * way : 4 * way + 4]
        ys, _, c = torch.lstm(x if way == 0 else x.flip(1), first, own, True, 1, 0.0, False, False, True)
        outputs.append(ys if way == 0 else ys.flip(1))
        cs.append(c)
    return torch.cat(outputs, 2), torch.cat(cs)


def _run_packed(lstm: LSTM, x: Tensor, keep: Tensor, start: State) -> tuple[Tensor, State]:
    """All layers in one call over packed sequences: cuDNN's way, and exact for a carried state in both directions."""
    ys, (h, c) = run_packed(lstm, x, keep, start, lambda *arguments: arguments, torch.lstm)
    return ys, (h, c)


def lstm_reference(
    lstm: LSTM,
    x: Float[Tensor, "B T I"],
    keep: Bool[Tensor, "B T"] | None = None,
    state: tuple[Float[Tensor, "N B H"], Float[Tensor, "N B H"]] | None = None,
) -> tuple[Float[Tensor, "B T HD"], tuple[Float[Tensor, "N B H"], Float[Tensor, "N B H"]]]:
    """What `lstm(x, keep, state)` gives, in plain algebra: a loop over time with `lstm_cell_reference`."""
    ys, (h, c) = run_cells(lstm, x, keep, lstm.started(x, state), lstm_cell_reference)
    return ys, (h, c)
