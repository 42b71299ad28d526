"""Image captioning: a convolutional network looks, an LSTM writes, with attention over the map or without.

Dimensions: B batch, C channels, Y and X image axes, S places of the last map, D its channels, T words, V vocabulary.
Source: Vinyals et al. 2015, "Show and tell: a neural image caption generator"; Xu et al. 2015, "Show, attend and tell"
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.layers.batch_normalisation import BatchNorm2d
from deepdojo.layers.convolution import Conv2d
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.embeddings import Embedding
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import current
from deepdojo.layers.lstm import LSTM
from deepdojo.models.checks import require, require_at_least, require_shares
from deepdojo.models.heads import shrink_head
from deepdojo.models.images import channels_last
from deepdojo.models.picture_descriptors import PictureDescriptors
from deepdojo.models.recurrent_decoders import (
    AttentiveDecoder,
    DecoderCache,
    DeepOutput,
    Seen,
    require_target,
    run_cell,
)

__all__ = ["ShowAndTell", "ShowAndTellConfig"]


@dataclass(frozen=True)
class ShowAndTellConfig:
    """Arguments of `show_and_tell`."""

    in_channels: int
    """1 for grey images, 3 for colour. From the data."""
    target_vocab_size: int
    """Tokens in the vocabulary that is written. From the data."""
    attention: Literal["none", "soft"] = "soft"
    """How the writer sees the image: as its first input (Vinyals et al.), or by attention at each word (Xu et al.)."""
    widths: tuple[int, ...] = (32, 64, 128)
    """Channels of each stage of the image network; each stage halves the map."""
    embedding_width: int = 128
    """Width of the word vectors."""
    hidden_size: int = 256
    """Width of the LSTM's state."""
    attention_width: int = 128
    """Width of the network that scores a place of the map; of no use without attention."""
    dropout: float = 0.3
    """Share silenced of word vectors and of the output's features, in training."""
    embedding_std: float = 0.1
    """Spread of the word vectors at the start."""
    descriptors: int = 0
    """Principal components of colours and edges that the writer is told at each word, beside what the image network
    sees; for few images. 0: none."""

    def __post_init__(self) -> None:
        sizes = ("widths", "embedding_width", "hidden_size", "attention_width")
        require_at_least(self, 1, "in_channels", "target_vocab_size", *sizes)
        require_at_least(self, 0, "embedding_std", "descriptors")
        require_shares(self, "dropout")
        require(len(self.widths) > 0, "widths", "widths must name at least one stage")


class _Stage(nn.Module):
    """Halves the map by a strided convolution, then adds to it: x' = f(N(conv(x))), y = f(x' + N(conv(x')))."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.down, self.norm1 = Conv2d(c_in, c_out, 3, 2, 1, bias=False), BatchNorm2d(c_out)
        self.conv, self.norm2 = Conv2d(c_out, c_out, 3, 1, 1, bias=False), BatchNorm2d(c_out)
        self.relu = current("relu")

    def forward(self, x: Float[Tensor, "B I Y X"]) -> Float[Tensor, "B O y x"]:
        x = self.relu(self.norm1(self.down(x)))
        return self.relu(x + self.norm2(self.conv(x)))


class _ImageFirst(nn.Module):
    """The image is the LSTM's first input; after it come the words alone. Source: Vinyals et al. 2015, section 3.1."""

    def __init__(self, word_size: int, memory_size: int, hidden_size: int) -> None:
        super().__init__()
        self.image = Linear(memory_size, word_size)
        self.cell = LSTM(word_size, hidden_size)

    def begin(self, cache: DecoderCache) -> None:
        assert cache.summary is not None
        nothing = self.cell.zero_state(cache.summary)
        _, cache.state = run_cell(self.cell, self.image(cache.summary).unsqueeze(1), (nothing, nothing))

    def forward(self, words: Float[Tensor, "B T E"], cache: DecoderCache) -> Seen:
        states, cache.state = run_cell(self.cell, words, cache.state)
        return states, states[..., :0], None  # no context


