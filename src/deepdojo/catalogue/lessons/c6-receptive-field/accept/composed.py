from functools import reduce


def join(inner, outer):
    (a, s, p), (b, t, q) = inner, outer
    return a + (b - 1) * s, s * t, p + q * s


def receptive_field(layers):
    return list(reduce(join, [((k - 1) * d + 1, s, -p) for _, k, s, p, d in layers], (1, 1, 0)))
