"""Convolutional network over a spectrum: small kernels first, then one as high as all pitches, then along time.

Where in pitch something stands is kept until one kernel has seen all of it: unlike a thing in a picture, a formant that
is moved upwards is another vowel. Where it stands in time does not matter: mean and maximum over time at the end.

Source: Abdel-Hamid et al. 2014, "Convolutional neural networks for speech recognition" (weights that are not shared
    over all pitches); Piczak 2015, "Environmental sound classification with convolutional neural networks" (a kernel
    nearly as high as the spectrum)
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.batch_normalisation import BatchNorm2d
from deepdojo.layers.convolution import Conv2d
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import current
from deepdojo.models.checks import require, require_at_least, require_shares
from deepdojo.models.heads import shrink_head
from deepdojo.models.images import channels_last

__all__ = ["SpectrogramCnn", "SpectrogramCnnConfig"]


@dataclass(frozen=True)
class SpectrogramCnnConfig:
    """Arguments of `spectrogram_cnn`."""

    in_channels: int
    """Channels of the sound. From the data."""
    bands: int
    """Pitches of the spectrum. From the data."""
    num_outputs: int
    """Classes. From the data."""
    channels: tuple[int, ...] = (24, 40, 64, 96)
    """Of the convolutions; the first has 5 x 5 weights and steps of two, the others 3 x 3. Before each but the first
    two pitch and time are halved by their maximum."""
    features: int = 128
    """Channels after the convolution over all pitches, and of that along time."""
    dropout: float = 0.3
    """Share of the features dropped before the head."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "in_channels", "bands", "num_outputs", "channels", "features")
        require_shares(self, "dropout")
        require(len(self.channels) > 0, "channels", "channels must name at least one convolution")

    def pitches(self) -> int:
        """Height of the map that the tall kernel sees."""
        height = -(-self.bands // 2)
        for _ in self.channels[2:]:
            height = max(1, height // 2)
        return height


class _Block(nn.Module):
    """y = relu(BN(conv(x)))."""

    def __init__(self, c_in: int, c_out: int, kernel: tuple[int, int], stride: int, padding: tuple[int, int]) -> None:
        super().__init__()
        self.conv = Conv2d(c_in, c_out, kernel, stride, padding, bias=False)  # the norm's bias does that work
        self.norm = BatchNorm2d(c_out)

    def forward(self, x: Float[Tensor, "B I Y X"]) -> Float[Tensor, "B O y x"]:
        return torch.relu(self.norm(self.conv(x)))


class SpectrogramCnn(nn.Module):
    """Convolutions, one over all pitches, one along time; mean and maximum over time; a linear head.

    Initialisation: convolutions normal with variance 2 / (inputs of an output) (He et al. 2015), norms 1 and 0, the
    head a tenth of the Linear layer's own (`shrink_head`).

    Raises: RecipeError when a spectrum has another number of channels or pitches than the config.
    """

    def __init__(self, config: SpectrogramCnnConfig) -> None:
        super().__init__()
        self.config = config
        sizes = [config.in_channels, *config.channels]
        self.stages = nn.ModuleList(
            _Block(a, b, (5, 5), 2, (2, 2)) if i == 0 else _Block(a, b, (3, 3), 1, (1, 1))
            for i, (a, b) in enumerate(pairwise(sizes))
        )
        self.max_pool2d = current("max_pool2d")
        self.tall = _Block(sizes[-1], config.features, (config.pitches(), 1), 1, (0, 0))
        self.along = _Block(config.features, config.features, (1, 3), 1, (0, 1))
        self.dropout = Dropout(config.dropout)
        self.head = Linear(2 * config.features, config.num_outputs)
        for module in self.modules():
            if isinstance(module, Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        shrink_head(self.head)

    def forward(self, x: Float[Tensor, "B C Y X"], keep: None = None) -> Float[Tensor, "B num_outputs"]:
        x = channels_last("spectrogram_cnn", x, self.config.in_channels, (self.config.bands, int(x.shape[-1])))
        for i, stage in enumerate(self.stages):
            x = stage(x if i < 2 else self._halved(x))
        x = self.along(self.tall(x)).squeeze(2)  # (B, D, X)
        return self.head(self.dropout(torch.cat([x.mean(2), x.amax(2)], 1)))

    def _halved(self, x: Tensor) -> Tensor:
        """An axis of length 1 stays."""
        sides = [2 if side > 1 else 1 for side in x.shape[2:]]
        return self.max_pool2d(x, (sides[0], sides[1]))
