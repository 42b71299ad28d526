"""Text -> grade: classes in an order, such as one to five stars."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.tasks.base import Batch, Part
from deepdojo.tasks.text_classification import TextClassification

__all__ = ["OrdinalTextClassification", "task"]


@dataclass(frozen=True)
class OrdinalTextClassification(TextClassification):
    """K - 1 questions for K grades, "is it above grade k?", each a logistic regression on the same text.

    The loss is the mean of their binary cross-entropies, so a grade two steps off costs two wrong answers. The
    probability of grade k is P(> k - 1) - P(> k), with P made non-increasing in k. Grades are ordered by value where
    they are numbers, else by alphabet.

    Source: Frank & Hall 2001, "A simple approach to ordinal classification"; Niu et al. 2016, "Ordinal regression with
    multiple output CNN for age estimation"
    """

    name: ClassVar[str] = "ordinal-text-classification"
    soft: ClassVar[bool] = False

    def classes(self) -> dict[str, int]:
        """None: a label that is smoothed or mixed is no grade."""
        return {}

    def dims(self) -> dict[str, Any]:
        return {**super().dims(), "num_outputs": len(self.labels) - 1}

    def prime(self, model: nn.Module, batches: Iterable[Batch]) -> None:
        """Nothing: the questions overlap, and a weight by classes has no meaning for them."""

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        scores = self.scores(model, self.prepare(batch)).float()
        above = batch["label"][:, None] > torch.arange(scores.shape[1], device=scores.device)
        answers = nn.functional.binary_cross_entropy_with_logits(scores, above.to(scores.dtype), reduction="none")
        total = answers.mean(1)
        return total, torch.ones_like(total)

    def predict(self, model: nn.Module, batch: Batch) -> list[Part]:
        """Probabilities of the grades, (K,) float64."""
        above = torch.sigmoid(self.scores(model, self.prepare(batch)).cpu().double()).cummin(1).values
        edge = torch.ones_like(above[:, :1])
        return list((torch.cat([edge, above], 1) - torch.cat([above, 0 * edge], 1)).numpy())

    def decode(self, row: dict[str, Any], parts: list[Part]) -> dict[str, Any]:
        """The grade is the median of the distribution: of as many questions as are more likely yes than no."""
        cells = super().decode(row, parts)
        reached = np.cumsum(list(cells["probabilities"].values()))
        return {**cells, "label": self.labels.decode(int(np.searchsorted(reached, 0.5)))}


task = OrdinalTextClassification
