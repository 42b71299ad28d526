"""`rnn(x, h0, w_xh, w_hh, b)` and `masked_rnn(…, keep)` of the lessons in the place of our simple recurrent network.

B batch, T steps. The lessons have one bias and tanh; ours has two biases, which are added, and may bend by relu.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.layers.elman import RNN
from deepdojo.layers.recurrence import real_steps_first, turned_round

__all__ = ["masked_rnn", "rnn"]


def rnn(own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Tensor]]:
    """As the cell of our network: it is run over one step at a time."""
    run = own["rnn"]

    def elman_cell(
        x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor, activation: str = "tanh"
    ) -> Tensor:
        _require_tanh(activation)
        return run(x[:, None], h, w_ih, w_hh, b_ih + b_hh)[1]

    return {"elman_cell": elman_cell}


def masked_rnn(own: Mapping[str, Callable[..., Any]]) -> dict[str, type[RNN]]:
    """Each layer and direction over whole padded batches."""
    run = own["masked_rnn"]

    class OwnRNN(RNN):
        def forward(self, x: Tensor, keep: Tensor | None = None, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
            _require_tanh(self.activation)
            self.require(x, keep)
            (start,), ends = self.started(x, state), []
            keep = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if keep is None else keep
            x, keep, back = real_steps_first(x, keep)
            turned = turned_round(keep)[..., None]
            for depth in range(self.num_layers):
                weights, outputs = self.layer_weights(depth), []
                for way in range(self.directions):
                    w_xh, w_hh, b_ih, b_hh = weights[4 * way : 4 * way + 4]
                    steps = x.gather(1, turned.expand_as(x)) if way else x
                    ys, end = run(steps, start[depth * self.directions + way], w_xh, w_hh, b_ih + b_hh, keep)
                    ys = ys.masked_fill(~keep[..., None], 0.0)
                    outputs.append(ys.gather(1, turned.expand_as(ys)) if way else ys)
                    ends.append(end)
                x = torch.cat(outputs, 2)
                if depth < self.num_layers - 1:
                    x = self.drop(x, self.dropout, self.training)
            return back(x), torch.stack(ends)

    return {"RNN": OwnRNN}


def _require_tanh(activation: str) -> None:
    if activation != "tanh":
        raise RecipeError("rnn of the lesson bends by tanh, and this recipe by relu", where="model.activation")
