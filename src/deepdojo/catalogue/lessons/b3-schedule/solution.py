"""The learning rate of each step: a linear warm-up, then half a cosine (Loshchilov and Hutter 2017)."""

import math


def lr_at(step, peak, warmup, total, floor=0.0):
    """The learning rate of one step.

    Args:
        step: counted from 0; may be beyond `total`.
        peak: the largest learning rate.
        warmup: so many steps rise linearly: the first has peak / warmup, the last (step = warmup − 1) has peak; 0 is
            none.
        total: from this step on the rate is `floor`. More than warmup.
        floor: the lowest learning rate of the decay.

    Returns:
        a float. At step = warmup the cosine starts, at peak.
    """
    # --- your code ---
    if step < warmup:
        return peak * (step + 1) / warmup
    done = min(1.0, (step - warmup) / (total - warmup))
    return floor + (peak - floor) * (1 + math.cos(math.pi * done)) / 2
    # --- end ---
