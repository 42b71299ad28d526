"""Words of a sentence -> a tag for each: chunks, named entities, parts of speech.

Legend: B sentences in a batch, T words, F features of a word, W characters of a word, C tags.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from deepdojo.data.codecs.spelling import FEATURES, PAD, UNKNOWN, Vocabulary, normal_word, spelling_of
from deepdojo.data.codecs.tags import Tags
from deepdojo.data.rowset import column
from deepdojo.errors import DataError, UnknownNameError
from deepdojo.layers import current
from deepdojo.tasks.base import Batch, Example, Part, Piece, Row, Task

__all__ = ["Tagging", "task"]

WORD_CHARACTERS = 20
"""Characters of a word that are read: of a longer one the first and the last ten."""
SINGLE_SIGNS = 1.5
"""Words of fewer signs in the mean are signs: their neighbours are features, not their beginnings and ends."""
LABEL_SIGNS = 40


@dataclass(frozen=True)
class Tagging(Task):
    """Ids of words, of their spelling, and of their part of speech where the project has it. Chunks are learned as
    IOBES and given back in the scheme of the data. A sentence of more than `max_tokens` words becomes several windows.
    """

    vocabulary: Vocabulary
    spelling: str
    features: tuple[Vocabulary, ...]
    tags: Tags
    lower: bool
    rare: float
    reads_pos: bool
    characters: Vocabulary
    max_tokens: int

    name: ClassVar[str] = "tagging"
    protocol: ClassVar[str] = "Tagger"
    ragged: ClassVar[frozenset[str]] = frozenset({"words", "shapes", "tags"})
    length: ClassVar[str | None] = "words"
    blank: ClassVar[Mapping[str, float]] = {"words": UNKNOWN, "shapes": UNKNOWN}

    @classmethod
    def fit(
        cls,
        rows: Sequence[Row],
        *,
        lower: bool = True,
        max_words: int = 50_000,
        word_dropout: float = 0.25,
        spelling: str = "auto",
        pos: bool = True,
        characters: bool = False,
        scheme: str = "auto",
        max_tokens: int = 400,
    ) -> Self:
        """
        Args:
            lower: lower-case the words and write every digit as 0; shape and characters keep what a word was.
            max_words: the most frequent words that are kept; all others are unknown.
            word_dropout: in training a word that occurs n times is unknown with probability word_dropout /
            (word_dropout + n), so that the model learns what to do with unknown words from the rarest ones.
            spelling: affixes (two to four last letters, two and three first ones, the shape), neighbours (pairs with
            the sign before and after), none, or auto: neighbours where words are single signs, as in Chinese.
            pos: read the part of speech, where the project has it.
            characters: give the characters of each word, for a model that has `characters` too.
            scheme: of the tags: iob1, iob2, iobes, bmes, bilou, plain (no chunks), or auto: found.
            max_tokens: the longest window that the model reads at once.
        """
        sentences, tagged = list(column(rows, "words")), list(column(rows, "tags"))
        tags = Tags.fit(tagged, scheme)
        if len(tags) < 2:
            raise DataError(
                f"the training rows hold {len(tags)} tag, and a tagger needs two", where="tags",
                todo="choose another column or split",
            )  # fmt: skip
        if spelling not in ("auto", *FEATURES):
            raise UnknownNameError("spelling", spelling, ("auto", *FEATURES), where="task.spelling")
        if spelling == "auto":
            count = sum(map(len, sentences))
            signs = sum(len(word) for words in sentences for word in words)
            spelling = "neighbours" if signs < SINGLE_SIGNS * count else "affixes"
        spelt = [spelling_of(words, spelling) for words in sentences]
        features = [
            Vocabulary.fit(chain.from_iterable(one[i] for one in spelt), min_count=2)
            for i in range(len(FEATURES[spelling]))
        ]
        reads_pos = pos and "pos" in rows[0]
        if reads_pos:
            features.append(Vocabulary.fit(chain.from_iterable(column(rows, "pos"))))
        read = map(normal_word, chain.from_iterable(sentences)) if lower else chain.from_iterable(sentences)
        letters = chain.from_iterable(chain.from_iterable(sentences)) if characters else ()
        return cls(
            Vocabulary.fit(read, most=max_words, counted=True), spelling, tuple(features), tags, lower, word_dropout,
            reads_pos, Vocabulary.fit(letters, min_count=2, most=5_000), max_tokens,
        )  # fmt: skip

    @classmethod
    def words(cls) -> dict[str, float]:
        return {"words": UNKNOWN}  # a word that is dropped keeps its spelling, as one that nobody has seen

    def dims(self) -> dict[str, Any]:
        return {
            "vocab_size": len(self.vocabulary),
            "feature_sizes": tuple(len(feature) for feature in self.features),
            "num_characters": len(self.characters) if self.characters.names else 0,
            "num_outputs": len(self.tags),
            "max_tokens": self.max_tokens,
        }

    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        words: Sequence[str] = row["words"]
        if not words:
            raise DataError("the sentence has no words")
        tags = self.tags.encode(row["tags"]) if learn else None
        if learn and tags is None:
            return
        ids = np.array(self.vocabulary.encode(map(normal_word, words) if self.lower else words), dtype=np.int64)
        shapes = self._shapes(row)
        for start in range(0, len(words), self.max_tokens):
            window = slice(start, start + self.max_tokens)
            example: Example = {"words": ids[window]}
            if shapes.shape[1]:
                example["shapes"] = shapes[window]
            if tags is not None:
                example["tags"] = np.array(tags[window], dtype=np.int64)
            yield example

    def _shapes(self, row: Row) -> Int[np.ndarray, "T F+W"]:
        """Ids of the features of each word, and behind them those of its characters, if they are read."""
        cells = spelling_of(row["words"], self.spelling)
        if self.reads_pos:
            if row.get("pos") is None:
                raise DataError("the row has no pos, which this model reads", todo="give the part of speech")
            if len(row["pos"]) != len(row["words"]):
                raise DataError(f"the row has {len(row['words']):,} words and {len(row['pos']):,} pos")
            cells.append(row["pos"])
        ids = [feature.encode(cell) for feature, cell in zip(self.features, cells, strict=True)]
        shapes = np.array(ids, dtype=np.int64).reshape(len(ids), len(row["words"])).T
        if not self.characters.names:
            return np.ascontiguousarray(shapes)
        return np.concatenate([shapes, [self._letters(word) for word in row["words"]]], axis=1)

    def _letters(self, word: str) -> list[int]:
        half = WORD_CHARACTERS // 2
        signs = word if len(word) <= WORD_CHARACTERS else word[:half] + word[-half:]
        return self.characters.encode(signs) + [PAD] * (WORD_CHARACTERS - len(signs))

    @cached_property
    def _drop(self) -> Tensor:
        """(vocabulary,) the probability that a word is unknown in training."""
        counts = torch.tensor([0, 0, *self.vocabulary.counts], dtype=torch.float32)
        return torch.where(counts > 0, self.rare / (self.rare + counts), 0.0)

    def scores(self, model: nn.Module, batch: Batch) -> Float[Tensor, "B T C"]:
        """Unnormalised, before the CRF."""
        words, shapes, keep = batch["words"], batch.get("shapes"), batch["words_keep"]
        if shapes is None:
            shapes = words.new_zeros(*words.shape, 0)
        if model.training and self.rare > 0:
            gone = torch.rand(words.shape, device=words.device) < self._drop.to(words.device)[words]
            words = words.masked_fill(gone, UNKNOWN)
        if not self.characters.names:
            return model(words, shapes, keep).float()
        count = len(self.features)
        return model(words, shapes[..., :count], keep, shapes[..., count:]).float()

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        """-log p of the tags of a sentence; its weight is 1.

        Not its words: a batch holds sentences of like length, and one of short sentences would then move the model as
        far as one with ten times the words.
        """
        scores, keep, tags = self.scores(model, batch), batch["words_keep"], batch["tags"]
        weight = torch.ones(len(keep), device=keep.device)
        crf = getattr(model, "crf", None)
        if crf is not None:
            return crf.nll(scores, tags, keep), weight
        each = current("cross_entropy")(scores.flatten(0, 1), tags.flatten(), reduction="none")
        return each.view(tags.shape).masked_fill(~keep, 0.0).sum(1), weight

    def predict(self, model: nn.Module, batch: Batch) -> list[Part]:
        scores, keep = self.scores(model, batch), batch["words_keep"]
        crf = getattr(model, "crf", None)
        best = scores.argmax(-1) if crf is None else crf.decode(scores, keep)
        return [row[:length] for row, length in zip(best.tolist(), keep.sum(1).tolist(), strict=True)]

    def decode(self, row: Row, parts: list[Part]) -> dict[str, Any]:
        return {"tags": self.tags.decode(chain.from_iterable(parts))}

    def pieces(self, row: Row, example: Example) -> list[Piece]:
        """One piece a word (of the first window), with all that is read of it."""
        words = row["words"][: len(example["words"])]
        return [Piece(_short(word), {"words": i, "shapes": i}) for i, word in enumerate(words)]


def _short(word: str) -> str:
    return word if len(word) <= LABEL_SIGNS else word[:LABEL_SIGNS] + "…"


task = Tagging
