"""Text -> class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.data.codecs.ngrams import Ngrams
from deepdojo.data.codecs.tokenizer import UNKNOWN, Tokenizer
from deepdojo.data.codecs.tokenizer_kinds import TextTokenizer, fit_tokenizer
from deepdojo.data.codecs.tokenizer_pretrained import PretrainedTokenizer
from deepdojo.data.rowset import column
from deepdojo.errors import RecipeError
from deepdojo.tasks.base import Batch, Example, Piece, Row
from deepdojo.tasks.classification import Classification

__all__ = ["TextClassification", "task"]


@dataclass(frozen=True)
class TextClassification(Classification):
    """Ids of words, or of what `tokens` says. A text longer than `max_tokens` becomes several windows, whose
    probabilities are averaged.

    With the option `ngrams` ids of n-grams in no order, of the whole text: for models that read bags.
    """

    tokenizer: TextTokenizer
    max_tokens: int
    ngrams: Ngrams = field(default_factory=Ngrams)

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
        ngrams: bool = False,
        tokens: str = "words",
        vocab_size: int = 8_000,
        balance: bool = False,
    ) -> Self:
        """
        Args:
            lower: lower-case the text.
            min_count: a word seen less often in training rows is unknown; at 2 the model meets unknown words in
            training.
            max_words: the most frequent words that are kept.
            max_tokens: the longest window that the model reads at once.
            ngrams: give the n-grams of words (1, 2) and of characters (2 to 6) that occur in at least `min_count`
            texts, instead of the words in their order.
            tokens: what the model reads one by one: words, characters, bpe (byte-level pieces of words: nothing is
            unknown) or wordpiece (pieces of words as BERT has them). Learned from the training texts.
            vocab_size: of bpe and wordpiece.
            balance: learn for classes that are tested in equal shares, whatever their shares of the training rows.
        """
        texts, labels = column(rows, "text"), cls.fit_labels(rows)
        if ngrams and tokens != "words":
            raise RecipeError("n-grams are made of words", where="task.tokens", todo="leave out one of the two")
        if ngrams:
            task = cls(labels, Tokenizer((), lower), max_tokens, Ngrams.fit(texts, lower=lower, min_count=min_count))
            return task.balanced(rows) if balance else task
        tokenizer = fit_tokenizer(
            tokens, texts, lower=lower, min_count=min_count, max_words=max_words, vocab_size=vocab_size
        )
        task = cls(labels, tokenizer, max_tokens)
        return task.balanced(rows) if balance else task

    @property
    def bags(self) -> bool:
        """Whether examples are bags of n-grams."""
        return len(self.ngrams) > len(Ngrams())

    def dims(self) -> dict[str, Any]:
        outputs = {"num_outputs": len(self.labels)}
        if self.bags:
            return {"vocab_size": len(self.ngrams), "first_character": self.ngrams.first_character, **outputs}
        return {"vocab_size": len(self.tokenizer), "max_tokens": self.max_tokens, **outputs}

    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        target = self.target(row) if learn else None
        if learn and target is None:
            return
        for ids in self._windows(row["text"]):
            example: Example = {"tokens": ids}
            if learn:
                example["label"] = target
            yield example

    def _windows(self, text: str) -> list[np.ndarray]:
        if self.bags:
            return [self.ngrams.encode(text)[0]]
        ids = np.array(self.tokenizer.encode(text), dtype=np.int64)
        if isinstance(self.tokenizer, PretrainedTokenizer):
            return self._framed(ids, self.tokenizer)
        return [ids[start : start + self.max_tokens] for start in range(0, len(ids), self.max_tokens)]

    def _framed(self, ids: np.ndarray, tokenizer: PretrainedTokenizer) -> list[np.ndarray]:
        """Windows, each with the signs around it that the network was pre-trained with."""
        first, last = len(tokenizer.before), len(ids) - len(tokenizer.after)
        size = max(1, self.max_tokens - first - len(tokenizer.after))
        ends = ids[:first], ids[last:]
        return [
            np.concatenate([ends[0], ids[start : min(start + size, last)], ends[1]])
            for start in range(first, last, size)
        ]

    def blank_of(self, entry: str) -> float:
        return float(self.tokenizer.unknown) if isinstance(self.tokenizer, PretrainedTokenizer) else self.blank[entry]

    def prime(self, model: nn.Module, batches: Iterable[Batch]) -> None:
        """A model with `weigh` is told in how many texts of each class each id occurs: counts (V, C)."""
        if not hasattr(model, "weigh"):
            return
        size, classes = int(self.dims()["vocab_size"]), len(self.labels)
        counts = torch.zeros(size * classes, dtype=torch.int64)
        for batch in batches:
            cells = (batch["tokens"] * classes + batch["label"][:, None])[batch["tokens_keep"]]
            counts += torch.bincount(cells, minlength=len(counts))
        model.weigh(counts.view(size, classes))  # type: ignore[operator]

    def scores(self, model: nn.Module, batch: Batch) -> Float[Tensor, "B C"]:
        return model(batch["tokens"], batch["tokens_keep"])

    def pieces(self, row: Row, example: Example) -> list[Piece]:
        """One piece a token (of the first window); an n-gram belongs to the word in which it first ends."""
        if self.bags:
            _, owners = self.ngrams.encode(row["text"])
            words = self.ngrams.pieces(row["text"])
            return [Piece(word, {"tokens": np.flatnonzero(owners == i).tolist()}) for i, word in enumerate(words)]
        words = self.tokenizer.pieces(row["text"])[: len(example["tokens"])]
        return [Piece(word, {"tokens": i}) for i, word in enumerate(words)]


task = TextClassification
