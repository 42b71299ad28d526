"""Bag of n-grams: a weight for each n-gram and class, scaled by how much more often the class has that n-gram.

Source: Wang & Manning 2012, "Baselines and bigrams: simple, good sentiment and topic classification" (NB-SVM; here with
    the logistic loss and all classes at once); Joulin et al. 2016, "Bag of tricks for efficient text classification"
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepdojo.layers.hook import current
from deepdojo.models.checks import require_at_least, require_shares
from deepdojo.models.tokens import embed_tokens

__all__ = ["BagOfNgrams", "BagOfNgramsConfig", "log_count_ratio"]


@dataclass(frozen=True)
class BagOfNgramsConfig:
    """Arguments of `bag_of_ngrams`. It is meant for `task.ngrams = true`; without, it reads a bag of words."""

    vocab_size: int
    """N-grams that are known. From the data."""
    num_outputs: int
    """Classes. From the data."""
    first_character: int = 0
    """The id from which on n-grams are of characters; 0 when there are none. From the data."""
    character_weight: float = 0.5
    """Weight of n-grams of characters beside those of words."""
    dropout: float = 0.5
    """Share of a text's n-grams that are left out in training."""
    naive_bayes: bool = True
    """Whether n-grams are scaled by their log-count ratio in the training texts; else by 1."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "vocab_size", "num_outputs")
        require_at_least(self, 0, "first_character", "character_weight")
        require_shares(self, "dropout")


class _Weighed(nn.Module):
    """A table of V rows, each times a ratio that is not learned, looked up by id."""

    def __init__(self, rows: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(rows, width))
        self.ratio: Tensor
        self.register_buffer("ratio", torch.ones(rows, width))
        self.look_up = current("embedding")

    def forward(self, ids: Int[Tensor, "B T"]) -> Float[Tensor, "B T C"]:
        return self.look_up(ids, self.weight * self.ratio)


class BagOfNgrams(nn.Module):
    """y_c = b_c + sum over the n-grams j of the text of r_jc w_jc, with r the log-count ratio of `weigh`.

    All w start at zero: the problem is convex and the first loss is ln(classes). In training each n-gram of a text is
    left out with probability `dropout` and the others count 1 / (1 - dropout) times (Wager et al. 2013 show that this
    is a regulariser that spares rare, telling features). Before `weigh`, r is 1.
    """

    def __init__(self, config: BagOfNgramsConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = _Weighed(config.vocab_size, config.num_outputs)
        self.bias = nn.Parameter(torch.zeros(config.num_outputs))

    @torch.no_grad()
    def weigh(self, counts: Int[Tensor, "V C"], others: Int[Tensor, "V C"] | None = None) -> None:
        """Set r from the number of training texts of each class that hold each n-gram.

        N-grams of words and of characters are two blocks, each with its own sums.

        Args:
            others: the same of the texts that are not of the class, where a text may have several classes or none;
                else those of the other classes.
        """
        if not self.config.naive_bayes:
            return
        first = self.config.first_character or len(counts)
        if others is None:
            others = counts.sum(1, keepdim=True) - counts
        words, characters = (log_count_ratio(counts[at], others[at]) for at in (slice(first), slice(first, None)))
        self.embedding.ratio.copy_(torch.cat([words, self.config.character_weight * characters]))

    def forward(self, x: Int[Tensor, "B T"], keep: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B num_outputs"]:
        votes, keep = embed_tokens(self, x, keep)  # (B, T, C)
        share = self.config.dropout
        if self.training and share > 0:
            heard = torch.rand(votes.shape[:2], device=votes.device) >= share
            votes = votes * (heard / (1 - share)).unsqueeze(-1)
        if keep is not None:
            votes = votes.masked_fill(~keep.unsqueeze(-1), 0.0)
        return self.bias + votes.sum(1)


def log_count_ratio(counts: Int[Tensor, "V C"], others: Int[Tensor, "V C"]) -> Float[Tensor, "V C"]:
    """r = log((1 + p) / |1 + p|) - log((1 + q) / |1 + q|), p the texts of a class that hold an n-gram, q the others.

    Source: Wang & Manning 2012, section 2 (alpha = 1). An n-gram that no text holds gets 0.
    """
    p = 1.0 + counts.double()
    q = 1.0 + others.double()
    ratio = torch.log(p / p.sum(0)) - torch.log(q / q.sum(0))
    return ratio.masked_fill(counts + others == 0, 0.0).float()