class ShowAndTell(nn.Module):
    """A residual network whose last map is the memory, S = y·x places; an LSTM that writes; scores of the next word.

    Deviations: the image network is small and learns with the rest (the papers take a large one that was trained
    before); words are scored from the maxout of Bahdanau et al. 2015; the doubly stochastic term of Xu et al. is a
    matter of the loss, for which `align` gives the weights. With `descriptors` the memory has one more place, the
    first: tanh of a linear layer of theirs, which is added to what the LSTM starts from and, projected, to each
    word's vector.
    Initialisation: convolutions normal with variance 2 / (inputs of an output), word vectors normal (`embedding_std`),
    the head a tenth of Linear's (`shrink_head`), the rest the layers' own.
    """

    def __init__(self, config: ShowAndTellConfig) -> None:
        super().__init__()
        self.config = config
        ins = (config.in_channels, *config.widths[:-1])
        self.stages = nn.ModuleList(_Stage(a, b) for a, b in zip(ins, config.widths, strict=True))
        E, H, D = config.embedding_width, config.hidden_size, config.widths[-1]
        self.embedding = Embedding(config.target_vocab_size, E, std=config.embedding_std)
        self.embedding_dropout = Dropout(config.dropout)
        soft = config.attention == "soft"
        self.decoder = (
            AttentiveDecoder("lstm", E, D, H, config.attention_width, gated=True) if soft else _ImageFirst(E, D, H)
        )
        self.mean_over_time = current("mean_over_time")
        self.descriptors = PictureDescriptors(config.in_channels, config.descriptors) if config.descriptors else None
        if self.descriptors is not None:
            self.gist, self.gist_to_word = Linear(config.descriptors, D), Linear(D, E, bias=False)
            self.gist_dropout, self.tanh = Dropout(config.dropout), current("tanh")
        self.output = DeepOutput(H, E, D if soft else 0, E)
        self.dropout = Dropout(config.dropout)
        self.head = Linear(E, config.target_vocab_size)
        for module in self.stages.modules():
            weight = getattr(module, "weight", None)
            if isinstance(weight, nn.Parameter) and weight.dim() == 4:
                nn.init.kaiming_normal_(weight, nonlinearity="relu")
        shrink_head(self.head)

    @property
    def attends(self) -> bool:
        """Whether `align` has weights to give."""
        return self.config.attention == "soft"

    def new_cache(self) -> DecoderCache:
        """An empty cache for `decode`, whose first call fills it."""
        return DecoderCache()

    def encode(self, image: Float[Tensor, "B C Y X"], keep: None = None) -> Float[Tensor, "B S D"]:
        """The memory: what the image network sees at each place of its last map, row by row."""
        x = channels_last("show_and_tell", image, self.config.in_channels)
        for stage in self.stages:
            x = stage(x)
        places = x.flatten(2).transpose(1, 2)
        if self.descriptors is None:
            return places
        gist = self.gist_dropout(self.tanh(self.gist(self.descriptors(image))))
        return torch.cat([gist.unsqueeze(1), places], 1)

    def prime(self, images: Iterable[Float[Tensor, "B C Y X"]]) -> None:
        """Let the descriptors, if there are any, look once at all training images."""
        if self.descriptors is not None:
            self.descriptors.prime(images)

    def map_size(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the last map for an image of that size: how `align`'s S places lie on it."""
        for _ in self.config.widths:
            height, width = -(-height // 2), -(-width // 2)
        return height, width

    def decode(
        self,
        target: Int[Tensor, "B T"],
        memory: Float[Tensor, "B S D"],
        keep: Bool[Tensor, "B S"] | None = None,
        cache: DecoderCache | None = None,
    ) -> Float[Tensor, "B T V"]:
        """Scores of the word after each target word. With `cache`, `target` comes after what was decoded with it
        before, and memory and `keep` are those of the first call, which the cache holds (and reorders)."""
        return self._decode(target, memory, keep, cache)[0]

    def align(self, image: Float[Tensor, "B C Y X"], target: Int[Tensor, "B T"]) -> Float[Tensor, "B T S"]:
        """How much each step looks at each place of the map (`map_size`). Raises RecipeError without attention."""
        weights = self._decode(target, self.encode(image), None, None)[1]
        if weights is None:
            raise RecipeError("show_and_tell with attention = none has no weights to draw", where="model.attention")
        return weights

    def forward(
        self, source: Float[Tensor, "B C Y X"], target: Int[Tensor, "B T"], keep: None = None
    ) -> Float[Tensor, "B T V"]:
        return self.decode(target, self.encode(source))

    def _decode(
        self, target: Tensor, memory: Tensor, keep: Tensor | None, cache: DecoderCache | None
    ) -> tuple[Tensor, Tensor | None]:
        cache = DecoderCache() if cache is None else cache
        require_target(target, memory, cache)
        if not cache.state:
            first = 0 if self.descriptors is None else 1  # the place of the gist, at which attention does not look
            places, keep = memory[:, first:], None if keep is None else keep[:, first:]
            cache.memory, cache.keep, cache.summary = places, keep, self.mean_over_time(places, keep)
            if first:
                cache.gist = self.gist_to_word(memory[:, 0])
                cache.summary = cache.summary + memory[:, 0]
            self.decoder.begin(cache)
        words = self.embedding_dropout(self.embedding(target))
        if cache.gist is not None:
            words = words + cache.gist.unsqueeze(1)
        states, contexts, weights = self.decoder(words, cache)
        cache.length += target.shape[1]
        return self.head(self.dropout(self.output(states, words, contexts))), weights
