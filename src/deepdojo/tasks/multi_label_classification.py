"""Text -> the labels that it has: none, one or several, each decided for itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.data.codecs.labels import Labels
from deepdojo.errors import DataError, RecipeError
from deepdojo.tasks.base import Batch, Part, Row, mean_of
from deepdojo.tasks.text_classification import TextClassification

__all__ = ["MultiLabelClassification", "task"]


@dataclass(frozen=True)
class MultiLabelClassification(TextClassification):
    """Texts are read as in text classification. Each label has a score s_l of its own and p_l = 1 / (1 + e^-s_l); the
    loss is the mean over labels of -y_l log p_l - (1 - y_l) log(1 - p_l), and a text gets the labels with
    p_l >= threshold. Labels that training rows do not have are never predicted, and no loss counts them.
    """

    threshold: float = 0.5

    name: ClassVar[str] = "multi-label-classification"
    soft: ClassVar[bool] = False

    @classmethod
    def fit(  # type: ignore[override]  # the options of the base, but for `balance`
        cls,
        rows: Sequence[Row],
        *,
        lower: bool = True,
        min_count: int = 2,
        max_words: int = 50_000,
        max_tokens: int = 400,
        ngrams: bool = False,
        tokens: str = "words",
        vocab_size: int = 8_000,
        threshold: float = 0.5,
    ) -> Self:
        """
        Args:
            lower: lower-case the text.
            min_count: a word seen less often in training rows is unknown.
            max_words: the most frequent words that are kept.
            max_tokens: the longest window that the model reads at once.
            ngrams: give n-grams instead of the words in their order, as in text classification.
            tokens: what the model reads one by one: words, characters, bpe or wordpiece.
            vocab_size: of bpe and wordpiece.
            threshold: the probability from which on a text has a label.
        """
        if not 0 < threshold < 1:
            raise RecipeError(f"{threshold:g} is no threshold between 0 and 1", where="task.threshold")
        fitted = super().fit(
            rows, lower=lower, min_count=min_count, max_words=max_words, max_tokens=max_tokens, ngrams=ngrams,
            tokens=tokens, vocab_size=vocab_size,
        )  # fmt: skip
        return cls(fitted.labels, fitted.tokenizer, fitted.max_tokens, fitted.ngrams, float(threshold))

    @staticmethod
    def fit_labels(rows: Sequence[Row]) -> Labels:
        labels = Labels.fit(name for row in rows for name in row["labels"])
        if not len(labels):
            raise DataError(
                "no training row has a label", where="labels", todo="choose another target, or train on other rows"
            )
        return labels

    def classes(self) -> dict[str, int]:
        return {}

    def target(self, row: Row) -> np.ndarray:  # type: ignore[override]  # all labels in one
        """(L,) float32, 1 for each label of the row."""
        hot = np.zeros(len(self.labels), dtype=np.float32)
        known = [at for at in map(self.labels.encode, row["labels"]) if at is not None]
        hot[known] = 1.0
        return hot

    def prime(self, model: nn.Module, batches: Iterable[Batch]) -> None:
        """A model with `weigh` is told in how many texts with and without each label each id occurs: counts (V, L)."""
        if not hasattr(model, "weigh"):
            return
        size, labels = int(self.dims()["vocab_size"]), len(self.labels)
        counts, texts = torch.zeros(size, labels, dtype=torch.float64), torch.zeros(size, 1, dtype=torch.float64)
        for batch in batches:
            keep = batch["tokens_keep"]
            ids, row = batch["tokens"][keep], keep.nonzero()[:, 0]
            counts.index_add_(0, ids, batch["label"].double()[row])
            texts.index_add_(0, ids, torch.ones(len(ids), 1, dtype=torch.float64))
        model.weigh(counts.long(), (texts - counts).long())  # type: ignore[operator]

    @staticmethod
    def surprise(scores: Float[Tensor, "B L"], batch: Batch) -> Float[Tensor, " B"]:
        """The binary cross-entropy of each example, its mean over labels."""
        each = nn.functional.binary_cross_entropy_with_logits(scores.float(), batch["label"], reduction="none")
        return each.mean(-1)

    def predict(self, model: nn.Module, batch: Batch) -> list[Part]:
        scores = self.scores(model, self.prepare(batch))
        return list(torch.sigmoid(scores.cpu().double()).numpy())

    def decode(self, row: Row, parts: list[Part]) -> dict[str, Any]:
        each = dict(zip(self.labels.names, map(float, mean_of(parts)), strict=True))
        return {"labels": [name for name, p in each.items() if p >= self.threshold], "probabilities": each}

    def as_truth(self, row: Row, cells: Mapping[str, Any]) -> Row:
        return {**row, "labels": cells["labels"]}


task = MultiLabelClassification
