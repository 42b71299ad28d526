"""What every convolution layer shares: its weight, its bias, how they start, and the check of its input."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.layers.convolution_padding import PerAxis, one_number, per_axis, require_kernel_fits
from deepdojo.layers.hook import Layer
from deepdojo.layers.shapes import nearest_divisor, require_width

__all__ = ["ConvolutionLayer"]


class ConvolutionLayer(Layer):
    """Weight (O, C/G, *kernel), or (C, O/G, *kernel) where `transposed`, and bias (O).

    Initialisation: uniform in ±1/√(cells of weight[0]), drawn in torch's order, so equal seeds give torch's numbers.
    Raises: RecipeError for groups that do not divide the channels, and for sizes below their least.
    """

    axes: int  # of space
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: PerAxis,
        stride: PerAxis,
        padding: PerAxis,
        dilation: PerAxis,
        groups: int,
        bias: bool,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if min(in_channels, out_channels) < 1:
            raise RecipeError(f"channels must be 1 or more, got {in_channels} and {out_channels}", where=name)
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise RecipeError(
                f"groups = {groups} divides not both {in_channels} input and {out_channels} output channels",
                where=name,
                todo=f"take {nearest_divisor(math.gcd(in_channels, out_channels), groups)}",
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        kernel = self._checked("kernel_size", kernel_size, 1)
        gaps = self._checked("dilation", dilation, 1)
        self.zeros = self._checked("padding", padding, 0)
        self.span = tuple(d * (h - 1) + 1 for h, d in zip(kernel, gaps, strict=True))
        # One number where all axes agree: a learner's function for square kernels then meets plain numbers.
        self.stride, self.dilation = one_number(self._checked("stride", stride, 1)), one_number(gaps)
        self.padding = one_number(self.zeros)
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = nn.Parameter(torch.empty(first, second // groups, *kernel))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def _checked(self, what: str, value: PerAxis, low: int) -> tuple[int, ...]:
        values = per_axis(value, self.axes, what)
        if min(values) < low:
            raise RecipeError(f"{what} must be {low} or more, got {min(values)}", where=type(self).__name__)
        return values

    def reset_parameters(self) -> None:
        bound = 1 / math.sqrt(max(self.weight[0].numel(), 1))
        with torch.no_grad():
            for parameter in (self.weight, self.bias):
                if parameter is not None:
                    parameter.uniform_(-bound, bound)

    def require_input(self, x: Tensor) -> None:
        """Raises ShapeError for a wrong rank or width, and for an input that is smaller than the kernel."""
        name = type(self).__name__
        require_width(name, x, self.in_channels, rank=self.axes + 2, axis=1)
        if not self.transposed:
            require_kernel_fits(name, x, self.span, self.zeros)

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}, kernel={tuple(self.weight.shape[2:])}"
