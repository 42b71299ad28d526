"""Text -> how probable each of its characters (words, bytes) was, given those before it; and text that goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.data.codecs.symbols import Symbols
from deepdojo.errors import RecipeError
from deepdojo.layers import current
from deepdojo.layers.loss_cross_entropy import cross_entropy
from deepdojo.tasks.base import Batch, Example, Part, Piece, Row, Task

__all__ = ["LanguageModelling", "task"]

NOT_ASKED = -1
EVAL_LOGITS = 1 << 26
EMPTY_BEFORE = "\n"


@dataclass(frozen=True)
class LanguageModelling(Task):
    """-ln p of each symbol given those before it, summed over a row.

    Training cuts windows of `context` symbols from the whole training text at offsets that each epoch draws anew. A
    held-out row is read in windows of `context` that move by `stride`: each of its symbols is predicted once, from at
    least `context - stride + 1` symbols before it, across the borders of rows; only at the beginning of a text are
    there fewer. Before a text that nothing stands before there is the end of a line.
    """

    symbols: Symbols
    context: int
    stride: int

    name: ClassVar[str] = "language-modelling"
    protocol: ClassVar[str] = "LanguageModel"
    ragged: ClassVar[frozenset[str]] = frozenset({"tokens", "tokens_next"})
    length: ClassVar[str | None] = "tokens"
    blank: ClassVar[Mapping[str, float]] = {}
    writes: ClassVar[bool] = True

    @classmethod
    def fit(
        cls,
        rows: Sequence[Row],
        *,
        units: str = "characters",
        context: int = 128,
        stride: int | None = None,
        min_count: int = 1,
        vocab_size: int = 8_000,
    ) -> Self:
        """
        Args:
            units: what the model reads one by one: characters, words (parted by blanks; a line's end is one), bytes, or
            bpe (byte-level pieces of words).
            context: the most of them that it reads at once, in training and after it.
            stride: how far the window moves over held-out text; a smaller one gives each symbol more context, and
            costs more. None: half the context.
            min_count: a word that occurs less often in the training text is unknown; a pair that does is not joined.
            vocab_size: of bpe.
        """
        step = max(1, context // 2) if stride is None else stride
        if context < 1:
            raise RecipeError("nothing could be read", where="task.context", todo="give at least 1")
        if not 1 <= step <= context:
            raise RecipeError(f"the stride must lie from 1 to the context, {context}", where="task.stride")
        texts = (row["text"] for row in rows)
        return cls(Symbols.fit(texts, units=units, min_count=min_count, vocab_size=vocab_size), context, step)

    @property
    def window(self) -> int | None:
        return self.context

    @property
    def eval_tokens(self) -> int:
        """So many that their logits stay below 256 MB."""
        return min(super().eval_tokens, max(self.context, EVAL_LOGITS // len(self.symbols)))

    def dims(self) -> dict[str, Any]:
        return {"vocab_size": len(self.symbols), "context": self.context}

    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        own = self.symbols.encode(row["text"]).astype(np.int32)
        if learn:
            if len(own):
                yield {"tokens": own}
            return
        before = self._before(row.get("context") or "")
        if not len(own):  # blanks alone, where words are read: they cost nothing
            yield {"tokens": before[-1:], "tokens_next": np.array([NOT_ASKED], dtype=np.int32)}
            return
        both = np.concatenate([before, own])
        for end in range(self.stride, len(own) + self.stride, self.stride):
            last = len(before) + min(end, len(own))
            first = max(0, last - 1 - self.context)
            answers = both[first + 1 : last].copy()
            answers[: max(0, len(before) + end - self.stride - first - 1)] = NOT_ASKED
            yield {"tokens": both[first : last - 1], "tokens_next": answers}

    def _before(self, context: str) -> np.ndarray:
        """(T,) int32, at least one: the last symbols before a row, or what stands before a text."""
        some = context if self.symbols.units in ("words", "bpe") else context[-self.context :]
        found = self.symbols.encode(some)
        return (found if len(found) else self.symbols.encode(EMPTY_BEFORE))[-self.context :].astype(np.int32)

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        logits, answers = self._read(model, batch)
        total: Tensor = current("next_token_loss")(logits, answers, ignored=NOT_ASKED)
        return total, (answers != NOT_ASKED).sum(1).to(total.dtype)

    def _read(self, model: nn.Module, batch: Batch) -> tuple[Float[Tensor, "B T V"], Tensor]:
        """(logits, the symbol that follows each step, NOT_ASKED where it is not asked for)."""
        answers = batch["tokens_next"].long()
        keep = batch.get("tokens_next_keep")
        if keep is not None:  # windows of one length come without
            answers = answers.masked_fill(~keep, NOT_ASKED)
        return model(batch["tokens"]).float(), answers

    def predict(self, model: nn.Module, batch: Batch) -> list[Part]:
        """The nats of the symbols that each window is asked for: (T,) float64."""
        logits, answers = self._read(model, batch)
        # These are the score, which no stand-in for the loss may touch.
        nats = cross_entropy(logits, answers, ignored=NOT_ASKED, reduction="none").cpu()
        asked = answers.cpu() != NOT_ASKED
        return [row[mask].double().numpy() for row, mask in zip(nats, asked, strict=True)]

    def decode(self, row: Row, parts: list[Part]) -> dict[str, Any]:
        return {"nll_nats": float(self._row_nats(row, parts).sum())}

    def _row_nats(self, row: Row, parts: list[Part]) -> np.ndarray:
        return np.concatenate([np.zeros(0), *parts]) + self.symbols.unknown_nats(row["text"])

    def tint(self, row: Row, parts: list[Part]) -> list[tuple[str, float]]:
        """The pieces of a row's text, each with its nats."""
        pieces, nats = self.symbols.pieces(row["text"]), self._row_nats(row, parts)
        ends = np.cumsum([count for _, count in pieces])
        sums = np.concatenate([[0.0], np.cumsum(nats)])
        values = sums[ends] - np.concatenate([[0.0], sums[ends[:-1]]])
        return [(piece, float(value)) for (piece, _), value in zip(pieces, values, strict=True)]

    def pieces(self, row: Row, example: Example) -> list[Piece]:
        """None: of a text each symbol is a decision of its own and the ground of all later ones, and no symbol means
        `nothing`."""
        return []

    def write(
        self,
        model: nn.Module,
        prompt: str,
        count: int,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
    ) -> str:
        from deepdojo.generation.sampling import sample

        before = torch.from_numpy(self._before(prompt)).long().to(next(model.parameters()).device)
        found = sample(
            model, before[None], count, temperature=temperature, top_k=top_k, top_p=top_p,
            generator=torch.Generator().manual_seed(seed),
        )  # fmt: skip
        blank = " " if self.symbols.units == "words" and prompt and not prompt[-1].isspace() else ""
        return prompt + blank + self.symbols.decode(found[0].tolist())


task = LanguageModelling
