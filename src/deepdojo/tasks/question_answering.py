"""Question and context -> the words of the context that answer it.

Legend: B examples in a batch, S question words, T passage tokens, W span lengths.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.data.codecs.match_features import FEATURES, Matches, MatchFeatures
from deepdojo.data.codecs.passages import SHAPES, Passage, passage_of
from deepdojo.data.codecs.question_words import QUESTION_KINDS, focus_of, kind_of
from deepdojo.data.codecs.tokenizer import UNKNOWN, Tokenizer
from deepdojo.data.rowset import column
from deepdojo.errors import DataError, RecipeError
from deepdojo.layers import current
from deepdojo.tasks.base import Batch, Example, Part, Piece, Row, Task

__all__ = ["QuestionAnswering", "task"]

SUFFIX = 3
LONGEST_QUESTION = 60
SCALED = 1000
"""Training rows from which mean and spread of the features are taken."""


@dataclass(frozen=True)
class QuestionAnswering(Task):
    """-ln p of the right span among all spans of at most `max_span` tokens that lie inside a sentence.

    The `sentences` that share most with the question are read, in windows of at most `max_tokens` tokens: whole
    sentences, as many as fit. In training the sentence with the answer is always among them, and windows without it are
    left out. The answer is the best span of all windows, as it stands in the context.
    """

    tokenizer: Tokenizer
    suffixes: tuple[str, ...]
    rarity: MatchFeatures
    sentences: int
    max_tokens: int
    max_span: int
    matches: bool
    means: tuple[float, ...]
    spreads: tuple[float, ...]

    name: ClassVar[str] = "question-answering"
    protocol: ClassVar[str] = "SpanReader"
    ragged: ClassVar[frozenset[str]] = frozenset({
        "question", "question_forms", "question_stems", "passage", "passage_forms", "passage_stems", "numbers",
        "sentence", "places",
    })  # fmt: skip
    length: ClassVar[str | None] = "passage"
    blank: ClassVar[Mapping[str, float]] = {
        "question": UNKNOWN, "question_forms": 0, "question_stems": 0,
        "passage": UNKNOWN, "passage_forms": 0, "passage_stems": 0, "numbers": 0.0,
    }  # fmt: skip

    @classmethod
    def fit(
        cls,
        rows: Sequence[Row],
        *,
        min_count: int = 5,
        max_words: int = 50_000,
        sentences: int = 4,
        max_tokens: int = 400,
        max_span: int = 16,
        matches: bool = True,
    ) -> Self:
        """
        Args:
            min_count: a word seen less often in training questions and contexts is unknown.
            max_words: the most frequent words that are kept.
            sentences: how many sentences of a context are read, those that share most with the question; 0: all.
            max_tokens: the longest window that the model reads at once.
            max_span: tokens of the longest answer.
            matches: whether the model is told which words of the context stand in the question.
        """
        if max_span < 1 or max_tokens < max_span:
            raise RecipeError("an answer must fit into a window", where="task.max_span", todo="give 1 to max_tokens")
        counts: Counter[str] = Counter()
        for text in (*dict.fromkeys(column(rows, "context")), *column(rows, "question")):
            counts.update(word.lower() for word in passage_of(text).words)
        ranked = sorted((w for w, c in counts.items() if c >= min_count), key=lambda w: (-counts[w], w))[:max_words]
        endings: Counter[str] = Counter()
        for word, count in counts.items():
            endings[word[-SUFFIX:]] += count
        suffixes = sorted(ending for ending, count in endings.items() if count >= 2 * min_count)
        rarity = MatchFeatures.fit(column(rows, "context"))
        options = (sentences, max_tokens, max_span, matches)
        same = ((0.0,) * len(FEATURES), (1.0,) * len(FEATURES))
        plain = cls(Tokenizer(tuple(ranked)), tuple(suffixes), rarity, *options, *same)
        means, spreads = plain._scale(rows)
        return dataclasses.replace(plain, means=means, spreads=spreads)

    def _scale(self, rows: Sequence[Row]) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of each feature over `SCALED` rows, spread evenly; 1 for one that is constant."""
        some = [rows[i] for i in range(0, len(rows), -(-len(rows) // SCALED))]
        numbers = np.concatenate([ex["numbers"] for row in some for ex in self.encode(row, learn=False)])
        spread = numbers.astype(np.float64).std(axis=0)
        means = numbers.mean(axis=0, dtype=np.float64)
        return tuple(means.tolist()), tuple(np.where(spread > 1e-3, spread, 1.0).tolist())

    def dims(self) -> dict[str, Any]:
        return {
            "vocab_size": len(self.tokenizer), "form_sizes": [len(self.suffixes) + 1, len(SHAPES) + 1],
            "num_features": len(FEATURES), "num_kinds": len(QUESTION_KINDS), "max_span": self.max_span,
        }  # fmt: skip

    @property
    def eval_tokens(self) -> int:
        """So many that the scores of all pairs of tokens stay below 64 MB."""
        return min(super().eval_tokens, (1 << 24) // self.max_tokens)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {word: i + 2 for i, word in enumerate(self.tokenizer.words)}

    @cached_property
    def _endings(self) -> dict[str, int]:
        return {ending: i + 1 for i, ending in enumerate(self.suffixes)}

    @cached_property
    def _mean(self) -> np.ndarray:
        return np.array(self.means, dtype=np.float32)

    @cached_property
    def _spread(self) -> np.ndarray:
        return np.array(self.spreads, dtype=np.float32)

    # ----- rows to examples

    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        question, passage = passage_of(row["question"]), passage_of(row["context"])
        for name, text in (("question", question), ("context", passage)):
            if not len(text):
                raise DataError(f"the {name} is empty")
        found = self.rarity.matches(question, passage)
        answer = self._answer(row, passage, found) if learn else None
        if learn and answer is None:
            return
        asked = self._question(found)
        for chosen in self._windows(passage, found, None if answer is None else int(passage.sentence[answer[0]])):
            example = {**asked, **self._passage(passage, found, chosen)}
            if answer is not None:
                first = int(np.searchsorted(chosen, answer[0]))
                if first == len(chosen) or chosen[first] != answer[0]:
                    continue
                example["span"] = np.array([first, answer[1] - answer[0]], dtype=np.int64)
            yield example

    def _answer(self, row: Row, passage: Passage, found: Matches) -> tuple[int, int] | None:
        """(first, last) token of the answer, where it can be learned: short enough and inside a sentence.

        It stands where `starts` says, if it does; else where it occurs in the sentence that shares most with the
        question.
        """
        context, starts = row["context"], row.get("starts")
        for at, given in enumerate(row["answers"]):
            text = given.strip()
            start = -1 if starts is None or at >= len(starts) else int(starts[at])
            if start >= 0 and context.startswith(given, start):
                spots = [start + given.index(text)]
            else:
                spots = _occurrences(context, text)
            spans = [passage.tokens_at(spot, spot + len(text)) for spot in spots]
            fitting = [s for s in spans if s is not None and self._fits(passage, s)]
            if fitting:
                return max(fitting, key=lambda span: found.overlap[passage.sentence[span[0]]])
        return None

    def _fits(self, passage: Passage, span: tuple[int, int]) -> bool:
        first, last = span
        return last - first < self.max_span and passage.sentence[first] == passage.sentence[last]

    def _windows(self, passage: Passage, found: Matches, needed: int | None) -> Iterator[np.ndarray]:
        """Places of the tokens of each window: the best sentences in their order, with the one that is needed."""
        ranked = found.ranked()
        best = ranked[: self.sentences] if self.sentences else ranked
        if needed is not None and needed not in best:
            best = np.append(best[:-1], needed)
        bounds = np.searchsorted(passage.sentence, np.sort(best), side="left")
        ends = np.searchsorted(passage.sentence, np.sort(best), side="right")
        window: list[np.ndarray] = []
        size = 0
        for start, end in zip(bounds, ends, strict=True):
            for first in range(start, end, self.max_tokens):
                piece = np.arange(first, min(end, first + self.max_tokens))
                if size + len(piece) > self.max_tokens:
                    yield np.concatenate(window)
                    window, size = [], 0
                window.append(piece)
                size += len(piece)
        yield np.concatenate(window)

    def _question(self, found: Matches) -> Example:
        question, most = found.question, LONGEST_QUESTION
        words = question.words[:most]
        stems = found.numbers if self.matches else {}
        return {
            "question": self._words(words),
            "question_forms": self._forms(words, question.shapes[:most]),
            "question_stems": np.array([stems.get(stem, 0) for stem in question.stems[:most]], dtype=np.int32),
            "asked": np.array([kind_of(words), self._ids.get(focus_of(words), UNKNOWN)], dtype=np.int64),
        }

    def _passage(self, passage: Passage, found: Matches, chosen: np.ndarray) -> Example:
        words = [passage.words[i] for i in chosen]
        numbers = (self.rarity.features(passage, found, chosen) - self._mean) / self._spread
        return {
            "passage": self._words(words),
            "passage_forms": self._forms(words, passage.shapes[chosen]),
            "passage_stems": found.common[chosen] * np.int32(self.matches),
            "numbers": (numbers.clip(-9, 9) * np.float32(self.matches)).astype(np.float16),
            "sentence": passage.sentence[chosen],
            "places": passage.spans[chosen],
        }

    def _words(self, words: Sequence[str]) -> np.ndarray:
        ids = self._ids
        return np.array([ids.get(word.lower(), UNKNOWN) for word in words], dtype=np.int32)

    def _forms(self, words: Sequence[str], shapes: np.ndarray) -> np.ndarray:
        """(T, 2): ids of the last three letters, and of how a word is written; 0 is unknown or deleted."""
        endings = self._endings
        ids = np.array([endings.get(word[-SUFFIX:].lower(), 0) for word in words], dtype=np.int32)
        return np.stack([ids, shapes.astype(np.int32) + 1], axis=1)

    @classmethod
    def words(cls) -> dict[str, float]:
        return {"passage": UNKNOWN, "question": UNKNOWN}

    # ----- examples to answers

    def prepare(self, batch: Batch) -> Batch:
        return {**batch, "numbers": batch["numbers"].float()}

    def scores(self, model: nn.Module, batch: Batch) -> Float[Tensor, "B TW"]:
        """Of every span; -inf for those that cross the end of a sentence."""
        stems = batch["passage_stems"]
        same = (stems.unsqueeze(2) == batch["question_stems"].unsqueeze(1)) & (stems > 0).unsqueeze(2)
        scores = model(
            batch["question"].long(), batch["question_forms"].long(), batch["question_keep"], batch["asked"],
            batch["passage"].long(), batch["passage_forms"].long(), batch["passage_keep"],
            batch["numbers"].float(), same,
        ).float()  # fmt: skip
        sentence = batch["sentence"]
        T, W = scores.shape[1:]
        last = torch.arange(T, device=sentence.device).unsqueeze(1) + torch.arange(W, device=sentence.device)
        inside = sentence[:, last.clamp(max=T - 1)] == sentence.unsqueeze(2)
        return scores.masked_fill(~inside, -torch.inf).flatten(1)

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        span = batch["span"]
        total = current("cross_entropy")(
            self.scores(model, batch), span[:, 0] * self.max_span + span[:, 1], reduction="none"
        )
        return total, torch.ones_like(total)

    def predict(self, model: nn.Module, batch: Batch) -> list[Part]:
        """(score, where the best span begins and ends in the context, in characters) of each window."""
        best, at = self.scores(model, batch).max(1)
        first, places = at // self.max_span, batch["places"]
        rows = torch.arange(len(at), device=at.device)
        start, end = places[rows, first, 0], places[rows, first + at % self.max_span, 1]
        return list(zip(best.tolist(), start.tolist(), end.tolist(), strict=True))

    def decode(self, row: Row, parts: list[Part]) -> dict[str, Any]:
        _, start, end = max(parts, key=lambda part: part[0])
        return {"answer": row["context"][start:end]}

    def as_truth(self, row: Row, cells: Mapping[str, Any]) -> Row:
        return {**row, "answers": [cells["answer"]], "starts": None}

    def pieces(self, row: Row, example: Example) -> list[Piece]:
        """One piece a word: those of the question, then those of the first window."""
        asked, passage = passage_of(row["question"]), row["context"]
        named = ("", "_forms", "_stems")
        pieces = [
            Piece(word, {f"question{name}": i for name in named})
            for i, word in enumerate(asked.words[: len(example["question"])])
        ]
        for i, (start, end) in enumerate(example["places"]):
            pieces.append(Piece(passage[start:end], {**{f"passage{name}": i for name in named}, "numbers": i}))
        return pieces


def _occurrences(context: str, text: str) -> list[int]:
    """Where a text begins in the context, at most 1,000 places."""
    found: list[int] = []
    at = context.find(text) if text else -1
    while at >= 0 and len(found) < 1000:
        found.append(at)
        at = context.find(text, at + 1)
    return found


task = QuestionAnswering
