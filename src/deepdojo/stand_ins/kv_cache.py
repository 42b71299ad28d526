"""`step(x_new, cache, w_q, w_k, w_v, w_o, num_heads)` of the lesson inside our causal attention.

B batch, T new tokens, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.layers.attention_causal import CausalSelfAttention
from deepdojo.layers.key_value_cache import KeyValues

__all__ = ["kv_cache"]


def kv_cache(own: Mapping[str, Callable[..., Any]]) -> dict[str, type[CausalSelfAttention]]:
    """Biases stand as one more column of each matrix, for an input that is 1 there. What the learner's code keeps is
    held by our cache, which counts steps and knows which row is which."""
    step = own["step"]

    class OwnCausalSelfAttention(CausalSelfAttention):
        def forward(
            self, x: Tensor, turn: Any = None, cache: KeyValues | None = None, keep: Tensor | None = None
        ) -> Tensor:
            if turn is not None:
                raise RecipeError("step of the lesson turns no queries and keys", where="step",
                                  todo="add --set model.positions=learned")  # fmt: skip
            if keep is not None and not bool(keep.all()):
                raise RecipeError("step of the lesson takes no padding", where="step",
                                  todo="give prompts of one length")  # fmt: skip
            weight: Tensor = self.in_proj.weight
            bias = self.in_proj.bias
            if bias is not None:
                x, weight = torch.cat([x, torch.ones_like(x[..., :1])], -1), torch.cat([weight, bias[:, None]], 1)
            before = None if cache is None else _before(cache)
            out, after = step(x, before, *weight.chunk(3), self.out_proj.weight, self.num_heads)
            if cache is not None:
                marks = torch.arange(float(len(x)), device=x.device)[:, None, None, None]
                cache.extended(*[marks.expand(len(x), 1, x.shape[1], 1)] * 2)
                cache.kept = after  # type: ignore[attr-defined]
            return out if self.out_proj.bias is None else out + self.out_proj.bias

    return {"CausalSelfAttention": OwnCausalSelfAttention}


def _before(cache: KeyValues) -> Any:
    """What the last step kept, its rows as the search has ordered them since."""
    if not cache.length:
        return None
    marks = cache.held()[0]
    rows = marks[:, 0, -1, 0].long()
    kept, same = cache.kept, torch.arange(len(rows), device=rows.device)  # type: ignore[attr-defined]
    if torch.equal(rows, same):
        return kept
    marks.copy_(same[:, None, None, None].expand_as(marks))
    return _ordered(kept, rows)


def _ordered(kept: Any, rows: Tensor) -> Any:
    if isinstance(kept, Tensor) and kept.dim() > 0 and len(kept) > int(rows.max()):
        return kept.index_select(0, rows)
    if isinstance(kept, tuple | list):
        return type(kept)(_ordered(each, rows) for each in kept)
    if isinstance(kept, dict):
        return {name: _ordered(each, rows) for name, each in kept.items()}
    if kept is None or isinstance(kept, int | str):
        return kept
    raise RecipeError("the cache of step is of a form whose rows a search cannot put in another order", where="step",
                      todo="keep tensors with a row for each text")  # fmt: skip
