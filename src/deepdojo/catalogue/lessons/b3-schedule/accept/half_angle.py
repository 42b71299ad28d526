from math import cos, pi


def lr_at(t, top, rise, end, low=0.0):
    if t >= end:
        return low
    if t < rise:
        return top * (t + 1) / rise
    share = cos(pi / 2 * (t - rise) / (end - rise)) ** 2
    return top * share + low * (1 - share)
