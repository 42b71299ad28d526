"""The auxiliary head of Inception: a small classifier on a map halfway up, whose loss trains the layers below it.

Dimensions: B batch, I input channels, Y and X image axes.
Source: Szegedy et al. 2015, "Rethinking the Inception architecture", section 4 and figure 8: it does not speed up the
    start, as was thought in 2014, but lifts the plateau at the end, and acts as a regulariser; one is enough
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import current
from deepdojo.models.heads import shrink_head
from deepdojo.models.inception_modules import ConvNorm, Scale

__all__ = ["AuxiliaryHead"]

SIDE = 5  # of the map that the one large kernel covers whole


class AuxiliaryHead(nn.Module):
    """5x5 means with step 3 (17x17 becomes 5x5), 1x1 to 128, 5x5 to 768, the mean over what is left, a linear layer.

    A map too small for that (under 17 pixels) is brought to 5x5 by adaptive pooling instead.

    Args:
        c_in: channels of the map.
        num_outputs: classes.
        scale: from the paper's number of channels to this network's.
        map_size: height and width of the map.
    """

    def __init__(self, c_in: int, num_outputs: int, scale: Scale, map_size: tuple[int, int]) -> None:
        super().__init__()
        self.one = ConvNorm(c_in, scale(128), 1)
        self.five = ConvNorm(scale(128), scale(768), SIDE, same=False)
        self.head = Linear(scale(768), num_outputs)
        self.enough = min(map_size) >= SIDE + 3 * (SIDE - 1)
        self.pool = current("average_pool2d" if self.enough else "adaptive_average_pool2d")
        self.average_over_space = current("average_over_space")
        shrink_head(self.head)

    def forward(self, x: Float[Tensor, "B I Y X"]) -> Float[Tensor, "B num_outputs"]:
        x = self.pool(x, SIDE, 3) if self.enough else self.pool(x, SIDE)
        return self.head(self.average_over_space(self.five(self.one(x))))
