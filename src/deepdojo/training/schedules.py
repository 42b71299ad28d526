"""Learning-rate schedules: a factor of the peak as a function of the share of steps that is done."""

from __future__ import annotations

import math

__all__ = ["lr_factor"]

ONECYCLE_RISE = 0.3
ONECYCLE_START = 1 / 25


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
