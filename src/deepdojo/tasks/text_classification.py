"""Text -> class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.data.codecs.tokenizer import UNKNOWN, Tokenizer
from deepdojo.tasks.base import Batch, Example, Piece, Row
from deepdojo.tasks.classification import Classification

__all__ = ["TextClassification", "task"]


@dataclass(frozen=True)
class TextClassification(Classification):
    """Word ids. A text longer than `max_tokens` becomes several windows, whose probabilities are averaged."""

    tokenizer: Tokenizer
    max_tokens: int

    name: ClassVar[str] = "text-classification"
    protocol: ClassVar[str] = "Classifier"
    ragged: ClassVar[frozenset[str]] = frozenset({"tokens"})
    length: ClassVar[str | None] = "tokens"
    blank: ClassVar[Mapping[str, float]] = {"tokens": UNKNOWN}

    @classmethod
    def fit(
        cls,
        rows: Sequence[Row],
        *,
        lower: bool = True,
        min_count: int = 2,
        max_words: int = 50_000,
        max_tokens: int = 400,
    ) -> Self:
        """
        Args:
            lower: lower-case the text.
            min_count: a word seen less often in training rows is unknown; at 2 the model meets unknown words in
            training.
            max_words: the most frequent words that are kept.
            max_tokens: the longest window that the model reads at once.
        """
        tokenizer = Tokenizer.fit((row["text"] for row in rows), lower=lower, min_count=min_count, max_words=max_words)
        return cls(cls.fit_labels(rows), tokenizer, max_tokens)

    def dims(self) -> dict[str, Any]:
        return {"vocab_size": len(self.tokenizer), "num_outputs": len(self.labels), "max_tokens": self.max_tokens}

    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        target = self.target(row) if learn else None
        if learn and target is None:
            return
        ids = np.array(self.tokenizer.encode(row["text"]), dtype=np.int64)
        for start in range(0, len(ids), self.max_tokens):
            example: Example = {"tokens": ids[start : start + self.max_tokens]}
            if learn:
                example["label"] = target
            yield example

    def scores(self, model: nn.Module, batch: Batch) -> Float[Tensor, "B C"]:
        return model(batch["tokens"], batch["tokens_keep"])

    def pieces(self, row: Row, example: Example) -> list[Piece]:
        """One piece a word (of the first window)."""
        words = self.tokenizer.pieces(row["text"])[: len(example["tokens"])]
        return [Piece(word, {"tokens": i}) for i, word in enumerate(words)]


task = TextClassification
