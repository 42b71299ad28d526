"""What all tasks that choose one class share: cross-entropy, probabilities, the label of the highest one."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.data.codecs.labels import Labels
from deepdojo.data.rowset import counts_of
from deepdojo.errors import DataError
from deepdojo.layers import current
from deepdojo.tasks.base import Batch, Part, Row, Task, mean_of

__all__ = ["Classification"]


@dataclass(frozen=True)
class Classification(Task):
    """Cross-entropy -log softmax(scores)[label] over the classes of the training rows.

    With `log_shares`, the logarithms of the classes' shares of the training rows, the loss is
    -log softmax(scores + log_shares)[label] and predictions are of the scores alone: they are right for classes that
    come in equal shares, whatever the shares of the labels are (logit adjustment, Menon et al. 2021, equation 10 with
    tau = 1).

    Of two classes the one named `positive` is given from the probability `positive_from` on, where a project has a
    `threshold`; else the likelier one.

    Attributes:
        chosen_by, chosen_on: the metric that chose `positive_from`, and on how many validation rows; empty and 0 where
            the project gives a number.
    """

    labels: Labels
    log_shares: tuple[float, ...] = field(default=(), kw_only=True)
    positive: str = field(default="", kw_only=True)
    positive_from: float = field(default=0.5, kw_only=True)
    chosen_by: str = field(default="", kw_only=True)
    chosen_on: int = field(default=0, kw_only=True)

    soft: ClassVar[bool] = True

    def classes(self) -> dict[str, int]:
        return {"label": len(self.labels)}

    @abstractmethod
    def scores(self, model: nn.Module, batch: Batch) -> Float[Tensor, "B C"]:
        """Unnormalised log-probabilities."""

    @staticmethod
    def fit_labels(rows: Sequence[Row]) -> Labels:
        labels = Labels.fit(row["label"] for row in rows)
        if len(labels) < 2:
            raise DataError(
                f"the training rows hold {len(labels)} class, and a classifier needs two",
                where="label",
                todo="choose another target or split",
            )
        return labels

    def target(self, row: Row) -> int | None:
        """The class index, or None for a class that training rows do not hold: nothing can be learned from it."""
        return self.labels.encode(row["label"])

    def balanced(self, rows: Sequence[Row]) -> Self:
        """The same for classes in equal shares; `rows` are the training rows."""
        counts = counts_of(rows, "label")
        shares = tuple(math.log(counts[name] / len(rows)) for name in self.labels.names)
        return replace(self, log_shares=shares)

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        scores = self.scores(model, self.prepare(batch))
        if self.log_shares:
            scores = scores + scores.new_tensor(self.log_shares)
        total = self.surprise(scores, batch)
        return total, torch.ones_like(total)

    @staticmethod
    def surprise(scores: Float[Tensor, "B C"], batch: Batch) -> Float[Tensor, " B"]:
        """The cross-entropy of each example."""
        return current("cross_entropy")(scores.float(), batch["label"], reduction="none")

    def predict(self, model: nn.Module, batch: Batch) -> list[Part]:
        scores = self.scores(model, self.prepare(batch))
        return list(torch.softmax(scores.cpu().double(), dim=-1).numpy())

    def choice(self, probabilities: Float[np.ndarray, " C"]) -> int:
        """The index of the class that these probabilities mean."""
        best = int(probabilities.argmax())
        at = self.labels.encode(self.positive) if self.positive else None
        if at is None:
            return best
        return at if probabilities[at] >= self.positive_from else 1 - at

    def decode(self, row: Row, parts: list[Part]) -> dict[str, Any]:
        probabilities = mean_of(parts)
        return {
            "label": self.labels.decode(self.choice(probabilities)),
            "probabilities": dict(zip(self.labels.names, map(float, probabilities), strict=True)),
        }
