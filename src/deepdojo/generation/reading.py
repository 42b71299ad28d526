"""A model that has read its prompts and takes one token a step: what sampling and beam search are written over.

Dimensions: B rows, P length of the longest prompt, S source, V vocabulary, n tokens so far.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepdojo.errors import UsageError
from deepdojo.models.decoder_step import DecoderStep, decoder_step

__all__ = ["Reading"]


class Reading:
    """The text so far, the scores of the next token, and what the model keeps of what it has read.

    Args:
        model: a LanguageModel, or a Seq2Seq with `source`. With `new_cache` every token is read once.
        prompt: beginnings, of one length or padded (anywhere) where `keep` says so; of a Seq2Seq those of the target,
            of one length.
        count: most tokens that will be taken.
        keep: True = a real token of the prompt.
        source: what a Seq2Seq encodes, once.
        source_keep: True = a real token of the source.

    When a language model's context is full, the later half of it is read anew, so that each token has between half a
    context and a whole one before it (or all there is); each row by its own length, as if it were alone.

    Raises: UsageError for an empty prompt, a row of padding alone, a source for a model that reads none, or sources and
    prompts of different numbers.
    """

    def __init__(
        self,
        model: nn.Module,
        prompt: Int[Tensor, "B P"],
        count: int,
        keep: Bool[Tensor, "B P"] | None = None,
        source: Tensor | None = None,
        source_keep: Tensor | None = None,
    ) -> None:
        _require_prompt(prompt, count, keep)
        _require_source(model, prompt, keep, source)
        self.model, self.length, self.begun = model, prompt.shape[1], prompt.shape[1]
        B, P = prompt.shape
        self.tokens = torch.cat([prompt, prompt.new_zeros(B, count)], 1)
        self.real: Tensor | None = None
        if keep is not None and not bool(keep.all()):
            self.real = torch.cat([keep, keep.new_ones(B, count)], 1)
            self.left_out = prompt.new_zeros(B)  # real tokens of each row that have left its context
        config = getattr(model, "config", None)
        self.context = int(getattr(config, "context", 0)) or P + count
        self.memory_keep, self.sources = source_keep, torch.arange(B, device=prompt.device)
        self.memory: Tensor | None = None if source is None else model.encode(source, source_keep)  # type: ignore[operator]
        self.cache: Any = None
        self.step: DecoderStep | None = None
        self.window_keep: Tensor | None = None
        self.scores = self._read_anew()

    @property
    def text(self) -> Int[Tensor, "B n"]:
        """Prompts and what came after them."""
        return self.tokens[:, : self.length]

    @property
    def written(self) -> Int[Tensor, "B n"]:
        """What came after the prompts."""
        return self.tokens[:, self.begun : self.length]

    @property
    def kept(self) -> Bool[Tensor, "B n"] | None:
        """Which tokens of the text are real; None: all."""
        return None if self.real is None else self.real[:, : self.length]

    def take(self, token: Int[Tensor, B], last: bool = False) -> None:
        """Puts a token behind each row; unless it is the `last` one, `scores` are then those of the next."""
        self.tokens.select(1, self.length).copy_(token)
        self.length += 1
        if last:
            return
        full = self.memory is None and self.cache is not None and self.cache[0].length >= self.context
        if full or self.cache is None:
            self.scores = self._read_anew()
            return
        if self.window_keep is not None:
            self.window_keep = torch.nn.functional.pad(self.window_keep, (0, 1), value=True)
        if self.step is not None:
            self.scores = self.step(token, self.window_keep)
        else:
            self.scores = self._read(token.unsqueeze(1), self.window_keep)

    def reorder(self, rows: Int[Tensor, R]) -> None:
        """Row i becomes what row `rows[i]` was."""
        self.tokens, self.scores = self.tokens.index_select(0, rows), self.scores.index_select(0, rows)
        if self.real is not None and self.window_keep is not None:
            self.real, self.left_out = self.real.index_select(0, rows), self.left_out.index_select(0, rows)
            self.window_keep = self.window_keep.index_select(0, rows)
        sources = self.sources.index_select(0, rows)
        if self.memory is not None and not torch.equal(sources, self.sources):  # beams of a row share its source
            self.memory = self.memory.index_select(0, rows)
            self.memory_keep = None if self.memory_keep is None else self.memory_keep.index_select(0, rows)
        self.sources = sources
        for part in self.cache if isinstance(self.cache, list) else [self.cache]:
            if part is not None:
                part.reorder(rows)

    def _read_anew(self) -> Float[Tensor, "B V"]:
        """All that there is, or of a text that fills the context its later half."""
        if self.memory is not None:
            self.cache = self.model.new_cache()  # type: ignore[operator]
            return self._read(self.text, None)
        text, self.window_keep = self._window()
        if hasattr(self.model, "new_cache"):
            room = min(self.context, text.shape[1] + self.tokens.shape[1] - self.length)
            self.cache = self.model.new_cache(room)  # type: ignore[operator]
            self.step = decoder_step(self.model, self.cache)
        return self._read(text, self.window_keep)

    def _window(self) -> tuple[Int[Tensor, "B n"], Bool[Tensor, "B n"] | None]:
        """What of the text is read, and which of it is real. Rows of different lengths are put against the end, where
        the next token goes, so that columns are no more than the longest row."""
        half, cached = max(1, self.context // 2), hasattr(self.model, "new_cache")
        text = self.text
        if self.real is None:
            if not cached:
                return text[:, -self.context :], None
            return (text if text.shape[1] < self.context else text[:, -half:]), None
        kept = self.real[:, : self.length]
        number = kept.cumsum(1)  # of real tokens up to each column
        total = number[:, -1]
        if cached:  # a row whose cache is full, or whose prompt fills it, goes on from its later half
            full = total - self.left_out >= self.context + (self.length > self.begun)
            self.left_out = torch.where(full, total - half, self.left_out)
        else:
            self.left_out = (total - self.context).clamp(min=0)
        seen = kept & (number > self.left_out[:, None])
        columns = torch.argsort(seen.to(torch.uint8), dim=1, stable=True)[:, -int(seen.sum(1).max()) :]
        return text.gather(1, columns), seen.gather(1, columns)

    def _read(self, tokens: Tensor, keep: Tensor | None) -> Float[Tensor, "B V"]:
        """The scores after the last of `tokens`, which are the end of what `keep` speaks of."""
        if self.memory is not None:
            args = (self.memory, self.memory_keep, self.cache)
            return self.model.decode(tokens, *args)[:, -1].clone()  # type: ignore[operator]
        more = {} if keep is None else {"keep": keep}
        if hasattr(self.model, "hidden"):  # scores of the whole vocabulary for the last step alone
            states = self.model.hidden(tokens, self.cache, **more)  # type: ignore[operator]
            return self.model.scores(states[:, -1])  # type: ignore[operator]
        scores = self.model(tokens, self.cache, **more) if self.cache is not None else self.model(tokens, **more)
        if not isinstance(scores, Tensor) or scores.dim() != 3 or scores.shape[:2] != tokens.shape:
            raise UsageError(
                f"{type(self.model).__name__} gives no scores of a next token for each step", where="model"
            )
        return scores[:, -1]


def _require_prompt(prompt: Tensor, count: int, keep: Tensor | None) -> None:
    if prompt.dim() != 2:
        raise UsageError(f"a prompt is token ids (B, P), got {tuple(prompt.shape)}", where="prompt")
    if prompt.shape[1] == 0:
        raise UsageError("there is nothing to write on from", where="prompt", todo="give at least one token")
    if count < 1:
        raise UsageError(f"count is {count}; it must be at least 1", where="count")
    if keep is None:
        return
    if keep.dtype != torch.bool or keep.shape != prompt.shape:
        raise UsageError(f"keep must be bool {tuple(prompt.shape)}, got {keep.dtype} {tuple(keep.shape)}", where="keep")
    if not bool(keep.any(1).all()):
        raise UsageError("a prompt is padding alone", where="keep", todo="give at least one real token to each row")


def _require_source(model: nn.Module, prompt: Tensor, keep: Tensor | None, source: Tensor | None) -> None:
    reads = hasattr(model, "encode") and hasattr(model, "decode")
    if source is None and reads:
        raise UsageError(f"{type(model).__name__} writes from a source, and none is given", where="source")
    if source is None:
        return
    if not reads:
        raise UsageError(f"{type(model).__name__} reads no source", where="source", todo="leave it out")
    if len(source) != len(prompt):
        raise UsageError(f"there are {len(source)} sources and {len(prompt)} prompts", where="source")
    if keep is not None and not bool(keep.all()):
        raise UsageError("beginnings of a target must be of one length", where="keep", todo="group them by length")
