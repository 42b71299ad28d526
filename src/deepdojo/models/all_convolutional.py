"""All-convolutional network: steps of two in place of pooling, 1x1 kernels in place of fully connected layers.

Source: Springenberg, Dosovitskiy, Brox & Riedmiller 2015, "Striving for simplicity: the all convolutional net",
    All-CNN-C
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.batch_normalisation import BatchNorm2d
from deepdojo.layers.convolution import Conv2d
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.hook import current
from deepdojo.models.checks import require, require_at_least, require_shares
from deepdojo.models.heads import shrink_head
from deepdojo.models.images import channels_last

__all__ = ["AllConvolutional", "AllConvolutionalConfig"]


@dataclass(frozen=True)
class AllConvolutionalConfig:
    """Arguments of `all_convolutional`. The defaults are All-CNN-C: 1.37 million parameters for 10 classes."""

    in_channels: int
    """1 for grey images, 3 for colour. From the data."""
    height: int
    """Rows of pixels. From the data."""
    width: int
    """Columns of pixels. From the data."""
    num_outputs: int
    """Classes. From the data."""
    channels: tuple[int, int] = (96, 192)
    """Channels of the first three convolutions, and of the five after them."""
    last_padding: int = 0
    """Zeros around the last 3x3 convolution, pixels: 0 as in the paper, 1 for images under 9 pixels."""
    batch_norm: bool = False
    """Whether batch normalisation stands after each convolution but the last; the paper has none."""
    input_dropout: float = 0.2
    """Share of the image's numbers that are silenced in training."""
    dropout: float = 0.5
    """Share silenced in training after each convolution that halves the map."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "in_channels", "height", "width", "num_outputs", "channels")
        require_at_least(self, 0, "last_padding")
        require_shares(self, "input_dropout", "dropout")
        y, x = (-(-n // 4) for n in (self.height, self.width))
        require(
            min(y, x) + 2 * self.last_padding >= 3,
            "last_padding",
            f"a {self.height}x{self.width} image leaves a {y}x{x} map, too small for a 3x3 kernel padded by "
            f"{self.last_padding}",
            "take last_padding = 1",
        )


class AllConvolutional(nn.Module):
    """Nine convolutions with a rectifier after each: 3x3 twice and once with step 2, again so, 3x3, 1x1, 1x1, the mean.

    The last 1x1 convolution has one map for each class; its mean over space is the class's score (as everywhere, no
    softmax; and no rectifier after it, which the paper has: it would silence a class that is never right at the start).
    Initialisation: normal with variance 2 / (inputs of an output) (He et al. 2015), biases 0; the last a tenth of its
    own (`shrink_head`).

    Raises: RecipeError when an image has another number of channels than the config.
    """

    def __init__(self, config: AllConvolutionalConfig) -> None:
        super().__init__()
        self.config = config
        a, b = config.channels
        plan = [  # input, output, kernel, stride, padding
            (config.in_channels, a, 3, 1, 1),
            (a, a, 3, 1, 1),
            (a, a, 3, 2, 1),
            (a, b, 3, 1, 1),
            (b, b, 3, 1, 1),
            (b, b, 3, 2, 1),
            (b, b, 3, 1, config.last_padding),
            (b, b, 1, 1, 0),
        ]
        bias = not config.batch_norm  # the norm's bias does that work
        self.convs = nn.ModuleList(Conv2d(*sizes, bias=bias) for sizes in plan)
        self.norms = nn.ModuleList(BatchNorm2d(sizes[1]) if config.batch_norm else nn.Identity() for sizes in plan)
        self.head = Conv2d(b, config.num_outputs, 1)
        self.input_dropout, self.dropout = Dropout(config.input_dropout), Dropout(config.dropout)
        self.relu = current("relu")
        self.average_over_space = current("average_over_space")
        for conv in self.convs:
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")  # type: ignore[arg-type]
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
        shrink_head(self.head)

    def forward(self, x: Float[Tensor, "B C Y X"], keep: None = None) -> Float[Tensor, "B num_outputs"]:
        x = channels_last("all_convolutional", x, self.config.in_channels, (self.config.height, self.config.width))
        x = self.input_dropout(x)
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = self.relu(norm(conv(x)))
            if i in (2, 5):
                x = self.dropout(x)
        return self.average_over_space(self.head(x))
