"""Optimizers and schedules of a learner beside ours, on small numbers: what the calls of a model do not show."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from deepdojo.errors import DojoError, RecipeError
from deepdojo.layers.attention_causal import CausalSelfAttention
from deepdojo.layers.hook import replaced
from deepdojo.layers.key_value_cache import KeyValues
from deepdojo.recipes import TrainSection
from deepdojo.stand_ins.own import Idea
from deepdojo.training.optimizers import build_optimizer
from deepdojo.training.schedules import cosine

__all__ = ["PROBES"]

STEPS = 6
LIMIT = 1e-9


def _optimizer(idea: Idea, part: str, train: TrainSection) -> None:
    """A path of six steps of changing rate, in float64, with the recipe's own settings and with momentum."""
    settings = [train.model_copy(update={"momentum": momentum}) for momentum in {train.momentum, 0.9}]
    with replaced({}):  # whatever stands in already
        ours = [step for each in settings for step in _path(each)]
    try:
        with replaced({part: idea.parts[part]}):
            theirs = [step for each in settings for step in _path(each)]
    except DojoError:
        raise
    except Exception as error:
        raise _refused(idea, f"stops with {type(error).__name__}: {error}") from None
    for step, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if not torch.allclose(a, b, rtol=LIMIT, atol=LIMIT):
            at = int((a - b).abs().argmax())
            raise _refused(idea, f"after step {step % STEPS + 1} has {float(b[at]):.9g} where the built-in has "
                                 f"{float(a[at]):.9g}")  # fmt: skip


def _path(train: TrainSection) -> list[Tensor]:
    draws = torch.Generator().manual_seed(7)
    model = nn.Linear(5, 3).double()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=draws, dtype=torch.float64))
    optimizer, found = build_optimizer(model, train, torch.device("cpu")), []
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = train.lr / (1 + step)
        for p in model.parameters():
            p.grad = torch.randn(p.shape, generator=draws, dtype=torch.float64)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        found.append(torch.cat([p.detach().flatten() for p in model.parameters()]).clone())
    return found


def _schedule(idea: Idea, part: str, train: TrainSection) -> None:
    """Every step of a short training, with the recipe's warm-up and without one."""
    total = 37
    for warmup in {train.warmup, 0.0, 0.2}:
        for step in range(total):
            ours = cosine(step, total, warmup=warmup, final=train.final_lr)
            try:
                theirs = float(idea.parts[part](step, total, warmup=warmup, final=train.final_lr))
            except Exception as error:
                raise _refused(idea, f"stops with {type(error).__name__}: {error}") from None
            if abs(ours - theirs) > LIMIT:
                raise _refused(
                    idea, f"gives {theirs:.9g} of the peak at step {step} of {total} with a warm-up of {warmup:g}, "
                    f"where the built-in gives {ours:.9g}",
                )  # fmt: skip


def _cached(idea: Idea, part: str, train: TrainSection) -> None:
    """A text read in three pieces, each with a cache of what came before, beside the whole of it."""
    draws = torch.Generator().manual_seed(11)
    with replaced({}):
        ours = CausalSelfAttention(12, 3).double()
    with torch.no_grad():
        for p in ours.parameters():
            p.copy_(torch.randn(p.shape, generator=draws, dtype=torch.float64))
    theirs = copy.deepcopy(ours)
    theirs.__class__ = idea.parts[part]
    x, cache = torch.randn(2, 7, 12, generator=draws, dtype=torch.float64), KeyValues(7)
    with torch.no_grad():
        whole = ours(x)
        try:
            read = torch.cat([theirs(piece, cache=cache) for piece in x.split([3, 1, 3], 1)], 1)
        except DojoError:
            raise
        except Exception as error:
            raise _refused(idea, f"stops with {type(error).__name__}: {error}") from None
    if not torch.allclose(whole, read, rtol=LIMIT, atol=LIMIT):
        raise _refused(idea, "gives other steps one after another than for a whole text")


def _refused(idea: Idea, what: str) -> RecipeError:
    return RecipeError(f"{idea.name} {what}", where=idea.file, todo="compare both step by step, as dojo grade does")


PROBES: dict[str, Callable[[Idea, str, Any], None]] = {
    "adam": _optimizer, "sgd": _optimizer, "schedule": _schedule, "kv_cache": _cached,
}  # fmt: skip
"""By part or idea: what the calls of a training step do not show."""
