"""Text -> sound: how many frames, the frames of a mel spectrum, and the samples.

Legend: B examples in a batch, S tokens (characters), T frames, N samples.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.data.codecs.mel_frames import MelFrames
from deepdojo.data.codecs.pace import Pace
from deepdojo.data.codecs.tokenizer import UNKNOWN
from deepdojo.data.codecs.tokenizer_characters import CharacterTokenizer
from deepdojo.data.rowset import column
from deepdojo.errors import DataError, RecipeError
from deepdojo.generation.monotonic_alignment import diagonal_distance, monotonic_durations
from deepdojo.layers.loss_spectral import spectral_loss
from deepdojo.tasks.base import Batch, Example, Part, Piece, Row, Task

__all__ = ["SpeechSynthesis", "task"]

QUICK_ITERATIONS = 4
"""Of the search for phases, while the network learns."""
DIAGONAL = 25.0
"""What straying from speech of even pace costs a frame, beside half the squared distance from its token's mean."""
MEAN_SHARE, TIMING_SHARE, SOUND_SHARE = 0.5, 0.1, 0.5
"""Of the loss: what the tokens' mean frames, the durations and the vocoder's sound have beside the frames."""
SEGMENT_FRAMES = 32
"""That the vocoder learns from, of each example of a batch."""
FITTED_ROWS = 2000


