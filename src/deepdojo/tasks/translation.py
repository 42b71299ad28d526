"""Text -> text: a translation, a headline, a correction."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.data.codecs.tokenizer import UNKNOWN
from deepdojo.data.codecs.tokenizer_byte_pairs import BytePairTokenizer
from deepdojo.data.codecs.tokenizer_kinds import TextTokenizer, fit_tokenizer
from deepdojo.data.rowset import column
from deepdojo.errors import DataError, RecipeError
from deepdojo.generation.beam_search import current_beam_search
from deepdojo.layers import current
from deepdojo.tasks.base import Batch, Example, Part, Piece, Row, Task

__all__ = ["Translation", "task"]

NOT_ASKED = -1
EVAL_SCORES = 1 << 26
ROOM = 1.5


@dataclass(frozen=True)
class Translation(Task):
    """-ln p of each token of the target and of its end, given the source and the tokens before it, summed over a row.

    A row is written by beam search. Two ids behind those of the tokenizer stand for the beginning of a target and for
    its end.

    Attributes:
        reads: the tokenizer of the source; writes_with: that of the target, None where one serves both.
        max_tokens: of a source or a target; a longer pair is not learned from, a longer source is read up to there.
        longest: most tokens that are written for a row.
    """

    reads: TextTokenizer
    writes_with: TextTokenizer | None
    max_tokens: int
    longest: int
    beams: int
    length_penalty: float

    name: ClassVar[str] = "translation"
    protocol: ClassVar[str] = "Seq2Seq"
    ragged: ClassVar[frozenset[str]] = frozenset({"source", "target"})
    length: ClassVar[str | None] = "source"
    beside: ClassVar[tuple[str, ...]] = ("target",)
    blank: ClassVar[Mapping[str, float]] = {"source": UNKNOWN}
    smooths: ClassVar[bool] = True

    @classmethod
    def fit(
        cls,
        rows: Sequence[Row],
        *,
        tokens: str = "bpe",
        joint: bool = True,
        vocab_size: int = 8_000,
        lower: bool = False,
        min_count: int = 2,
        max_words: int = 50_000,
        max_tokens: int = 256,
        max_length: int | None = None,
        beams: int = 4,
        length_penalty: float = 1.0,
    ) -> Self:
        """
        Args:
            tokens: what the model reads and writes one by one: bpe (byte-level pieces of words), words, characters or
            wordpiece. Learned from the training texts.
            joint: one vocabulary for both sides, so that names and numbers have one id (a model may then share its
            table of vectors); else one for each.
            vocab_size: of bpe and wordpiece.
            lower: lower-case both sides: what is written has no capitals.
            min_count: a word, character or pair that occurs less often has no id of its own.
            max_words: of words.
            max_tokens: a source or a target of more tokens is not learned from; of a longer source that is to be
            translated the beginning is read.
            max_length: the most tokens that are written. None: half more than the longest training target has.
            beams: beginnings that are kept side by side when a text is written; 1 takes the likeliest token each time.
            length_penalty: a finished text's log-probability is divided by its length to this power: 0 prefers short
            texts, larger values longer ones.
        """
        if beams < 1:
            raise RecipeError(f"beams is {beams}; it must be at least 1", where="task.beams")
        if max_tokens < 1 or (max_length is not None and max_length < 1):
            where = "task.max_tokens" if max_tokens < 1 else "task.max_length"
            raise RecipeError("nothing could be read or written", where=where, todo="give at least 1")
        if not -10 <= length_penalty <= 10:
            raise RecipeError("the length penalty must lie from -10 to 10", where="task.length_penalty")
        sides = [[_led(text, tokens) for text in column(rows, side)] for side in ("source", "target")]
        options = {"lower": lower, "min_count": min_count, "max_words": max_words, "vocab_size": vocab_size}
        if joint:
            reads, own = fit_tokenizer(tokens, [*sides[0], *sides[1]], **options), None  # type: ignore[arg-type]
        else:
            reads, own = (fit_tokenizer(tokens, side, **options) for side in sides)  # type: ignore[arg-type]
        fitted = cls(reads, own, max_tokens, 0, beams, length_penalty)
        if max_length is None:
            sizes = [len(_ids(fitted.target_tokenizer, text)) for text in column(rows, "target")]
            kept = [size for size in sizes if size <= max_tokens]
            max_length = int(ROOM * max(kept, default=max_tokens)) + 1
        return dataclasses.replace(fitted, longest=max_length)

    @property
    def target_tokenizer(self) -> TextTokenizer:
        return self.reads if self.writes_with is None else self.writes_with

    @property
    def begin(self) -> int:
        """The id that stands before a target; the one behind it ends a target."""
        return len(self.target_tokenizer)

    @property
    def end(self) -> int:
        return self.begin + 1

    def dims(self) -> dict[str, Any]:
        """With a joint vocabulary both sizes are the same."""
        target = len(self.target_tokenizer) + 2
        return {
            "source_vocab_size": target if self.writes_with is None else len(self.reads), "target_vocab_size": target,
        }  # fmt: skip

    @property
    def while_training(self) -> Self:
        return dataclasses.replace(self, beams=1)

    @property
    def eval_tokens(self) -> int:
        """So many that the scores of every step stay below 256 MB."""
        return min(super().eval_tokens, max(2 * self.max_tokens, EVAL_SCORES // self.end))

    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        source = _ids(self.reads, row["source"])
        if not learn:
            yield {"source": np.array(source[: self.max_tokens], dtype=np.int32)}
            return
        target = _ids(self.target_tokenizer, row["target"], least=0)
        for side, ids in (("source", source), ("target", target)):
            if len(ids) > self.max_tokens:
                raise DataError(f"the {side} has {len(ids):,} tokens, more than max_tokens = {self.max_tokens}")
        yield {
            "source": np.array(source, dtype=np.int32),
            "target": np.array([self.begin, *target, self.end], dtype=np.int32),
        }

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        target, asked = batch["target"].long(), batch["target_keep"][:, 1:]
        scores = model(batch["source"].long(), target[:, :-1], batch["source_keep"]).float()  # (B, T, V)
        smoothing = batch.get("label_smoothing")
        nats = current("cross_entropy")(
            scores, target[:, 1:].masked_fill(~asked, NOT_ASKED), ignored=NOT_ASKED, reduction="none",
            label_smoothing=0.0 if smoothing is None else float(smoothing[0]),
        )  # fmt: skip
        return nats.sum(1), asked.sum(1).to(nats.dtype)

    def predict(self, model: nn.Module, batch: Batch) -> list[Part]:
        """The ids of the best text that was found for each source."""
        source = batch["source"].long()
        prompt = source.new_full((len(source), 1), self.begin)
        found, _ = current_beam_search(self.beams)(
            model, prompt, self.longest, beams=self.beams, stop=[self.end], length_power=self.length_penalty,
            source=source, source_keep=batch["source_keep"],
        )  # fmt: skip
        return [_until(ids, self.end) for ids in found[:, 0].tolist()]

    def decode(self, row: Row, parts: list[Part]) -> dict[str, Any]:
        written = [i for ids in parts for i in ids if i < self.begin]
        return {"target": self.target_tokenizer.decode(written).strip()}

    def pieces(self, row: Row, example: Example) -> list[Piece]:
        """One piece a token of the source."""
        shown = self.reads.pieces(_led(row["source"], self.kind))[: len(example["source"])]
        return [Piece(piece, {"source": i}) for i, piece in enumerate(shown)]

    @property
    def kind(self) -> str:
        return getattr(self.reads, "kind", "words")


def _led(text: str, kind: str) -> str:
    """Byte-level pieces hold the blank before a word: with one in front the first word has the ids that it has
    elsewhere."""
    return f" {text.strip()}" if kind == "bpe" else text


def _ids(tokenizer: TextTokenizer, text: str, least: int = 1) -> list[int]:
    """Token ids; of an empty text the one that stands for nothing, or none where `least` is 0."""
    if not least and not text.strip():
        return []
    return tokenizer.encode(_led(text, "bpe") if isinstance(tokenizer, BytePairTokenizer) else text)


def _until(ids: list[int], end: int) -> list[int]:
    return ids[: ids.index(end)] if end in ids else ids


task = Translation
