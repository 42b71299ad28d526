"""LeNet-5: two convolutions with subsampling, three fully connected layers; the network that read cheques.

Source: LeCun, Bottou, Bengio & Haffner 1998, "Gradient-based learning applied to document recognition", section 2.B
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.activations import activation
from deepdojo.layers.convolution import Conv2d
from deepdojo.layers.convolution_padding import output_length
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import current
from deepdojo.models.checks import require, require_at_least
from deepdojo.models.heads import shrink_head
from deepdojo.models.images import channels_last

__all__ = ["Lenet", "LenetConfig"]


@dataclass(frozen=True)
class LenetConfig:
    """Arguments of `lenet`. The defaults are the network of 1998 on 28x28 images, with the changes told at `Lenet`."""

    in_channels: int
    """1 for grey images, 3 for colour. From the data."""
    height: int
    """Rows of pixels. From the data."""
    width: int
    """Columns of pixels. From the data."""
    num_outputs: int
    """Classes. From the data."""
    channels: tuple[int, int] = (6, 16)
    """Maps of the first and of the second convolution."""
    hidden: tuple[int, int] = (120, 84)
    """Widths of the two fully connected layers before the last."""
    kernel: int = 5
    """Side of the kernels, pixels."""
    padding: tuple[int, int] = (2, 0)
    """Zeros around each convolution's input, pixels; 2 makes of 28x28 the 32x32 that the paper's network sees."""
    activation: Literal["tanh", "relu", "gelu", "silu"] = "tanh"
    """The bend after each layer but the last; relu trains faster."""
    pooling: Literal["average", "max"] = "average"
    """How 2x2 pixels become one: their mean, as in 1998, or the largest, as most do since."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "in_channels", "height", "width", "num_outputs", "channels", "hidden", "kernel")
        require_at_least(self, 0, "padding")
        y, x = self.last_map()
        require(
            min(y, x) > 0,
            "padding",
            f"a {self.height}x{self.width} image is too small for two {self.kernel}x{self.kernel} convolutions padded "
            f"by {self.padding[0]} and {self.padding[1]} with 2x2 pooling after each",
            "raise padding, [2, 2] say, or take a smaller kernel",
        )

    def last_map(self) -> tuple[int, int]:
        """Height and width of the last map; 0 or less where the image is too small."""
        y, x = self.height, self.width
        for zeros in self.padding:
            y, x = (max(0, output_length(n, self.kernel, padding=zeros)) // 2 for n in (y, x))
        return y, x


class Lenet(nn.Module):
    """conv, pool, conv, pool, then three fully connected layers, with an activation after each layer but the last.

    What is kept of 1998: the sizes, tanh, subsampling by the mean. What is changed, as nearly everybody does: every map
    of the second convolution sees all maps of the first (the paper's Table I gives each a choice of them);
    subsampling has no gain and offset of its own; tanh is plain, not 1.7159 tanh(2x/3); the last layer is linear, for
    a softmax to follow, where the paper has distances to drawn figures. On 28x28 grey images: 61,706 parameters.
    Initialisation: the layers' own, the last a tenth of it (`shrink_head`).

    Raises: RecipeError when an image has another number of channels than the config.
    """

    def __init__(self, config: LenetConfig) -> None:
        super().__init__()
        self.config = config
        first, second = config.channels
        wide, narrow = config.hidden
        y, x = config.last_map()
        self.conv1 = Conv2d(config.in_channels, first, config.kernel, padding=config.padding[0])
        self.conv2 = Conv2d(first, second, config.kernel, padding=config.padding[1])
        self.linear1, self.linear2 = Linear(second * y * x, wide), Linear(wide, narrow)
        self.head = Linear(narrow, config.num_outputs)
        self.bend = activation(config.activation)
        self.pool = current("average_pool2d" if config.pooling == "average" else "max_pool2d")
        shrink_head(self.head)

    def forward(self, x: Float[Tensor, "B C Y X"], keep: None = None) -> Float[Tensor, "B num_outputs"]:
        x = channels_last("lenet", x, self.config.in_channels, (self.config.height, self.config.width))
        x = self.pool(self.bend(self.conv1(x)), 2)
        x = self.pool(self.bend(self.conv2(x)), 2).flatten(1)
        return self.head(self.bend(self.linear2(self.bend(self.linear1(x)))))
