"""Speech -> text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor

from deepdojo.data.codecs.log_mel import LogMel
from deepdojo.data.rowset import column
from deepdojo.errors import DataError
from deepdojo.tasks.base import Batch, Example, Piece, Row
from deepdojo.tasks.transcription import Transcription

__all__ = ["SpeechRecognition", "task"]


@dataclass(frozen=True)
class SpeechRecognition(Transcription):
    """The log-mel spectrum of a sound, read frame by frame.

    Attributes:
        longest_s: a longer sound is not learned from, and read up to there.
    """

    spectrum: LogMel
    longest_s: float

    name: ClassVar[str] = "speech-recognition"
    protocol: ClassVar[str] = "FrameLabeller"
    entry: ClassVar[str] = "sound"
    spectra: ClassVar[tuple[str, ...]] = ("sound",)
    ragged: ClassVar[frozenset[str]] = frozenset({"sound", "target"})
    length: ClassVar[str | None] = "sound"
    blank: ClassVar[Mapping[str, float]] = {"sound": 0.0}  # silence

    @classmethod
    def fit(
        cls,
        rows: Sequence[Row],
        *,
        rate: int | None = None,
        bands: int = 40,
        window_ms: float = 25.0,
        hop_ms: float = 10.0,
        depth: float = 8.0,
        longest_s: float = 30.0,
        units: str = "characters",
        decoding: str = "greedy",
        beams: int = 8,
        ngram_order: int = 3,
        ngram_weight: float = 0.5,
        symbol_bonus: float = 0.5,
    ) -> Self:
        """
        Args:
            rate: samples a second; None: that of most training sounds, at most 16,000.
            bands: of the mel scale. window_ms, hop_ms: length of a spectrum, and the time from one to the next.
            depth: nats below the loudest that count; what is quieter is silence.
            longest_s: a longer sound is not learned from, and read up to there.
            units: what is written one by one: characters, blanks among them, or words.
            decoding: how the text is found: greedy takes the best of each frame; beam sums over all alignments of
            several beginnings; ngram also asks how training texts go on.
            beams: beginnings that are kept side by side.
            ngram_order: units that it looks at, the last included. ngram_weight: of its log-probability.
            symbol_bonus: nats for each unit, since the n-grams make texts short.
        """
        cells = column(rows, "audio")
        options: dict[str, Any] = {"bands": bands, "window_ms": window_ms, "hop_ms": hop_ms, "depth": depth}
        texts = cls.fit_text(
            column(rows, "text"), units=units, decoding=decoding, beams=beams, order=ngram_order, weight=ngram_weight,
            bonus=symbol_bonus,
        )  # fmt: skip
        return cls(**texts, spectrum=LogMel.fit(cells, rate=rate, **options), longest_s=longest_s)

    def dims(self) -> dict[str, Any]:
        return {"frame_features": self.spectrum.bands, "num_outputs": len(self.symbols)}

    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        mel = self.spectrum.encode(row["audio"])
        most = round(self.longest_s * self.spectrum.frames_a_second)
        if not learn:
            yield {"sound": mel[:most]}
            return
        if len(mel) > most:
            seconds = len(mel) / self.spectrum.frames_a_second
            raise DataError(f"the sound has {seconds:.1f} s, more than longest_s = {self.longest_s:g}")
        yield {"sound": mel, "target": self.target(row)}

    def frames(self, batch: Batch) -> Tensor:
        """Values of 0 (silence) to about 1."""
        return batch["sound"] / (self.spectrum.depth or 1.0)

    def pieces(self, row: Row, example: Example) -> list[Piece]:
        return self.stretches(len(example["sound"]))

    def canvas(self, row: Row, example: Example) -> tuple[int, int]:
        """Bands and frames of the whole sound."""
        return self.spectrum.bands, self.spectrum.count_of(row["audio"])


task = SpeechRecognition
