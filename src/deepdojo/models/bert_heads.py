"""What stands on top of BERT's encoder: masked-word scores, one row of scores for the text, one for each word.

Dimensions: B batch, T time, D width, V vocabulary, C outputs.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.activations import activation
from deepdojo.layers.dropouts import Dropout
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import current
from deepdojo.layers.layer_normalisation import LayerNorm

__all__ = ["MaskedWordHead", "OutputHead", "Pooler"]


class MaskedWordHead(nn.Module):
    """Scores of every token at a step: E norm(f(W h + b)) + c, E the table of token vectors unless untied.

    Source: Devlin et al. 2019, section 3.1 (task 1).
    """

    def __init__(self, width: int, vocab_size: int, bend: str, eps: float, tied: bool) -> None:
        super().__init__()
        self.dense, self.norm = Linear(width, width), LayerNorm(width, eps)
        self.bend = activation(bend)
        self.bias = nn.Parameter(torch.zeros(vocab_size))
        self.decoder = None if tied else Linear(width, vocab_size, bias=False)
        self.apply_linear = current("linear")

    def forward(self, h: Float[Tensor, "*B D"], table: Float[Tensor, "V D"]) -> Float[Tensor, "*B V"]:
        h = self.norm(self.bend(self.dense(h)))
        return self.apply_linear(h, table if self.decoder is None else self.decoder.weight, self.bias)


class Pooler(nn.Module):
    """tanh(W h + b) of the first step's state, which stands for the whole text."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = Linear(width, width)
        self.bend = activation("tanh")

    def forward(self, h: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        return self.bend(self.dense(h))


class OutputHead(nn.Module):
    """Dropout and one linear layer: of the pooled text (classifier, next sentence) or of each step (tags, spans)."""

    def __init__(self, width: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.dropout, self.dense = Dropout(dropout), Linear(width, outputs)

    def forward(self, h: Float[Tensor, "*B D"]) -> Float[Tensor, "*B C"]:
        return self.dense(self.dropout(h))
