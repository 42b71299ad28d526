"""Inception v3: modules of parallel branches with factorised kernels, narrow stem, auxiliary head.

Source: Szegedy, Vanhoucke, Ioffe, Shlens & Wojna 2015, "Rethinking the Inception architecture for computer vision"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.layers.convolution_padding import output_length
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import current
from deepdojo.layers.pooling import max_pool2d
from deepdojo.models.checks import require, require_at_least, require_shares
from deepdojo.models.heads import shrink_head
from deepdojo.models.images import channels_last
from deepdojo.models.inception_auxiliary_head import AuxiliaryHead
from deepdojo.models.inception_modules import ConvNorm, ModuleA, ModuleB, ModuleC, ModuleD, ModuleE
from deepdojo.models.resnet_blocks import initialise_convolutions

__all__ = ["Inception", "InceptionConfig"]

LEAST = {"imagenet": 75, "small": 7}  # pixels a side, so that the last map has one


@dataclass(frozen=True)
class InceptionConfig:
    """Arguments of `inception`. On 299x299 images with 1,000 classes: 23,834,568 parameters, 27,161,264 with the
    auxiliary head."""

    in_channels: int
    """1 for grey images, 3 for colour. From the data."""
    height: int
    """Rows of pixels. From the data."""
    width: int
    """Columns of pixels. From the data."""
    num_outputs: int
    """Classes. From the data."""
    stem: Literal["auto", "imagenet", "small"] = "auto"
    """The paper's stem, which makes 35x35 maps of 299x299 pixels, or one for small images, which keeps their size; auto
    takes the paper's from 75x75 pixels on."""
    width_multiplier: float = 1.0
    """Channels of every layer, as a multiple of the paper's; a quarter has about a sixteenth of the parameters."""
    auxiliary: bool = False
    """Whether the auxiliary head is there; its loss counts 0.4 in training, and nothing runs it in evaluation."""
    dropout: float = 0.5
    """Share of the pooled features that are silenced in training."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "in_channels", "height", "width", "num_outputs")
        require_shares(self, "dropout")
        w = self.width_multiplier
        require(w > 0, "width_multiplier", f"width_multiplier must be above 0, got {w}")
        least = LEAST[self.chosen_stem()]
        require(
            min(self.height, self.width) >= least,
            "stem",
            f"a {self.height}x{self.width} image is too small for the {self.chosen_stem()} stem, which needs "
            f"{least}x{least} pixels",
            "take stem = 'small'" if self.chosen_stem() == "imagenet" else "take cnn or resnet",
        )

    def chosen_stem(self) -> str:
        """`stem`, with auto decided by the size of the images."""
        if self.stem != "auto":
            return self.stem
        return "imagenet" if min(self.height, self.width) >= LEAST["imagenet"] else "small"

    def scaled(self, channels: int) -> int:
        """The paper's number of channels times `width_multiplier`, at least 1."""
        return max(1, round(channels * self.width_multiplier))

    def maps(self) -> list[tuple[int, int]]:
        """Height and width of the maps that the modules A, C and E work on."""
        size = (self.height, self.width)
        if self.chosen_stem() == "imagenet":  # 3x3 step 2, 3x3, 3x3 padded, pool, 1x1, 3x3, pool
            for kernel, stride in ((3, 2), (3, 1), (3, 2), (3, 1), (3, 2)):
                size = (output_length(size[0], kernel, stride), output_length(size[1], kernel, stride))
        sizes = [size]
        for _ in "BD":
            size = (output_length(size[0], 3, 2), output_length(size[1], 3, 2))
            sizes.append(size)
        return sizes


