"""The three networks that many learners arrive with, by the names and arguments they know: CNN, RNN, Transformer.

They stand apart from `MODELS`: no config, no recipe, the constructor alone. docs/article-models.md goes through what
the listings that they replace get wrong. Dimensions: B batch, T time, I numbers of a step, Y and X image axes.

Source: LeCun et al. 1998 (CNN); Hochreiter & Schmidhuber 1997 (RNN); Vaswani et al. 2017 (Transformer)
"""

from __future__ import annotations

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.layers.convolution import Conv2d
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.embeddings import Embedding
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import current
from deepdojo.layers.lstm import LSTM
from deepdojo.layers.positions_sinusoidal import SinusoidalPositions
from deepdojo.layers.shapes import ShapeError, require_width
from deepdojo.layers.transformer_encoder_layer import EncoderLayer
from deepdojo.models.tokens import embed_tokens

__all__ = ["CNN", "RNN", "Transformer"]

MAP_SIDE = 7


class CNN(nn.Module):
    """Colour images to 10 scores: convolutions (3x3) to 32 and 64 channels, each halved by pooling; two linear layers.

    One class serves 3x28x28 and 3x32x32 images: after the second pooling the map, 7x7 or 8x8, is averaged down to 7x7
    over overlapping windows (adaptive pooling; a 7x7 map passes unchanged), so the linear layer has 64·7·7 inputs
    whatever the image. Any image of at least 4x4 pixels works.

    Parameter names, order and initial draws are those of torch's Conv2d and Linear under conv1, conv2, fc1, fc2.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Conv2d(3, 32, 3, padding=1)
        self.conv2 = Conv2d(32, 64, 3, padding=1)
        self.fc1 = Linear(64 * MAP_SIDE * MAP_SIDE, 128)
        self.fc2 = Linear(128, 10)
        self.relu, self.max_pool2d = current("relu"), current("max_pool2d")
        self.adaptive_average_pool2d = current("adaptive_average_pool2d")

    def forward(self, x: Float[Tensor, "B 3 Y X"], keep: None = None) -> Float[Tensor, "B 10"]:
        """Raises ShapeError for an image without three channels or below 4x4 pixels."""
        require_width("CNN", x, 3, rank=4, axis=1)
        if min(x.shape[2:]) < 4:
            raise ShapeError(f"CNN halves an image twice, so it needs 4x4 pixels or more, got {tuple(x.shape)}")
        x = self.max_pool2d(self.relu(self.conv1(x)), 2)
        x = self.max_pool2d(self.relu(self.conv2(x)), 2)  # (B, 64, Y // 4, X // 4)
        x = self.adaptive_average_pool2d(x, MAP_SIDE)
        return self.fc2(self.relu(self.fc1(x.flatten(1))))


class RNN(nn.Module):
    """Sequences of numbers to scores: a stack of LSTM layers, the state after the last real step, one linear layer.

    Args:
        input_size: numbers of one step, I.
        hidden_size: width of the state.
        num_layers: LSTM layers, each reads the states of the one below.
        num_classes: scores.

    Padding never changes a result; a row without steps gets the bias of the linear layer.
    Parameter names and initial draws are those of torch's LSTM and Linear under lstm, fc.
    Raises: RecipeError for sizes below 1; ShapeError for a wrong width or mask.
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int, num_classes: int) -> None:
        super().__init__()
        _require_positive("RNN", num_classes=num_classes)
        self.lstm = LSTM(input_size, hidden_size, num_layers)
        self.fc = Linear(hidden_size, num_classes)

    def forward(
        self, x: Float[Tensor, "B T I"], keep: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B num_classes"]:
        _, (h, _) = self.lstm(x, keep)  # h: (num_layers, B, hidden_size), after each row's last real step
        return self.fc(h[-1])


class Transformer(nn.Module):
    """Token ids to scores: words and positions, encoder layers of their own weights, mean of the real words, linear.

    Args:
        input_size: tokens in the vocabulary.
        hidden_size: width of the word vectors and of every part, the feed-forward one too.
        num_layers: encoder layers.
        num_heads: heads of each attention; must divide hidden_size.
        num_classes: scores.

    Positions are sinusoidal, hence for any length, and are added to the word vectors before the first layer. Each layer
    normalises after its parts, x = norm(x + part(x)). Dropout is 0.1 in training. Padding never changes a result; a
    row without words gets the bias of the linear layer.
    Raises: RecipeError for sizes below 1 or heads that do not divide the width; ShapeError for a wrong shape or mask.
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int, num_heads: int, num_classes: int) -> None:
        super().__init__()
        _require_positive(
            "Transformer",
            input_size=input_size,
            hidden_size=hidden_size,
            num_layers=num_layers,
            num_classes=num_classes,
        )
        self.embedding = Embedding(input_size, hidden_size)
        self.positions = SinusoidalPositions(hidden_size)
        self.dropout = Dropout(0.1)
        self.layers = nn.ModuleList(
            EncoderLayer(hidden_size, num_heads, hidden_size, 0.1, "relu", norm_first=False) for _ in range(num_layers)
        )
        self.mean_over_time = current("mean_over_time")
        self.fc = Linear(hidden_size, num_classes)

    def forward(self, x: Int[Tensor, "B T"], keep: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B num_classes"]:
        words, keep = embed_tokens(self, x, keep)
        h = self.dropout(self.positions(words))
        for layer in self.layers:
            h = layer(h, keep)
        return self.fc(self.mean_over_time(h, keep))


def _require_positive(model: str, **sizes: int) -> None:
    for name, value in sizes.items():
        if value < 1:
            raise RecipeError(f"{name} must be 1 or more, got {value}", where=model)
