def receptive_field(layers):
    """From one output back to the input: an interval, and its right neighbour's."""
    ends = []
    for first in (0, 1):
        low = high = first
        for layer in reversed(layers):
            _, k, s, p, d = layer
            low, high = low * s - p, high * s - p + (k - 1) * d
        ends.append((low, high))
    return ends[0][1] - ends[0][0] + 1, ends[1][0] - ends[0][0], ends[0][0]
