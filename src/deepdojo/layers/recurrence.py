"""What the recurrent layers share: weights of a stack, masks with gaps, a loop of cells, padded batches read both ways.

Dimensions: B batch, T time, I input width, H state width, L layers, N = L·directions, G·H the gates stacked. `keep` is
    boolean, True = a real step.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from deepdojo.errors import RecipeError
from deepdojo.layers.dropouts import dropout as _dropout
from deepdojo.layers.hook import Layer, current
from deepdojo.layers.pooling_over_time import last_over_time
from deepdojo.layers.shapes import ShapeError, require_width
from deepdojo.layers.tracing import traced

__all__ = ["Recurrent", "quiet", "real_steps_first", "run_cells", "run_packed", "run_stack", "turned_round"]

States = tuple[Tensor, ...]  # (h,) of an Elman network or a GRU, (h, c) of an LSTM; each (N, B, H)


class Recurrent(Layer):
    """The weights of a stack of cells; a subclass says how many gates a cell has, and how the stack is run.

    Parameter names, their order and initialisation (uniform ±1/√H) are those of torch's recurrent modules with
    batch_first=True, so that their state dicts load and equal seeds give equal numbers.
    """

    gates: int
    remembers: tuple[str, ...] = ("h",)  # what a state is made of

    def __init__(self, input_size: int, hidden_size: int, num_layers: int, bidirectional: bool, dropout: float) -> None:
        super().__init__()
        if min(input_size, hidden_size, num_layers) < 1:
            sizes = f"{input_size}, {hidden_size}, {num_layers}"
            raise RecipeError(f"sizes must be 1 or more, got {sizes}", where=type(self).__name__)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bidirectional, self.dropout = bidirectional, dropout
        self.drop = current("dropout") if num_layers > 1 and dropout > 0 else _dropout
        rows = self.gates * hidden_size
        for layer in range(num_layers):
            width = input_size if layer == 0 else hidden_size * self.directions
            for suffix in self._suffixes(layer):
                self.register_parameter(f"weight_ih_{suffix}", nn.Parameter(torch.empty(rows, width)))
                self.register_parameter(f"weight_hh_{suffix}", nn.Parameter(torch.empty(rows, hidden_size)))
                self.register_parameter(f"bias_ih_{suffix}", nn.Parameter(torch.empty(rows)))
                self.register_parameter(f"bias_hh_{suffix}", nn.Parameter(torch.empty(rows)))
        self.reset_parameters()

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    def reset_parameters(self) -> None:
        bound = 1 / math.sqrt(self.hidden_size)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-bound, bound)

    def _suffixes(self, layer: int) -> list[str]:
        return [f"l{layer}"] + ([f"l{layer}_reverse"] if self.bidirectional else [])

    def layer_weights(self, layer: int) -> list[Tensor]:
        """The weights of one layer in the order of torch's kernels: four for each direction."""
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [getattr(self, f"{kind}_{suffix}") for suffix in self._suffixes(layer) for kind in kinds]

    def weights(self) -> list[Tensor]:
        """The weights of all layers, from the lowest."""
        return [weight for layer in range(self.num_layers) for weight in self.layer_weights(layer)]

    def require(self, x: Tensor, keep: Tensor | None) -> None:
        """Raises ShapeError unless x is (B, T, I) and `keep` None or boolean (B, T)."""
        require_width(type(self).__name__, x, self.input_size, rank=3)
        if keep is not None and (keep.shape != x.shape[:2] or keep.dtype != torch.bool):
            raise ShapeError(f"keep must be bool {tuple(x.shape[:2])}, got {keep.dtype} {tuple(keep.shape)}")

    def started(self, x: Tensor, state: Any) -> States:
        """The state before the first step as a tuple of tensors: `state`, or zeros where it is None.

        Raises: ShapeError unless each is (N, B, H), of the dtype and on the device of x. torch's kernels read past the
        end of a smaller one, and stretch one of a single row over the batch.
        """
        name, wanted = type(self).__name__, (self.num_layers * self.directions, x.shape[0], self.hidden_size)
        if state is None:
            return (self.zero_state(x),) * len(self.remembers)
        parts = state if len(self.remembers) > 1 else (state,)
        if not isinstance(parts, tuple) or [isinstance(part, Tensor) for part in parts] != [True] * len(self.remembers):
            what = f"a tuple ({', '.join(self.remembers)}) of tensors" if len(self.remembers) > 1 else "one tensor"
            raise ShapeError(f"{name}: state must be {what} {wanted}, got {_said(state)}")
        for what, part in zip(self.remembers, parts, strict=True):
            if tuple(part.shape) != wanted:
                raise ShapeError(f"{name}: {what} of the state must be {wanted}, got {tuple(part.shape)}")
            same = part.dtype == x.dtype or torch.is_autocast_enabled(x.device.type)  # which casts by itself
            if not same or part.device != x.device:
                raise ShapeError(
                    f"{name}: {what} of the state must be {x.dtype} on {x.device} as the input is, got {part.dtype} on "
                    f"{part.device}"
                )
        return parts

    def zero_state(self, x: Tensor) -> Tensor:
        """What is remembered before the first step: nothing, (N, B, H)."""
        return x.new_zeros(self.num_layers * self.directions, x.shape[0], self.hidden_size)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}, layers={self.num_layers}, bidirectional={self.bidirectional}"

    @property
    def dropout_is_own(self) -> bool:
        """Whether a learner's dropout stands between the layers, so that no kernel may run the whole stack."""
        return self.drop is not _dropout


