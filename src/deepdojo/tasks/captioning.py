"""Image -> a sentence about it, where several people have written one each."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.data.codecs.pixels import Pixels
from deepdojo.data.codecs.tokenizer import UNKNOWN, Tokenizer
from deepdojo.data.rowset import column
from deepdojo.errors import DataError, RecipeError
from deepdojo.generation.beam_search import current_beam_search
from deepdojo.generation.consensus import most_in_common
from deepdojo.layers import current
from deepdojo.tasks.base import Batch, Example, Look, Part, Piece, Row, Task
from deepdojo.tasks.pictures import image_patches, normalised

__all__ = ["Captioning", "task"]

NOT_ASKED = -1
EVAL_PIXELS = 1 << 22
EVAL_SCORES = 1 << 26
_BEFORE, _AFTER = re.compile(r" ([.,!?;:%)\]}])"), re.compile(r"([(\[{]) ")


@dataclass(frozen=True)
class Captioning(Task):
    """-ln p of each token of a caption and of its end, given the image and the tokens before it, summed over a row.

    A row has as many examples as captions. A word without an id of its own is read, but not asked for, so that none is
    written. Two ids behind those of the tokenizer stand for the beginning of a caption and for its end.

    Attributes:
        longest: most tokens that are written for a row.
        consensus: choose, of the captions that the search found, the one that has most in common with the others.
    """

    pixels: Pixels
    tokenizer: Tokenizer
    max_tokens: int
    longest: int
    beams: int
    length_penalty: float
    consensus: bool

    name: ClassVar[str] = "captioning"
    protocol: ClassVar[str] = "Seq2Seq"
    ragged: ClassVar[frozenset[str]] = frozenset({"caption"})
    length: ClassVar[str | None] = "caption"
    images: ClassVar[tuple[str, ...]] = ("image",)
    blank: ClassVar[Mapping[str, float]] = {"image": 0.0}  # after normalisation 0 is the training mean
    smooths: ClassVar[bool] = True

    @classmethod
    def fit(
        cls,
        rows: Sequence[Row],
        *,
        size: int | None = None,
        channels: int | None = None,
        lower: bool = True,
        min_count: int = 3,
        max_words: int = 50_000,
        max_tokens: int = 64,
        max_length: int | None = None,
        beams: int = 4,
        length_penalty: float = 1.0,
        consensus: bool = False,
    ) -> Self:
        """
        Args:
            size: height and width in pixels; None keeps a common size of at most 64, else chooses 32 or 64.
            channels: 1 or 3; None looks whether all sampled images are grey.
            lower: lower-case captions: what is written has no capitals.
            min_count: a word that occurs less often in training captions has no id of its own and is never written.
            max_words: words that have one, the most frequent first.
            max_tokens: a caption of more words is not learned from.
            max_length: the most words that are written. None: as many as the longest training caption has.
            beams: beginnings that are kept side by side when a caption is written; 1 takes the likeliest word each
            time.
            length_penalty: a finished caption's log-probability is divided by its length to this power: 0 prefers short
            captions, larger values longer ones.
            consensus: of the captions that the beams end with, take the one that has most n-grams in common with the
            others, each counted by its probability, instead of the most probable one.
        """
        for name, value in (("beams", beams), ("max_tokens", max_tokens), ("max_length", max_length)):
            if value is not None and value < 1:
                raise RecipeError(f"{name} is {value}; it must be at least 1", where=f"task.{name}")
        if not -10 <= length_penalty <= 10:
            raise RecipeError("the length penalty must lie from -10 to 10", where="task.length_penalty")
        captions = [text for texts in column(rows, "captions") for text in texts]
        words = Tokenizer.fit(captions, lower=lower, min_count=min_count, max_words=max_words)
        if not words.words:
            raise DataError(
                f"no word occurs {min_count} times in the training captions", where="task.min_count", todo="lower it"
            )
        if max_length is None:
            sizes = [len(words.pieces(text)) for text in captions]
            max_length = max((size for size in sizes if size <= max_tokens), default=max_tokens) + 1
        pixels = Pixels.fit(column(rows, "image"), size=size, channels=channels)
        return cls(pixels, words, max_tokens, max_length, beams, length_penalty, consensus)

    @property
    def begin(self) -> int:
        """The id that stands before a caption; the one behind it ends a caption."""
        return len(self.tokenizer)

    @property
    def end(self) -> int:
        return self.begin + 1

    def dims(self) -> dict[str, Any]:
        p = self.pixels
        return {"in_channels": p.channels, "height": p.height, "width": p.width, "target_vocab_size": self.end + 1}

    @property
    def while_training(self) -> Self:
        return dataclasses.replace(self, beams=1)

    @property
    def eval_tokens(self) -> int:
        """So many that images and the scores of every step stay below 256 MB."""
        images = EVAL_PIXELS * self.longest // (self.pixels.height * self.pixels.width)
        return max(self.max_tokens, min(super().eval_tokens, EVAL_SCORES // self.end, images))

    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        image = self.pixels.encode(row["image"])
        if not learn:
            yield {"image": image}
            return
        for text in row["captions"]:
            if text.strip() and len(ids := self.tokenizer.encode(text)) <= self.max_tokens:
                yield {"image": image, "caption": np.array([self.begin, *ids, self.end], dtype=np.int32)}

    def prepare(self, batch: Batch) -> Batch:
        return {**batch, "image": normalised(self.pixels, batch["image"])}

    def prime(self, model: nn.Module, batches: Iterable[Batch]) -> None:
        prime = getattr(model, "prime", None)
        if prime is not None:
            prime(self.prepare(batch)["image"] for batch in batches)

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        caption = batch["caption"].long()
        after = caption[:, 1:]
        asked = batch["caption_keep"][:, 1:] & (after != UNKNOWN)
        scores = model(self.prepare(batch)["image"], caption[:, :-1]).float()  # (B, T, V)
        smoothing = batch.get("label_smoothing")
        nats = current("cross_entropy")(
            scores, after.masked_fill(~asked, NOT_ASKED), ignored=NOT_ASKED, reduction="none",
            label_smoothing=0.0 if smoothing is None else float(smoothing[0]),
        )  # fmt: skip
        return nats.sum(1), asked.sum(1).to(nats.dtype)

    def predict(self, model: nn.Module, batch: Batch) -> list[Part]:
        """The ids of the caption that was chosen for each image."""
        image = self.prepare(batch)["image"]
        prompt = torch.full((len(image), 1), self.begin, dtype=torch.long, device=image.device)
        found, scores = current_beam_search(self.beams, several=self.consensus)(
            model, prompt, self.longest, beams=self.beams, stop=[self.end], length_power=self.length_penalty,
            source=image,
        )  # fmt: skip
        chosen = []
        for texts, own in zip(found.tolist(), scores.double().cpu(), strict=True):
            cut = [_until(ids, self.end) for ids in texts]
            sizes = np.array([len(ids) + 1 for ids in cut])
            best = most_in_common(cut, np.exp(own.numpy() * sizes**self.length_penalty)) if self.consensus else 0
            chosen.append(cut[best])
        return chosen

    def decode(self, row: Row, parts: list[Part]) -> dict[str, Any]:
        written = [i for ids in parts for i in ids if UNKNOWN < i < self.begin]
        return {"caption": _joined(self.tokenizer.decode(written))}

    def as_truth(self, row: Row, cells: Mapping[str, Any]) -> Row:
        return {**row, "captions": [cells["caption"]]}

    def pieces(self, row: Row, example: Example) -> list[Piece]:
        return image_patches(self.pixels)

    @torch.no_grad()
    def looks(self, model: nn.Module, batch: Batch) -> list[Look]:
        """The weights of a model's attention at each word of the caption that the batch's example holds."""
        if not getattr(model, "attends", False):
            return []
        image, caption = self.prepare(batch)["image"], batch["caption"].long()[:1]
        net: Any = model
        weights = net.align(image[:1], caption[:, :-1])[0]  # (T, S)
        grid = net.map_size(self.pixels.height, self.pixels.width)
        shown = [self.tokenizer.decode([i]) if i < self.begin else "" for i in caption[0, 1:].tolist()]
        return [
            Look(word, row.float().cpu().numpy().reshape(grid))
            for word, row in zip(shown, weights, strict=True)
            if word
        ]


def _until(ids: list[int], end: int) -> list[int]:
    return ids[: ids.index(end)] if end in ids else ids


def _joined(text: str) -> str:
    """Words as they are written: signs close behind their word, no blanks around a hyphen or inside a bracket."""
    return _BEFORE.sub(r"\1", _AFTER.sub(r"\1", text)).replace(" - ", "-").strip()


task = Captioning
