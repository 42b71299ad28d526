"""Which inputs one output of a stack of layers depends on, along one axis."""


def receptive_field(layers):
    """Output i of the stack depends on the inputs i · stride + offset … i · stride + offset + size − 1.

    Args:
        layers: from the input on, tuples (kind, kernel, stride, padding, dilation) of a str and four ints; kind is
            "conv" or "pool". Padding is added on both sides. The list may be empty.

    Returns:
        (size, stride, offset), ints; the offset is 0 or below it, where padding is seen.
    """
    # --- your code ---
    size, jump, offset = 1, 1, 0
    for _, kernel, stride, padding, dilation in layers:
        size += (kernel - 1) * dilation * jump
        offset -= padding * jump
        jump *= stride
    return size, jump, offset
    # --- end ---