def _said(state: Any) -> str:
    if isinstance(state, tuple | list):
        return f"a {type(state).__name__} of {len(state)}"
    return str(tuple(state.shape)) if isinstance(state, Tensor) else type(state).__name__


@contextmanager
def quiet(x: Tensor) -> Iterator[None]:
    """cuDNN would like one flat buffer; copying the weights costs less than keeping them flat."""
    if not x.is_cuda:
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="RNN module weights are not part of single contiguous chunk")
        yield


def real_steps_first(x: Tensor, keep: Tensor) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
    """x and `keep` with the real steps of each row at its front, zeros behind, and a function that moves results back.

    Nothing moves in the usual case of padding at the end.
    """
    order = None
    if traced():
        order = torch.argsort((~keep).long() * keep.shape[1] + torch.arange(keep.shape[1], device=keep.device), dim=1)
    elif bool((keep[:, 1:] & ~keep[:, :-1]).any()):
        order = torch.argsort((~keep).to(torch.uint8), dim=1, stable=True)
    if order is not None:
        x = x.gather(1, order.unsqueeze(-1).expand_as(x))
        keep = keep.gather(1, order)

    def back(ys: Tensor) -> Tensor:
        return ys if order is None else ys.gather(1, torch.argsort(order, dim=1).unsqueeze(-1).expand_as(ys))

    return x.masked_fill(~keep.unsqueeze(-1), 0.0), keep, back


def run_stack(
    layer: Recurrent, x: Tensor, keep: Tensor | None, start: Tensor, kernel: Callable[..., Any], packed_below: float
) -> tuple[Tensor, Tensor]:
    """A stack whose only state is h, with torch's `kernel`; `packed_below`: the share of real steps that is few."""
    n = layer.num_layers
    if traced():
        x, keep, back = real_steps_first(x, torch.ones_like(x[..., 0], dtype=torch.bool) if keep is None else keep)
        ys, h = _run_padded(layer, x, keep, start, kernel)
        return back(ys), h
    if keep is None or bool(keep.all()):
        with quiet(x):
            return kernel(x, start, layer.weights(), True, n, layer.dropout, layer.training, layer.bidirectional, True)
    x, keep, back = real_steps_first(x, keep)
    if x.is_cuda or int(keep.sum()) < packed_below * keep.numel():
        ys, (h,) = run_packed(layer, x, keep, (start,), lambda data, sizes, state: (data, sizes, *state), kernel)
    else:
        ys, h = _run_padded(layer, x, keep, start, kernel)
    return back(ys), h


