"""Text with hidden words -> the hidden words: what BERT is pre-trained by.

Legend: B examples in a batch, T pieces of words, N hidden ones among them, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepdojo.data.codecs.hidden_words import HIDDEN_SHARE, hidden_spans, spelling_nats, text_words
from deepdojo.data.codecs.mask_sign import mask_id, with_mask
from deepdojo.data.codecs.tokenizer_kinds import TextTokenizer, fit_tokenizer
from deepdojo.data.rowset import column
from deepdojo.errors import RecipeError
from deepdojo.layers import current
from deepdojo.layers.loss_cross_entropy import cross_entropy
from deepdojo.tasks.base import Batch, Example, Part, Piece, Row, Task

__all__ = ["MaskedLanguageModelling", "task"]

REPLACED, RANDOM = 0.8, 0.9
EVAL_LOGITS = 1 << 26


@dataclass(frozen=True)
class MaskedLanguageModelling(Task):
    """-ln p of each hidden word given all others, the pieces of one word apart from one another.

    Training cuts windows of `context` pieces from the whole training text at offsets that each epoch draws anew, and
    hides 15 % (`hide`) of the words of each, anew at each step: 80 % of them become the sign for a hidden word, 10 %
    random pieces, 10 % stay. Words are hidden whole.

    A held-out row is asked for the words that `data/codecs/hidden_words.py` names, which follow from its text alone;
    all become the sign. It is read in windows of `context` that move by three quarters of it; each word is asked for
    once, in the window where it stands nearest to the middle. No window reaches across the border of a row.

    Source: Devlin et al. 2019, section 3.1 (task 1) and A.1; whole words as in the later release of the authors.
    """

    tokenizer: TextTokenizer
    context: int
    hide: float

    name: ClassVar[str] = "masked-language-modelling"
    protocol: ClassVar[str] = "MaskedLanguageModel"
    ragged: ClassVar[frozenset[str]] = frozenset({"tokens", "answers", "hidden"})
    length: ClassVar[str | None] = "tokens"
    blank: ClassVar[Mapping[str, float]] = {}

    @classmethod
    def fit(
        cls,
        rows: Sequence[Row],
        *,
        tokens: str = "wordpiece",
        vocab_size: int = 8_000,
        lower: bool = True,
        min_count: int = 2,
        context: int = 128,
        hide: float = HIDDEN_SHARE,
    ) -> Self:
        """
        Args:
            tokens: what the model reads one by one: wordpiece (pieces of words as BERT has them), words or characters.
            vocab_size: of wordpiece.
            lower: lower-case the text.
            min_count: a word, character or pair that occurs less often gets no id of its own.
            context: the most of them that it reads at once.
            hide: share of the words that training hides; of held-out words it is always 0.15. More teach more at each
            step, and leave less to guess from (Wettig et al. 2022 find 0.4 best for large networks, less for small).
        """
        if context < 2:
            raise RecipeError("a word is guessed from those beside it", where="task.context", todo="give at least 2")
        if not 0 < hide < 1:
            raise RecipeError(f"a share of {hide:g} cannot be hidden", where="task.hide", todo="give 0.15")
        if tokens == "bpe":
            with_mask(None)
        texts = column(rows, "text")
        found = fit_tokenizer(tokens, texts, lower=lower, min_count=min_count, vocab_size=vocab_size)
        return cls(with_mask(found), context, hide)

    def adopted(self) -> Self:
        return replace(self, tokenizer=with_mask(self.tokenizer))

    @property
    def window(self) -> int | None:
        return self.context - len(self._around[0]) - len(self._around[1])

    @property
    def eval_tokens(self) -> int:
        """So many that the logits of what is hidden stay below 256 MB."""
        hidden = int(EVAL_LOGITS / len(self.tokenizer) / HIDDEN_SHARE)
        return min(super().eval_tokens, max(self.context, hidden))

    def dims(self) -> dict[str, Any]:
        return {"vocab_size": len(self.tokenizer), "head": "masked_word"}

    @property
    def _around(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Ids that a tokenizer from a folder puts around each text."""
        return getattr(self.tokenizer, "before", ()), getattr(self.tokenizer, "after", ())

    @cached_property
    def _mask(self) -> int:
        return mask_id(self.tokenizer)

    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        text = row["text"]
        ids, spans = self.tokenizer.encode_with_offsets(text)
        own = np.array(ids, dtype=np.int32)
        if learn:  # a piece that goes on with a word is stored as ~id, since a window has no other place to say it
            word = _word_of(text, spans, text_words(text))
            yield {"tokens": np.where(np.append(False, (word[1:] == word[:-1]) & (word[1:] >= 0)), ~own, own)}
            return
        hidden = _word_of(text, spans, hidden_spans(text)) >= 0
        seen = np.where(hidden, np.int32(self._mask), own)
        for start, end, first, last in _windows(len(own), self.window or self.context):
            asked = hidden[start:end].copy()
            asked[: first - start] = asked[last - start :] = False
            yield self._framed(seen[start:end], own[start:end], asked)

    def _framed(self, seen: np.ndarray, answers: np.ndarray, hidden: np.ndarray) -> Example:
        before, after = self._around
        pads = (len(before), len(after))
        signs = [np.array(ids, dtype=np.int32) for ids in (before, after)]
        return {
            "tokens": np.concatenate([signs[0], seen, signs[1]]),
            "answers": np.pad(answers, pads),
            "hidden": np.pad(hidden, pads),
        }

    def draw(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Hide words: one uniform number a word says whether, and how."""
        tokens, goes_on, keep = _entries(batch)
        u = torch.rand(tokens.shape, generator=generator).to(tokens.device)
        random = torch.randint(2, len(self.tokenizer), tokens.shape, generator=generator).to(tokens)
        u, hidden = self._chosen(goes_on, keep, u)
        share = u / self.hide
        seen = torch.where(hidden & (share < REPLACED), self._mask, tokens)
        seen = torch.where(hidden & (share >= REPLACED) & (share < RANDOM), random, seen)
        return self._around_batch(seen, tokens, hidden, keep)

    def _chosen(self, goes_on: Tensor, keep: Tensor | None, u: Tensor) -> tuple[Tensor, Bool[Tensor, "B T"]]:
        """(the number of each piece's word, whether it is hidden: a share of them, and one of each row at least)."""
        steps = torch.arange(goes_on.shape[1], device=goes_on.device).expand_as(goes_on)
        first = torch.where(goes_on, 0, steps).cummax(1).values  # a window may begin inside a word
        u = u.gather(1, first)
        if keep is not None:
            u = u.masked_fill(~keep, 2.0)
        hidden = (u < self.hide) | (u == u.amin(1, keepdim=True))
        return u, hidden if keep is None else hidden & keep

    def _around_batch(self, seen: Tensor, answers: Tensor, hidden: Tensor, keep: Tensor | None) -> Batch:
        if keep is not None or not any(self._around):  # rows of several lengths are only looked at
            kept = {} if keep is None else {"tokens_keep": keep}
            return {"tokens": seen, "answers": answers, "hidden": hidden, **kept}
        ends = [seen.new_tensor(ids).expand(len(seen), -1) for ids in self._around]
        blank = [torch.zeros_like(end, dtype=torch.bool) for end in ends]
        return {
            "tokens": torch.cat([ends[0], seen, ends[1]], 1),
            "answers": torch.cat([ends[0], answers, ends[1]], 1),
            "hidden": torch.cat([blank[0], hidden, blank[1]], 1),
        }

    def _fixed(self, batch: Batch) -> Batch:
        """A batch for which nothing was drawn: hidden is what a hash of id and place says, so that the cost of a step
        and the loss of a batch can be told without a generator."""
        tokens, goes_on, keep = _entries(batch)
        h = tokens.long() * 2654435761 + torch.arange(tokens.shape[1], device=tokens.device) * 40503 * 65599
        for _ in range(2):
            h = ((h & 0xFFFFFFFF) ^ ((h & 0xFFFFFFFF) >> 16)) * 0x45D9F3B
        u = ((h & 0xFFFFFFFF) ^ ((h & 0xFFFFFFFF) >> 16)).float() / 2**32
        _, hidden = self._chosen(goes_on, keep, u)
        return self._around_batch(tokens.masked_fill(hidden, self._mask), tokens, hidden, keep)

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        batch = batch if "hidden" in batch else self._fixed(batch)
        logits, answers = self._read(model, batch)
        nats = current("cross_entropy")(logits, answers, reduction="none")
        hidden = batch["hidden"]
        # each number back in its place: a sum by index would add in another order on a GPU
        whole = torch.zeros(hidden.shape, dtype=nats.dtype, device=nats.device).masked_scatter(hidden, nats)
        return whole.sum(1), hidden.sum(1).to(nats.dtype)

    def _read(self, model: nn.Module, batch: Batch) -> tuple[Float[Tensor, "N V"], Int[Tensor, " N"]]:
        """(logits, the piece itself) at each hidden piece."""
        hidden = batch["hidden"]
        logits = model(batch["tokens"], batch.get("tokens_keep"), None, hidden).float()  # (N, V)
        answers: Int[Tensor, " N"] = batch["answers"][hidden].long()
        return logits, answers

    def predict(self, model: nn.Module, batch: Batch) -> list[Part]:
        """(n, 2) float64 of each window: the nats of its hidden pieces, and whether each was right."""
        logits, answers = self._read(model, batch)
        # These are the score, which no stand-in for the loss may touch.
        nats, right = cross_entropy(logits, answers, reduction="none"), logits.argmax(1) == answers
        both = torch.stack([nats, right.to(nats.dtype)], 1).cpu().double().numpy()
        counts = batch["hidden"].sum(1).cpu().tolist()
        return np.split(both, np.cumsum(counts)[:-1])

    def decode(self, row: Row, parts: list[Part]) -> dict[str, Any]:
        nats, right, _ = self._words(row, parts)
        return {"guess": {"nats": float(nats.sum()), "right": int(right.sum())}}

    def _words(self, row: Row, parts: list[Part]) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int]]]:
        """(nats, whether guessed, span) of each hidden word: the sum over its pieces, and all of them. A word of
        which the vocabulary has no piece, or an unknown one, is not guessed, and costs its spelling."""
        text = row["text"]
        ids, spans = self.tokenizer.encode_with_offsets(text)
        words, found = hidden_spans(text), np.concatenate([np.zeros((0, 2)), *parts])
        word_of = _word_of(text, spans, words)
        at = word_of[word_of >= 0]
        nats = np.bincount(at, weights=found[:, 0], minlength=len(words))
        pieces = np.bincount(at, minlength=len(words))
        right = np.bincount(at, weights=found[:, 1], minlength=len(words)) == pieces
        unknown = np.bincount(at, weights=np.array(ids)[word_of >= 0] == self._unknown, minlength=len(words))
        for i in np.flatnonzero((unknown > 0) | (pieces == 0)):
            nats[i] += spelling_nats(text[slice(*words[i])])
            right[i] = False
        return nats, right, words

    @property
    def _unknown(self) -> int:
        from deepdojo.data.codecs.tokenizer import UNKNOWN

        return int(getattr(self.tokenizer, "unknown", UNKNOWN))

    def tint(self, row: Row, parts: list[Part]) -> list[tuple[str, float]]:
        """The text, its hidden words each with its nats."""
        text, found, before = row["text"], [], 0
        nats, _, words = self._words(row, parts)
        for (start, end), cost in zip(words, nats.tolist(), strict=True):
            found += [(text[before:start], 0.0), (text[start:end], cost)]
            before = end
        return [(piece, cost) for piece, cost in [*found, (text[before:], 0.0)] if piece]

    def pieces(self, row: Row, example: Example) -> list[Piece]:
        """None: each hidden word is a decision of its own."""
        return []


