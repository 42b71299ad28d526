"""Attention rollout: what an encoder's output drew from each of its inputs, by the attention of all layers.

It rests on attention alone and so says nothing of what the layers do with what they draw. It is made where a learner's
function stands in for it, beside the methods that ask the model.

Legend: L layers, B examples, H heads, T tokens, K head width, P pieces.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.explain.evidence import Probe
from deepdojo.layers import current

__all__ = ["attention_rollout", "rollout"]

NEAR = 1e-5


def attention_rollout(attn: Float[Tensor, "L B H T T"]) -> Float[Tensor, "B T T"]:
    """Â_L ⋯ Â_1, Â_l = (mean over heads of attn_l + I) / 2, each row divided by its sum.

    Source: Abnar & Zuidema 2020, "Quantifying attention flow in transformers", section 3.
    """
    found = torch.eye(attn.shape[-1], dtype=attn.dtype, device=attn.device).expand(attn.shape[1], -1, -1)
    for layer in attn.mean(2):
        mixed = (layer + torch.eye(attn.shape[-1], dtype=attn.dtype, device=attn.device)) / 2
        found = (mixed / mixed.sum(-1, keepdim=True)) @ found
    return found


def rollout(probe: Probe) -> tuple[np.ndarray, int] | None:
    """(P,) what the output drew from each piece, by a learner's `attention_rollout`, and the passes; None where there
    is none, or the model is no encoder whose tokens are the row's words or patches.

    Raises: RecipeError where a learner's function gives another matrix than ours.
    """
    attentions = [module for module in probe.model.modules() if _attends(module)]
    found: list[Tensor] = []
    if not attentions:
        return None
    with torch.no_grad(), _recording(attentions, found):
        probe.task.loss(probe.model, probe.batch)
    shapes = {tuple(each.shape) for each in found}
    places = _places(probe, next(iter(shapes))[-1]) if len(shapes) == 1 and len(found) == len(attentions) else None
    if places is None or next(iter(shapes))[-2] != next(iter(shapes))[-1]:
        return None
    make = current("attention_rollout", attention_rollout)
    if make is attention_rollout:
        return None
    attn = torch.stack(found)
    drawn, ours = make(attn)[0], attention_rollout(attn)[0]
    apart = float((drawn - ours).abs().max())
    if not apart <= NEAR:
        raise RecipeError(f"attention_rollout gives a matrix that lies {apart:.2g} from the built-in's",
                          where="attention_rollout", todo="compare both, as dojo grade does")  # fmt: skip
    owner, token, front = places
    rows = drawn[0] if front else drawn.mean(0)
    shares = rows[token + front].cpu().double().numpy() / np.bincount(token.numpy())[token.numpy()]
    there = owner.numpy() >= 0
    return np.bincount(owner.numpy()[there], weights=shares[there], minlength=len(probe.labels)), 1


def _attends(module: nn.Module) -> bool:
    return hasattr(module, "attend") and hasattr(module, "in_proj_weight") and not getattr(module, "causal", False)


def _places(probe: Probe, tokens: int) -> tuple[Tensor, Tensor, int] | None:
    """(piece of each entry, token of each entry, tokens in front of them); None where tokens are something else."""
    owners = [(name, owner.cpu()) for name, owner in probe.owner.items() if owner.numel()]
    if len(owners) != 1:
        return None
    name, owner = owners[0]
    shape = probe.batch[name].shape[1:]
    if len(shape) == 1 and tokens - len(owner) in (0, 1):
        return owner, torch.arange(len(owner)), tokens - len(owner)
    if len(shape) != 3 or not hasattr(getattr(probe.model, "config", None), "patch_sides"):
        return None
    config: Any = probe.model.config
    high, wide = config.patch_sides()
    y, x = torch.arange(shape[1]) // high, torch.arange(shape[2]) // wide
    across = shape[2] // wide
    inside = (y < shape[1] // high)[:, None] & (x < across)
    token = (y[:, None] * across + x).where(inside, torch.zeros(1, dtype=torch.long))
    owner = owner.view(shape)[0].where(inside, torch.full((1,), -1))
    return owner.flatten(), token.flatten(), tokens - (shape[1] // high) * across


@contextmanager
def _recording(modules: list[nn.Module], found: list[Tensor]) -> Iterator[None]:
    """The modules also leave the weights of their attention."""
    before = [module.attend for module in modules]

    def recorded(attend: Any) -> Callable[..., Tensor]:
        def attending(q: Tensor, k: Tensor, v: Tensor, keep: Tensor | None = None) -> Tensor:
            scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
            found.append((scores if keep is None else scores.masked_fill(~keep, -torch.inf)).softmax(-1))
            out: Tensor = attend(q, k, v, keep)
            return out

        return attending

    try:
        for module in modules:
            module.attend = recorded(module.attend)  # type: ignore[assignment]
        yield
    finally:
        for module, attend in zip(modules, before, strict=True):
            module.attend = attend
