"""Signal -> text: channels over time, as cepstra of speech or the path of a pen, are written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from deepdojo.data.rowset import column
from deepdojo.data.spectra import deltas
from deepdojo.errors import DataError
from deepdojo.tasks.base import Example, Piece, Row
from deepdojo.tasks.transcription import Transcription

__all__ = ["SignalTranscription", "task"]


@dataclass(frozen=True)
class SignalTranscription(Transcription):
    """Each channel, with its slope over time and the slope of that, standardised over all training rows.

    Attributes:
        mean, std: of each of the (three times as many) channels. centred: whether each row's own mean is taken away
        before.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    slopes: bool
    centred: bool
    most_steps: int

    name: ClassVar[str] = "signal-transcription"
    protocol: ClassVar[str] = "FrameLabeller"
    entry: ClassVar[str] = "signal"
    ragged: ClassVar[frozenset[str]] = frozenset({"signal", "target"})
    length: ClassVar[str | None] = "signal"
    blank: ClassVar[Mapping[str, float]] = {"signal": 0.0}  # the mean of training rows

    @classmethod
    def fit(
        cls,
        rows: Sequence[Row],
        *,
        slopes: bool = True,
        centred: bool = True,
        most_steps: int = 3000,
        units: str = "characters",
        decoding: str = "greedy",
        beams: int = 8,
        ngram_order: int = 3,
        ngram_weight: float = 0.5,
        symbol_bonus: float = 0.5,
    ) -> Self:
        """
        Args:
            slopes: give the model each channel's slope and the slope of that beside it.
            centred: take away each row's mean of a channel: of cepstra it is microphone and voice, not words.
            most_steps: a longer signal is not learned from, and read up to there.
            units: what is written one by one: characters, blanks among them, or words.
            decoding: how the text is found: greedy takes the best of each frame; beam sums over all alignments of
            several beginnings; ngram also asks how training texts go on.
            beams: beginnings that are kept side by side.
            ngram_order: units that it looks at, the last included. ngram_weight: of its log-probability.
            symbol_bonus: nats for each unit, since the n-grams make texts short.
        """
        texts = cls.fit_text(
            column(rows, "text"), units=units, decoding=decoding, beams=beams, order=ngram_order, weight=ngram_weight,
            bonus=symbol_bonus,
        )  # fmt: skip
        channels = len(rows[0]["signal"])
        width = channels * (3 if slopes else 1)
        fitted = cls(**texts, mean=(0.0,) * width, std=(1.0,) * width, slopes=slopes, centred=centred,
                     most_steps=most_steps)  # fmt: skip
        sums, squares, count = np.zeros(width), np.zeros(width), 0
        for row in rows:
            values = fitted._channels(row["signal"]).astype(np.float64)
            sums, squares, count = sums + values.sum(0), squares + (values**2).sum(0), count + len(values)
        mean = sums / count
        std = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
        std = np.where(std > 1e-9 * np.maximum(np.abs(mean), 1e-30), std, 1.0)
        return cls(**texts, mean=tuple(mean.tolist()), std=tuple(std.tolist()), slopes=slopes, centred=centred,
                   most_steps=most_steps)  # fmt: skip

    def dims(self) -> dict[str, Any]:
        return {"frame_features": len(self.mean), "num_outputs": len(self.symbols)}

    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        values = (self._channels(row["signal"]) - np.array(self.mean)) / np.array(self.std)
        signal = values.astype(np.float32)
        if not learn:
            yield {"signal": signal[: self.most_steps]}
            return
        if len(signal) > self.most_steps:
            raise DataError(f"the signal has {len(signal):,} steps, more than most_steps = {self.most_steps:,}")
        yield {"signal": signal, "target": self.target(row)}

    def pieces(self, row: Row, example: Example) -> list[Piece]:
        return self.stretches(len(example["signal"]))

    def _channels(self, cell: Any) -> np.ndarray:
        """(N, F) of a cell of (channels, N). Raises DataError for another number of channels."""
        values = np.asarray(cell, dtype=np.float64).T
        wanted = len(self.mean) // (3 if self.slopes else 1)
        if values.ndim != 2 or values.shape[1] != wanted:
            raise DataError(f"signal has {values.shape[-1]} channels, the first training row {wanted}", where="signal")
        if self.centred:
            values = values - values.mean(axis=0)
        if not self.slopes:
            return values
        first = deltas(values)
        return np.concatenate([values, first, deltas(first)], axis=1)


task = SignalTranscription