def run_packed(
    layer: Recurrent,
    x: Tensor,
    keep: Tensor,
    start: States,
    arguments: Callable[[Tensor, Tensor, States], tuple[Any, ...]],
    kernel: Callable[..., Any],
) -> tuple[Tensor, States]:
    """All layers in one call of torch's `kernel` over packed sequences, which leave padding out: cuDNN's way.

    `arguments` puts steps, the number of rows that reach each step, and state in the order that the kernel takes.
    """
    lengths = keep.sum(1)
    empty = (lengths == 0)[:, None]
    packed = pack_padded_sequence(x, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
    assert packed.sorted_indices is not None
    assert packed.unsorted_indices is not None
    initial = tuple(s.index_select(1, packed.sorted_indices) for s in start)
    first = arguments(packed.data, packed.batch_sizes, initial)
    with quiet(x):
        data, *states = kernel(
            *first, layer.weights(), True, layer.num_layers, layer.dropout, layer.training, layer.bidirectional
        )
    ys, _ = pad_packed_sequence(packed._replace(data=data), batch_first=True, total_length=x.shape[1])
    order = packed.unsorted_indices
    after = tuple(torch.where(empty, a, b.index_select(1, order)) for a, b in zip(start, states, strict=True))
    return ys.masked_fill(~keep.unsqueeze(-1), 0.0), after


def _run_padded(
    layer: Recurrent, x: Tensor, keep: Tensor, start: Tensor, kernel: Callable[..., Any]
) -> tuple[Tensor, Tensor]:
    """Layer by layer and way by way over rows whose padding stands at the end.

    The cells that read from the end are given each row turned round, so that its padding stands at the end for them
    too. What comes after a row's last real step can't change what came before, so the kernel runs through padding
    undisturbed; there its results are zeroed, and pass no gradient. While most steps are real that is faster on a CPU
    than packing, which takes the kernel apart into small calls, one a step and way:
    `benchmarks/model_pairs/recurrence.py`.
    """
    padding = ~keep.unsqueeze(-1)
    B, T = keep.shape
    rows = torch.arange(0, B * T, T, device=keep.device).unsqueeze(1)
    turned = (turned_round(keep) + rows).flatten() if layer.bidirectional else rows
    states = []
    for depth in range(layer.num_layers):
        weights, outputs = layer.layer_weights(depth), []
        for way in range(layer.directions):
            first = start[depth * layer.directions + way]
            steps = x if way == 0 else _turn(x, turned)
            own = weights[4 * way : 4 * way + 4]
            ys, _ = kernel(steps, first.unsqueeze(0), own, True, 1, 0.0, layer.training, False, True)
            last = last_over_time(ys, keep)
            states.append(torch.where(keep.any(1, keepdim=True), last, first))
            outputs.append(ys if way == 0 else _turn(ys, turned))
        x = (outputs[0] if len(outputs) == 1 else torch.cat(outputs, 2)).masked_fill(padding, 0.0)
        if depth < layer.num_layers - 1:
            x = _dropout(x, layer.dropout, layer.training)
    return x, torch.stack(states)


def turned_round(keep: Tensor) -> Tensor:
    """For each step of each row the step that takes its place when the row's real steps are read from the end."""
    steps = torch.arange(keep.shape[1], device=keep.device)
    mirrored = keep.sum(1, keepdim=True) - 1 - steps
    return torch.where(keep, mirrored, steps)  # (B, T)


def _turn(x: Tensor, order: Tensor) -> Tensor:
    return _Turn.forward(None, x, order) if traced() else _Turn.apply(x, order)


class _Turn(torch.autograd.Function):
    """Steps (B, T, D) in another order, given as places in (B·T, D), that is its own inverse, as turning round is.

    So the gradient is read in that order too, row by row; autograd would add it up number by number.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, order: Tensor) -> Tensor:
        if ctx is not None:
            ctx.save_for_backward(order)
        return x.reshape(-1, x.shape[2]).index_select(0, order).view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _Turn.apply(gradient, *ctx.saved_tensors), None


def run_cells(
    layer: Recurrent, x: Tensor, keep: Tensor | None, start: Sequence[Tensor], cell: Callable[..., Any]
) -> tuple[Tensor, States]:
    """Step by step with `cell`: for a learner's own cell or dropout, and as the page to read.

    Dropout between the layers is `layer.drop`.

    `cell(x, *state, w_ih, w_hh, b_ih, b_hh)` gives the new state: a tensor, or a tuple whose first member is h.
    """
    ends: list[States] = []
    n = layer.directions
    for depth in range(layer.num_layers):
        weights, outputs = layer.layer_weights(depth), []
        for way in range(n):
            state = tuple(s[depth * n + way] for s in start)
            ys: list[Tensor] = [x] * x.shape[1]
            for t in range(x.shape[1]) if way == 0 else range(x.shape[1] - 1, -1, -1):
                new = cell(x[:, t], *state, *weights[4 * way : 4 * way + 4])
                new = new if isinstance(new, tuple) else (new,)
                if keep is None:
                    state, ys[t] = new, new[0]
                    continue
                real = keep[:, t, None]
                state = tuple(torch.where(real, a, b) for a, b in zip(new, state, strict=True))
                ys[t] = state[0].masked_fill(~real, 0.0)
            outputs.append(torch.stack(ys, 1))
            ends.append(state)
        x = torch.cat(outputs, 2)
        if depth < layer.num_layers - 1:
            x = layer.drop(x, layer.dropout, layer.training)
    return x, tuple(torch.stack(parts) for parts in zip(*ends, strict=True))
