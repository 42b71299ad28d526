"""How many steps a training takes, and its learning rate: a factor of the peak by the share of steps that is done."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from deepdojo import layers
from deepdojo.recipes import TrainSection

__all__ = ["Schedule", "batch_size", "cosine", "lr_factor", "planned_steps", "usual_batch"]

ONECYCLE_RISE = 0.3
ONECYCLE_START = 1 / 25
USUAL_TOKENS = 40


@dataclass
class Schedule:
    """How many steps there are, and what a time budget did to that; kept in run.toml so that a run can be replayed.

    Attributes:
        total: steps that the learning rate is planned for.
        replans: [step, total] for each time a budget set a new total: what counts from that step on.
        stop: the step after which the clock ended training, or None.
    """

    total: int
    replans: list[list[int]] = field(default_factory=list)
    stop: int | None = None

    def at(self, step: int) -> int:
        """The total that counts for the learning rate of `step` (from 0)."""
        return next((total for since, total in reversed(self.replans) if step >= since), self.total)

    @property
    def last(self) -> int:
        planned = self.replans[-1][1] if self.replans else self.total
        return planned if self.stop is None else min(planned, self.stop)


def planned_steps(train: TrainSection, epoch_steps: int) -> int:
    """Optimizer steps of a recipe, where one pass over the examples takes so many."""
    if train.steps is not None:
        return train.steps
    assert train.epochs != "auto"  # resolved by session/defaults.py
    return max(1, math.ceil(train.epochs * epoch_steps))


def batch_size(train: TrainSection) -> int:
    """Examples of a batch; the most there can be, where tokens are counted (`Store.tokens`)."""
    if train.batch_tokens is not None:
        return train.batch_tokens
    assert train.batch_size != "auto"  # resolved by session/defaults.py
    return train.batch_size


def usual_batch(train: TrainSection) -> int:
    """Examples of a batch, about, before they are read: where tokens are counted an example is taken to have 40."""
    return batch_size(train) if train.batch_tokens is None else max(1, train.batch_tokens // USUAL_TOKENS)


def lr_factor(schedule: str, step: int, total: int, *, warmup: float, final: float) -> float:
    """lr(step) / peak for step 0 <= step < total.

    cosine: final + (1 - final) (1 + cos(pi f)) / 2 with f the share of the steps after the warm-up (Loshchilov &
    Hutter 2017);
    linear: 1 - (1 - final) f; onecycle: cosine from 1/25 up over 30 % of the steps, cosine down (Smith & Topin 2018).

    Args:
        warmup: share of `total` over which the factor rises linearly; its first step is already above 0.
        final: factor at the end.
    """
    if schedule == "cosine":
        return float(layers.current("schedule", cosine)(step, total, warmup=warmup, final=final))
    done = step / max(total, 1)
    if schedule == "onecycle":
        if done < ONECYCLE_RISE:
            return 1.0 + (ONECYCLE_START - 1.0) * (1.0 + math.cos(math.pi * done / ONECYCLE_RISE)) / 2.0
        return _bow((done - ONECYCLE_RISE) / (1.0 - ONECYCLE_RISE), final)
    rise, fraction = _after_warmup(step, total, warmup)
    if rise is not None:
        return rise
    return 1.0 if schedule == "constant" else 1.0 - (1.0 - final) * min(max(fraction, 0.0), 1.0)


def cosine(step: int, total: int, *, warmup: float, final: float) -> float:
    """`lr_factor` of the schedule cosine; what a learner's schedule stands in for."""
    rise, fraction = _after_warmup(step, total, warmup)
    return _bow(fraction, final) if rise is None else rise


def _after_warmup(step: int, total: int, warmup: float) -> tuple[float | None, float]:
    """(the factor while it rises, or None; the share of the steps behind the warm-up that is done)."""
    rise = math.ceil(warmup * total)
    return ((step + 1) / rise if step < rise else None), (step - rise) / max(total - rise, 1)


def _bow(fraction: float, final: float) -> float:
    fraction = min(max(fraction, 0.0), 1.0)
    return final + (1.0 - final) * (1.0 + math.cos(math.pi * fraction)) / 2.0
