"""Maximum pooling of images. B batch, C channels, Y rows, X columns."""

import torch
import torch.nn.functional as F


def max_pool2d(x: torch.Tensor, kernel_size: int, stride: int | None = None, padding: int = 0) -> torch.Tensor:
    """The largest pixel of each window.

    Args:
        x: (B, C, Y, X).
        kernel_size: h, rows and columns of the window.
        stride: steps of the window; None means h.
        padding: rings around the image that never win; at most h / 2.

    Returns:
        (B, C, (Y + 2 · padding − h) // stride + 1, (X + 2 · padding − h) // stride + 1).
    """
    # --- your code ---
    step = kernel_size if stride is None else stride
    x = F.pad(x, (padding, padding, padding, padding), value=-torch.inf)
    windows = x.unfold(2, kernel_size, step).unfold(3, kernel_size, step)  # (B, C, y, x, h, h)
    return windows.amax((-2, -1))
    # --- end ---
