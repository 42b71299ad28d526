"""A model that has read its prompts and takes one token a step: what sampling and beam search are written over.

Dimensions: B rows, P length of the longest prompt, S source, V vocabulary, n tokens so far.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepdojo.errors import UsageError

__all__ = ["Reading"]


class Reading:
    """The text so far, the scores of the next token, and what the model keeps of what it has read.

    Args:
        model: a LanguageModel, or a Seq2Seq with `source`. With `new_cache` every token is read once.
        prompt: beginnings, of one length or padded (anywhere) where `keep` says so; of a Seq2Seq those of the target.
        count: most tokens that will be taken.
        keep: True = a real token of the prompt.
        source: what a Seq2Seq encodes, once.
        source_keep: True = a real token of the source.

    When a language model's context is full, the later half of it is read anew, so that each token has between half a
    context and a whole one before it (or all there is).

    Raises: UsageError for an empty prompt, or a row of padding alone.
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
        self.model, self.length, self.begun = model, prompt.shape[1], prompt.shape[1]
        B, P = prompt.shape
        self.tokens = torch.cat([prompt, prompt.new_zeros(B, count)], 1)
        self.real: Tensor | None = None
        if keep is not None and not bool(keep.all()):
            self.real = torch.cat([keep, keep.new_ones(B, count)], 1)
        config = getattr(model, "config", None)
        self.context = int(getattr(config, "context", 0)) or P + count
        self.memory: Tensor | None = None
        self.memory_keep, self.sources = source_keep, torch.arange(B, device=prompt.device)
        self.cache: Any = None
        if source is not None:
            self.memory = model.encode(source, source_keep)  # type: ignore[operator]
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
        self.tokens[:, self.length] = token
        self.length += 1
        if last:
            return
        full = self.memory is None and self.cache is not None and self.cache[0].length >= self.context
        self.scores = self._read_anew() if full or self.cache is None else self._read(token.unsqueeze(1))

    def reorder(self, rows: Int[Tensor, R]) -> None:
        """Row i becomes what row `rows[i]` was."""
        self.tokens, self.scores = self.tokens.index_select(0, rows), self.scores.index_select(0, rows)
        self.real = None if self.real is None else self.real.index_select(0, rows)
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
            return self._read(self.text)
        text, kept = self.text, self.kept
        if not hasattr(self.model, "new_cache"):
            return self._last(self.model(text[:, -self.context :]), None if kept is None else kept[:, -self.context :])
        if text.shape[1] >= self.context:
            half = max(1, self.context // 2)
            text, kept = text[:, -half:], None if kept is None else kept[:, -half:]
        self.first = self.length - text.shape[1]
        room = min(self.context, self.tokens.shape[1] - self.first)
        self.cache = self.model.new_cache(room)  # type: ignore[operator]
        return self._read(text)

    def _read(self, tokens: Tensor) -> Float[Tensor, "B V"]:
        if self.memory is not None:
            args = (self.memory, self.memory_keep, self.cache)
            return self.model.decode(tokens, *args)[:, -1].clone()  # type: ignore[operator]
        more = {} if self.real is None else {"keep": self.real[:, self.first : self.length]}
        kept = None if self.real is None else self.real[:, self.length - tokens.shape[1] : self.length]
        if hasattr(self.model, "hidden"):  # scores of the whole vocabulary for the last step alone
            states = self.model.hidden(tokens, self.cache, **more)  # type: ignore[operator]
            return self.model.scores(self._last(states, kept))  # type: ignore[operator]
        return self._last(self.model(tokens, self.cache, **more), kept)

    @staticmethod
    def _last(x: Float[Tensor, "B n D"], kept: Bool[Tensor, "B n"] | None) -> Float[Tensor, "B D"]:
        """The last real step of each row."""
        if kept is None:
            return x[:, -1]
        last = (kept * torch.arange(1, kept.shape[1] + 1, device=kept.device)).amax(1) - 1
        return x[torch.arange(len(x), device=x.device), last]


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
