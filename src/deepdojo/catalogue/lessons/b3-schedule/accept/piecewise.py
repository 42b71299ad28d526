import numpy as np


def lr_at(step, peak, warmup, total, floor=0.0):
    rise = np.interp(step + 1, [0, max(warmup, 1)], [0.0, peak])
    angle = np.interp(step, [warmup, total], [0.0, np.pi])
    fall = (peak + floor) / 2 + (peak - floor) / 2 * np.cos(angle)
    return float(np.where(step < warmup, rise, fall))
