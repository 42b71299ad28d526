"""What a call costs, in floating-point operations (a multiply-add is two), and how many numbers a model learns.

Counted are matrix products, convolutions, attention and recurrent layers; element-wise operations are not.
Dimensions: B batch, T time, H heads, D width, F width of the feed-forward part, K head width.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_backward_flop_count, sdpa_flop_count, shape_wrapper

from deepdojo.compiler import without_compiler
from deepdojo.layers.bookkeeping import counted_bookkeeping

__all__ = ["count_flops", "parameters", "trained_parameters"]

Shape = Sequence[int]


def count_flops(call: Callable[[], Any]) -> int | None:
    """Operations of one call, forward and backward, whatever runs in it.

    Returns:
        the number, or None (print "not counted") when a fused kernel ran whose cost no formula gives: too small a
        number would be worse than none.

    Cost: the call itself, with some microseconds more for each operation: count one step and multiply.
    Left out: what a layer does for its own bookkeeping, such as the column by which an LSTM knows padding.
    Source: torch.utils.flop_counter, with formulas of our own for kernels which it counts as 0: recurrent layers on CPU
    and CUDA, attention on the CPU, the fused encoder layer.

    Example:
        >>> layer, x = torch.nn.Linear(3, 5), torch.zeros(7, 3)
        >>> count_flops(lambda: layer(x))
        210
    """
    with without_compiler(), _Counter() as counter, counted_bookkeeping() as beside:
        call()
    return None if counter.uncounted else counter.total - sum(beside)


def parameters(model: nn.Module) -> int:
    """Learned numbers of a model; a shared one counts once."""
    return sum(p.numel() for p in model.parameters())


def trained_parameters(model: nn.Module) -> int:
    """Those that training changes: neither frozen nor beside an adapter."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


# Kernels that do many operations behind one name. One of these without a formula makes the count unknown.
_FUSED = re.compile(r"rnn|lstm|gru|attention|transformer|mkldnn_linear|addmm_activation")


class _Counter(TorchDispatchMode):
    """Adds up what each kernel does by its formula, and notes fused kernels that no formula counts.

    torch's own `FlopCounterMode` would do, and loads a third of a second of decompositions that no kernel here needs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0
        self.uncounted: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        packet = getattr(func, "_overloadpacket", func)
        formula = _FORMULAS.get(packet) or flop_registry.get(packet)
        if formula is None and _composite(func):
            with self:  # the kernels that it is made of are what counts
                return func.decompose(*args, **kwargs)
        out = func(*args, **kwargs)
        if formula is not None:
            self.total += formula(*args, **kwargs, out_val=out)
        elif _FUSED.search(str(packet)):
            self.uncounted.add(str(packet))
        return out


def _composite(func: Any) -> bool:
    """Whether an operator is written in others: such ones arrive here in inference mode alone."""
    return isinstance(func, torch._ops.OpOverload) and torch._C._dispatch_has_kernel_for_dispatch_key(
        func.name(), "CompositeImplicitAutograd"
    )


def _rnn(x: Shape, weights: Sequence[Shape]) -> int:
    """2·T·B·(G·I + G·H) a layer, G = 4H: every step of every row (axes of x but the last) meets each matrix once."""
    return 2 * prod(x[:-1]) * sum(prod(w) for w in weights if len(w) == 2)


def _mkldnn_rnn(x: Shape, *rest: Any, out_shape: Any = None, **kwargs: Any) -> int:
    return _rnn(x, rest[:4])


def _mkldnn_rnn_backward(x: Shape, *rest: Any, out_shape: Any = None, **kwargs: Any) -> int:
    return 2 * _rnn(x, rest[:4])  # for the input and for the weights


def _cudnn_rnn(x: Shape, weights: Sequence[Shape], *rest: Any, out_shape: Any = None, **kwargs: Any) -> int:
    return _rnn(x, weights)


def _cudnn_rnn_backward(x: Shape, weights: Sequence[Shape], *rest: Any, out_shape: Any = None, **kwargs: Any) -> int:
    return 2 * _rnn(x, weights)


def _attention(q: Shape, k: Shape, v: Shape, *rest: Any, out_shape: Any = None, **kwargs: Any) -> int:
    return sdpa_flop_count(q, k, v)


def _attention_backward(
    grad: Shape, q: Shape, k: Shape, v: Shape, *rest: Any, out_shape: Any = None, **kwargs: Any
) -> int:
    return sdpa_backward_flop_count(grad, q, k, v)  # the scores are computed again: 2.5 times the forward


def _self_attention(x: Shape, heads: int) -> int:
    B, T, D = x
    split = (B, heads, T, D // heads)
    return 2 * B * T * 4 * D * D + sdpa_flop_count(split, split, split)


def _encoder_layer(x: Shape, D: int, heads: int, *rest: Any, out_shape: Any = None, **kwargs: Any) -> int:
    (F, _) = rest[11]  # after qkv, projection, two flags, eps and two norms
    return _self_attention(x, heads) + 2 * x[0] * x[1] * 2 * D * F


def _native_attention(q: Shape, k: Shape, v: Shape, D: int, heads: int, *rest: Any, **kwargs: Any) -> int:
    return _self_attention(q, heads)


def _elementwise(*args: Any, **kwargs: Any) -> int:
    return 0


def _formulas() -> dict[Any, Callable[..., int]]:
    """The formulas whose kernels this build of torch has."""
    named: dict[str, Callable[..., int]] = {
        "mkldnn_rnn_layer": _mkldnn_rnn,
        "mkldnn_rnn_layer_backward": _mkldnn_rnn_backward,
        "_cudnn_rnn": _cudnn_rnn,
        "_cudnn_rnn_backward": _cudnn_rnn_backward,
        "_scaled_dot_product_flash_attention_for_cpu": _attention,
        "_scaled_dot_product_flash_attention_for_cpu_backward": _attention_backward,
        "_transformer_encoder_layer_fwd": _encoder_layer,
        "_native_multi_head_attention": _native_attention,
        "_cudnn_rnn_flatten_weight": _elementwise,
        "_thnn_fused_lstm_cell": _elementwise,  # the products come before it, as matrix products of their own
        "_thnn_fused_lstm_cell_backward_impl": _elementwise,
    }
    return {
        getattr(torch.ops.aten, name): shape_wrapper(formula)
        for name, formula in named.items()
        if hasattr(torch.ops.aten, name)
    }


_FORMULAS = _formulas()
