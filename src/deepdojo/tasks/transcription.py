"""What the tasks share that write down what a sequence of frames says: CTC, and a search for the text.

Legend: B examples in a batch, N frames, S frames of the model's output, L symbols of a text, V symbols with the blank.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.data.codecs.symbol_ngrams import SymbolNgrams
from deepdojo.data.codecs.symbols import UNKNOWN, Symbols
from deepdojo.errors import DataError, RecipeError
from deepdojo.generation.ctc_beam_search import ctc_beam_search
from deepdojo.generation.modes import evaluating
from deepdojo.layers import current
from deepdojo.layers.loss_ctc import ctc_greedy
from deepdojo.tasks.base import Batch, Part, Piece, Row, Task

__all__ = ["Transcription"]

BLANK = UNKNOWN
DECODINGS = ("greedy", "beam", "ngram")
MOST_SHORT = 0.2
MOST_STRETCHES = 25


@dataclass(frozen=True)
class Transcription(Task):
    """-ln p of the text, summed over all ways in which its symbols can lie along the frames (CTC, `layers/loss_ctc`).

    The id that stands for unknown symbols elsewhere is the blank here: what training texts do not hold cannot be said.

    Attributes:
        symbols: characters or words of the training texts.
        ngrams: how the training texts go on, for `decoding = "ngram"`; None for the others.
        decoding, beams, weight, bonus: see `fit` of the tasks.
    """

    symbols: Symbols
    ngrams: SymbolNgrams | None
    decoding: str
    beams: int
    weight: float
    bonus: float

    entry: ClassVar[str]
    """The batch entry that holds the frames (B, N, F)."""

    @staticmethod
    def fit_text(
        texts: Sequence[str], *, units: str, decoding: str, beams: int, order: int, weight: float, bonus: float
    ) -> dict[str, Any]:
        """The fields of this class. Raises RecipeError for options that mean nothing, DataError without any text."""
        if decoding not in DECODINGS:
            raise RecipeError(f"{decoding!r} is none of {', '.join(DECODINGS)}", where="task.decoding")
        if units not in ("characters", "words"):
            raise RecipeError(f"{units!r} is neither characters nor words", where="task.units")
        if beams < 1 or order < 1:
            raise RecipeError("beams and ngram_order must be at least 1", where="task.beams, task.ngram_order")
        written = [_plain(text) for text in texts]
        symbols = Symbols.fit(written, units=units)
        if not symbols.known:
            raise DataError("the training texts are empty", where="text")
        ids = [symbols.encode(text).tolist() for text in written]
        ngrams = SymbolNgrams.fit(ids, order=order, size=len(symbols)) if decoding == "ngram" else None
        return {
            "symbols": symbols, "ngrams": ngrams, "decoding": decoding, "beams": beams, "weight": weight,
            "bonus": bonus,
        }  # fmt: skip

    def frames(self, batch: Batch) -> Tensor:
        """(B, N, F) as the model gets them."""
        return batch[self.entry]

    @classmethod
    def words(cls) -> dict[str, float]:
        """Frames are no words."""
        return {}

    @property
    def while_training(self) -> Self:
        return replace(self, decoding="greedy", ngrams=None)

    def target(self, row: Row) -> np.ndarray:
        """(L,) int32 ids of the text; symbols that training texts do not hold are left out."""
        ids = self.symbols.encode(_plain(row["text"]))
        return ids[ids != UNKNOWN].astype(np.int32)

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        scores, keep = model(self.frames(batch), batch[f"{self.entry}_keep"])
        nats = current("ctc_loss")(
            scores.float(), batch["target"].long(), keep, batch["target_keep"], blank=BLANK, zero_infinity=True
        )
        return nats, batch["target_keep"].sum(1).clamp(min=1).to(nats.dtype)

    def prime(self, model: nn.Module, batches: Iterable[Batch]) -> None:
        """Raises RecipeError where hardly any text fits into the frames that the model leaves of its sound: CTC would
        learn nothing from them, and say so by no loss at all."""
        ratio, short, rows = 0.0, 0, 0
        for batch in batches:
            keep, wanted = batch[f"{self.entry}_keep"], batch["target_keep"].sum(1)
            if not rows:
                with torch.no_grad(), evaluating(model):
                    ratio = float(model(self.frames(batch), keep)[1].sum()) / max(1, int(keep.sum()))
            short += int((wanted > (keep.sum(1) * ratio).ceil()).sum())
            rows += len(keep)
        if rows and short > MOST_SHORT * rows:
            raise RecipeError(
                f"{short:,} of {rows:,} training texts have more symbols than the frames that the model leaves of them",
                where="model.strides", todo="take smaller ones, or a smaller task.hop_ms, or task.units = \"words\"",
            )  # fmt: skip

    def predict(self, model: nn.Module, batch: Batch) -> list[Part]:
        """The ids of the text that was found for each example."""
        scores, keep = model(self.frames(batch), batch[f"{self.entry}_keep"])
        if self.decoding == "greedy":
            return ctc_greedy(scores, keep, BLANK)
        logs = torch.log_softmax(scores.float(), -1).cpu().numpy()
        lengths = keep.sum(1).tolist()
        return [
            ctc_beam_search(
                row[:length], beams=self.beams, blank=BLANK, ngrams=self.ngrams, weight=self.weight, bonus=self.bonus
            )
            for row, length in zip(logs, lengths, strict=True)
        ]

    def decode(self, row: Row, parts: list[Part]) -> dict[str, Any]:
        return {"text": self.symbols.decode([i for ids in parts for i in ids]).strip()}

    def stretches(self, frames: int) -> list[Piece]:
        """At most 25 stretches of time, over all pitches."""
        size = max(1, -(-frames // MOST_STRETCHES))
        cuts = [(start, min(start + size, frames)) for start in range(0, frames, size)]
        return [Piece([a, b], {self.entry: slice(a, b)}) for a, b in cuts]


def _plain(text: str) -> str:
    """Words parted by single blanks: what a text says, not how it is laid out."""
    return " ".join(text.split())