class Inception(nn.Module):
    """Stem; three modules A; B; four C; D; two E; the mean over space, dropout, a linear head.

    The auxiliary head sits on the last C. `forward` gives the logits alone, as every classifier does. In
    training the task of image classification adds the loss of the auxiliary head (`AuxiliaryClassifier`):

        logits, auxiliary = model.forward_with_auxiliary(x)
        loss = cross_entropy(logits, target) + 0.4 * cross_entropy(auxiliary, target)

    (0.4 as in TensorFlow's and PyTorch's own examples; GoogLeNet of 2014 took 0.3). In evaluation the logits count.
    The paper adds label smoothing of 0.1 (section 7: `train.label_smoothing` in a recipe).
    Initialisation: convolutions normal with variance 2 / (inputs of an output) (He et al. 2015), norms 1 and 0, the
    heads a tenth of the Linear layer's own (`shrink_head`).

    Raises: RecipeError when an image has another size or number of channels than the config, or when there is no
    auxiliary head to give logits.
    """

    def __init__(self, config: InceptionConfig) -> None:
        super().__init__()
        self.config = config
        scale = config.scaled
        large = config.chosen_stem() == "imagenet"
        self.max_pool2d = current("max_pool2d") if large else max_pool2d
        a, b, c, d = scale(32), scale(64), scale(80), scale(192)
        self.stem1 = nn.Sequential(
            ConvNorm(config.in_channels, a, 3, 2 if large else 1, same=not large),
            ConvNorm(a, a, 3, same=not large),
            ConvNorm(a, b, 3),
        )
        self.stem2 = nn.Sequential(ConvNorm(b, c, 1), ConvNorm(c, d, 3, same=not large))
        modules: list[ModuleA | ModuleB | ModuleC | ModuleD | ModuleE] = []
        for pooled in (32, 64, 64):
            modules.append(ModuleA(modules[-1].channels if modules else d, pooled, scale))
        modules.append(ModuleB(modules[-1].channels, scale))
        for narrow in (128, 160, 160, 192):
            modules.append(ModuleC(modules[-1].channels, narrow, scale))
        half = modules[-1].channels
        top: list[ModuleD | ModuleE] = [ModuleD(half, scale)]
        for _ in range(2):
            top.append(ModuleE(top[-1].channels, scale))
        self.lower, self.upper = nn.Sequential(*modules), nn.Sequential(*top)
        self.auxiliary = AuxiliaryHead(half, config.num_outputs, scale, config.maps()[1]) if config.auxiliary else None
        self.average_over_space = current("average_over_space")
        self.dropout = Dropout(config.dropout)
        self.head = Linear(top[-1].channels, config.num_outputs)
        initialise_convolutions(self)
        shrink_head(self.head)

    def forward(
        self, x: Float[Tensor, "B C Y X"], keep: None = None, auxiliary: bool = False
    ) -> Float[Tensor, "B num_outputs"] | tuple[Float[Tensor, "B num_outputs"], Float[Tensor, "B num_outputs"]]:
        """The logits; where `auxiliary` is asked for, those of the auxiliary head beside them."""
        halfway = self._halfway(x)
        if not auxiliary:
            return self._top(halfway)
        if self.auxiliary is None:
            raise RecipeError("this inception has no auxiliary head; build it with auxiliary = true")
        return self._top(halfway), self.auxiliary(halfway)

    def forward_with_auxiliary(
        self, x: Float[Tensor, "B C Y X"]
    ) -> tuple[Float[Tensor, "B num_outputs"], Float[Tensor, "B num_outputs"]]:
        """The logits, and those of the auxiliary head, for the loss in training."""
        return self(x, auxiliary=True)

    def _halfway(self, x: Tensor) -> Tensor:
        x = channels_last("inception", x, self.config.in_channels, (self.config.height, self.config.width))
        x = self.stem1(x)
        if self.config.chosen_stem() == "small":
            return self.lower(self.stem2(x))
        return self.lower(self.max_pool2d(self.stem2(self.max_pool2d(x, 3, 2)), 3, 2))

    def _top(self, x: Tensor) -> Tensor:
        return self.head(self.dropout(self.average_over_space(self.upper(x))))