def _entries(batch: Batch) -> tuple[Int[Tensor, "B T"], Bool[Tensor, "B T"], Tensor | None]:
    """(ids, whether a piece goes on with a word, which are real) of windows of the training text."""
    stored = batch["tokens"]
    return torch.where(stored < 0, ~stored, stored), stored < 0, batch.get("tokens_keep")


def _word_of(text: str, spans: Sequence[tuple[int, int]], words: Sequence[tuple[int, int]]) -> np.ndarray:
    """(T,) the number of the word that a piece belongs to, -1 for none."""
    at = np.full(len(text) + 1, -1, dtype=np.int64)
    for number, (start, end) in enumerate(words):
        at[start:end] = number
    edges = np.array(spans, dtype=np.int64).reshape(-1, 2)
    first, last = at[edges[:, 0]], at[np.maximum(edges[:, 1] - 1, edges[:, 0])]
    return np.where(edges[:, 1] > edges[:, 0], np.maximum(first, last), -1)


def _windows(count: int, size: int) -> Iterator[tuple[int, int, int, int]]:
    """(start, end, first asked, end of asked): windows of `size` that move by 3/4 of it; asked ones meet midway."""
    step = max(1, 3 * size // 4)
    starts = [*range(0, max(1, count - size), step)]
    if count > size:
        starts.append(count - size)
    cuts = [0, *((a + size + b) // 2 for a, b in pairwise(starts)), count]
    for start, (first, last) in zip(starts, pairwise(cuts), strict=True):
        yield start, min(count, start + size), first, last


task = MaskedLanguageModelling
