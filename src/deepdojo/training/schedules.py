"""How many steps a training takes, and its learning rate: a factor of the peak by the share of steps that is done."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from deepdojo.recipes import TrainSection

__all__ = ["Schedule", "batch_size", "lr_factor", "planned_steps"]

ONECYCLE_RISE = 0.3
ONECYCLE_START = 1 / 25


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


def lr_factor(schedule: str, step: int, total: int, *, warmup: float, final: float) -> float:
    """lr(step) / peak for step 0 <= step < total.

    cosine: final + (1 - final) (1 + cos(pi f)) / 2 with f the share of the steps after the warm-up (Loshchilov &
    Hutter 2017);
    linear: 1 - (1 - final) f; onecycle: cosine from 1/25 up over 30 % of the steps, cosine down (Smith & Topin 2018).

    Args:
        warmup: share of `total` over which the factor rises linearly; its first step is already above 0.
        final: factor at the end.
    """
    done = step / max(total, 1)
    if schedule == "onecycle":
        if done < ONECYCLE_RISE:
            return 1.0 + (ONECYCLE_START - 1.0) * (1.0 + math.cos(math.pi * done / ONECYCLE_RISE)) / 2.0
        return _fall("cosine", (done - ONECYCLE_RISE) / (1.0 - ONECYCLE_RISE), final)
    rise = math.ceil(warmup * total)
    if step < rise:
        return (step + 1) / rise
    return _fall(schedule, (step - rise) / max(total - rise, 1), final)


def _fall(schedule: str, fraction: float, final: float) -> float:
    fraction = min(max(fraction, 0.0), 1.0)
    if schedule == "constant":
        return 1.0
    if schedule == "linear":
        return 1.0 - (1.0 - final) * fraction
    return final + (1.0 - final) * (1.0 + math.cos(math.pi * fraction)) / 2.0
