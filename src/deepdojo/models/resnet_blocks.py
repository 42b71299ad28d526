"""The two residual blocks of ImageNet's networks: basic (two 3x3 convolutions) and bottleneck (1x1, 3x3, 1x1).

Dimensions: B batch, I and O input and output channels, Y and X image axes.
Source: He et al. 2015, "Deep residual learning for image recognition", figure 5; the step of two in the 3x3 convolution
    ("version 1.5"): Gross & Wilber 2016, "Training and investigating residual nets"
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.activations import activation
from deepdojo.layers.batch_normalisation import BatchNorm2d
from deepdojo.layers.convolution import Conv2d

__all__ = ["BasicBlock", "BottleneckBlock", "Projection", "initialise_convolutions"]


class Projection(nn.Module):
    """norm(conv(x)) with a 1x1 kernel: a block's input in the width and size of its output (option B of the paper)."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.conv = Conv2d(c_in, c_out, 1, stride, bias=False)
        self.norm = BatchNorm2d(c_out)

    def forward(self, x: Float[Tensor, "B I Y X"]) -> Float[Tensor, "B O y x"]:
        return self.norm(self.conv(x))


class _Block(nn.Module):
    """y = f(x' + N(conv(g(N(conv(...)))))): convolutions with normalisation N after each, activation g between them.

    x' is x itself, or its projection where the width or the size changes.
    """

    def __init__(self, plan: list[tuple[int, int, int, int]], bend: str, inner: str) -> None:
        """`plan`: input channels, output channels, kernel, stride of each convolution."""
        super().__init__()
        c_in, c_out = plan[0][0], plan[-1][1]
        stride = max(step for *_, step in plan)
        # No biases: the norms' do that work.
        self.convs = nn.ModuleList(Conv2d(i, o, side, step, side // 2, bias=False) for i, o, side, step in plan)
        self.norms = nn.ModuleList(BatchNorm2d(o) for _, o, _, _ in plan)
        self.shortcut = Projection(c_in, c_out, stride) if c_in != c_out or stride > 1 else nn.Identity()
        self.bend, self.inner = activation(bend), activation(inner)

    def forward(self, x: Float[Tensor, "B I Y X"]) -> Float[Tensor, "B O y x"]:
        y = x
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            y = norm(conv(self.inner(y) if i else y))
        return self.bend(self.shortcut(x) + y)


class BasicBlock(_Block):
    """Two 3x3 convolutions; the first takes the step. 18 and 34 layers.

    Args:
        c_in: input channels.
        c_out: output channels.
        stride: step, pixels; 2 halves the map.
        bend: name of the activation after the sum.
        inner: name of the one between the convolutions.
    """

    def __init__(self, c_in: int, c_out: int, stride: int = 1, bend: str = "relu", inner: str = "relu") -> None:
        super().__init__([(c_in, c_out, 3, stride), (c_out, c_out, 3, 1)], bend, inner)


class BottleneckBlock(_Block):
    """1x1 down to a quarter of the output's width, 3x3 there, 1x1 up again. 50, 101 and 152 layers.

    Args:
        c_in: input channels.
        c_out: output channels, 4 or more.
        stride: step, pixels; 2 halves the map.
        bend: name of the activation after the sum.
        inner: name of the one between the convolutions.
        step_in: which convolution takes the step: the 3x3 (version 1.5) or the first 1x1 (2015).
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        stride: int = 1,
        bend: str = "relu",
        inner: str = "relu",
        step_in: str = "3x3",
    ) -> None:
        narrow = c_out // 4
        first, second = (stride, 1) if step_in == "1x1" else (1, stride)
        super().__init__([(c_in, narrow, 1, first), (narrow, narrow, 3, second), (narrow, c_out, 1, 1)], bend, inner)


def initialise_convolutions(model: nn.Module) -> None:
    """Convolutions normal with variance 2 / (inputs of an output) (He et al. 2015a)."""
    for module in model.modules():
        weight = getattr(module, "weight", None)
        if isinstance(weight, nn.Parameter) and weight.dim() == 4:
            nn.init.kaiming_normal_(weight, nonlinearity="relu")