@dataclass(frozen=True)
class SpeechSynthesis(Task):
    """Mean absolute error of the frames (ln magnitudes of mel bands, standardised), given the alignment of text and
    sound with the largest likelihood under the tokens' mean frames; squared error of the logarithms of its durations.

    How many frames a text has is a sum over its characters (`Pace`); the network shares them among the characters. A
    text of more than `max_tokens` characters is cut at blanks and said part by part; it is not learned from.
    """

    tokenizer: CharacterTokenizer
    frames: MelFrames
    pace: Pace
    max_tokens: int
    iterations: int

    name: ClassVar[str] = "speech-synthesis"
    protocol: ClassVar[str] = "MelDecoder"
    ragged: ClassVar[frozenset[str]] = frozenset({"tokens", "frames", "mel", "sound"})
    length: ClassVar[str | None] = "frames"
    blank: ClassVar[Mapping[str, float]] = {"tokens": UNKNOWN}

    @classmethod
    def fit(
        cls,
        rows: Sequence[Row],
        *,
        bands: int = 80,
        hop_ms: float = 16.0,
        window_ms: float = 64.0,
        lower: bool = True,
        min_count: int = 2,
        max_tokens: int = 400,
        iterations: int = 64,
    ) -> Self:
        """
        Args:
            bands: of a mel frame.
            hop_ms: milliseconds from one frame to the next.
            window_ms: milliseconds that a frame sees.
            lower: lower-case the text.
            min_count: a character that occurs less often is an unknown one.
            max_tokens: the longest text that is said, and learned from, as one.
            iterations: of the search for phases, where no network finds the sound.
        """
        if iterations < 1 or max_tokens < 1:
            where = "task.iterations" if iterations < 1 else "task.max_tokens"
            raise RecipeError("nothing could be said", where=where, todo="give at least 1")
        texts = list(column(rows, "text"))
        tokenizer = CharacterTokenizer.fit(map(_normal, texts), lower=lower, min_count=min_count)
        sounds = column(rows, "audio")
        frames = MelFrames.fit(sounds, bands=bands, hop_ms=hop_ms, window_ms=window_ms)
        some = np.random.default_rng(0).permutation(len(texts))[:FITTED_ROWS].tolist()
        said = [(tokenizer.encode(_normal(texts[i])), frames.count(sounds[i])) for i in some]
        known = [(ids, count) for ids, count in said if count is not None and len(ids) <= max_tokens]
        pace = Pace.fit([ids for ids, _ in known], [count for _, count in known], len(tokenizer))
        return cls(tokenizer, frames, pace, max_tokens, iterations)

    @property
    def while_training(self) -> Self:
        """With fewer iterations: the search takes longer than the network."""
        return dataclasses.replace(self, iterations=min(self.iterations, QUICK_ITERATIONS))

    def dims(self) -> dict[str, Any]:
        return {
            "vocab_size": len(self.tokenizer), "mel_bands": self.frames.bands, "hop_samples": self.frames.hop,
            "window_samples": self.frames.window,
        }  # fmt: skip

    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        text = _normal(row["text"])
        if not any(sign.isalnum() for sign in text):
            raise DataError("the text has no words")
        if all(i == UNKNOWN for i in self.tokenizer.encode("".join(filter(str.isalnum, text)))):
            raise DataError("the training texts have none of the text's letters, so nobody knows how they sound")
        pieces = list(_cut(text, self.max_tokens))
        if learn and len(pieces) > 1:
            return
        for piece in pieces:
            ids = np.array(self.tokenizer.encode(piece), dtype=np.int64)
            example: Example = {"tokens": ids, "frames": np.zeros(self.pace.count(ids.tolist()), dtype=np.uint8)}
            if learn:
                sound = self.frames.samples(row["audio"])
                example["mel"] = self.frames.encode(sound)
                example["sound"] = sound
            yield example

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        keep, mel, mel_keep = batch["tokens_keep"], batch["mel"], batch["mel_keep"]
        states, means, log_frames = model.read(batch["tokens"], keep)  # type: ignore[operator]
        with torch.no_grad():
            near = torch.cdist(mel.float(), means.float(), compute_mode="use_mm_for_euclid_dist") ** 2 / 2
            durations = monotonic_durations(-near - DIAGONAL * diagonal_distance(keep, mel_keep) ** 2, keep, mel_keep)
        said, mean = model.speak(states, means, durations, mel_keep)  # type: ignore[operator]
        off = (said.float() - mel).abs().mean(-1) + MEAN_SHARE * (mean.float() - mel).abs().mean(-1)
        late = (log_frames.float() - durations.clamp(min=0.5).log()) ** 2
        weight = mel_keep.sum(1).float()
        total = off.masked_fill(~mel_keep, 0.0).sum(1) + TIMING_SHARE * late.masked_fill(~keep, 0.0).sum(1)
        if getattr(model, "vocoder", None) is not None:
            total = total + SOUND_SHARE * weight * self._sound_loss(model, batch)
        return total, weight

    def draw(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Where in each sound the segment lies that the vocoder learns from."""
        place = torch.rand(len(batch["mel"]), generator=generator).to(batch["mel"].device)
        return {**batch, "segment": place}

    def _sound_loss(self, model: nn.Module, batch: Batch) -> Float[Tensor, " B"]:
        """Of a segment of each sound, made from its own frames."""
        mel, hop = batch["mel"], self.frames.hop
        count = min(SEGMENT_FRAMES, mel.shape[1])
        place = batch.get("segment", torch.full((len(mel),), 0.5, device=mel.device))
        spare = (batch["mel_keep"].sum(1) - count).clamp(min=0)
        first = (place * (spare + 1)).long().clamp(max=mel.shape[1] - count)
        at = first[:, None] + torch.arange(count, device=mel.device)
        frames = mel.gather(1, at.unsqueeze(-1).expand(-1, -1, mel.shape[2]))
        keep = torch.ones(frames.shape[:2], dtype=torch.bool, device=mel.device)
        made = model.vocoder(frames, keep)  # type: ignore[operator]
        steps = first[:, None] * hop + torch.arange(made.shape[1], device=mel.device)
        sound = batch["sound"]
        inside = steps < sound.shape[1]
        true = sound.gather(1, steps.clamp(max=sound.shape[1] - 1)).masked_fill(~inside, 0.0)
        return spectral_loss(made, true)

    def predict(self, model: nn.Module, batch: Batch) -> list[Part]:
        frame_keep = batch["frames_keep"]
        said, durations = model(batch["tokens"], batch["tokens_keep"], frame_keep)
        vocoder = getattr(model, "vocoder", None)
        parts = []
        for i, (tokens, count) in enumerate(zip(batch["tokens_keep"].sum(1), frame_keep.sum(1), strict=True)):
            frames = said[i : i + 1, : int(count)].float()
            part = {"frames": frames[0].cpu().numpy(), "durations": durations[i, : int(tokens)].float().cpu().numpy()}
            if vocoder is not None:  # one by one: what padding adds up to must not reach a sound's end
                part["sound"] = vocoder(frames, frame_keep[i : i + 1, : int(count)])[0].float().cpu().numpy()
            parts.append(part)
        return parts

    def decode(self, row: Row, parts: list[Part]) -> dict[str, Any]:
        sounds = [
            part["sound"] if "sound" in part else self.frames.sound(part["frames"], self.iterations) for part in parts
        ]
        return {"audio": self.frames.wav(np.concatenate(sounds))}

    def timing(self, row: Row, parts: list[Part]) -> list[tuple[str, float]]:
        """Each character with the seconds that it lasts."""
        seconds = self.frames.hop / self.frames.rate
        pieces = _cut(_normal(row["text"]), self.max_tokens)
        return [
            (sign, float(frames) * seconds)
            for piece, part in zip(pieces, parts, strict=True)
            for sign, frames in zip(self.tokenizer.pieces(piece), part["durations"], strict=True)
        ]

    def pieces(self, row: Row, example: Example) -> list[Piece]:
        """One piece a word, of the first part of the text."""
        text = next(_cut(_normal(row["text"]), self.max_tokens))
        return [Piece(m.group(), {"tokens": slice(*m.span())}) for m in re.finditer(r"\S+", text)]


def _normal(text: str) -> str:
    return " ".join(text.split())


def _cut(text: str, most: int) -> Iterator[str]:
    """Parts of at most so many characters, cut at a blank where there is one."""
    while len(text) > most:
        at = text.rfind(" ", 1, most + 1)
        yield text[: at if at > 0 else most]
        text = text[at + 1 if at > 0 else most :]
    yield text


task = SpeechSynthesis
