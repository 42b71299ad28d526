"""The basic block of ResNet-18 and -34 (He et al. 2016). B batch, C channels in, O channels out, Y rows, X columns."""

import torch
import torch.nn.functional as F


def norm(x, gain, shift):
    """Batch normalisation with the batch's own statistics, as in training. Use it; you wrote it in c4-batch-norm."""
    return F.batch_norm(x, None, None, gain, shift, training=True)


def residual_block(x: torch.Tensor, p: dict[str, torch.Tensor], stride: int = 1) -> torch.Tensor:
    """relu(norm2(conv2(relu(norm1(conv1(x))))) + shortcut(x)).

    Args:
        x: (B, C, Y, X).
        p: `conv1` (O, C, 3, 3), `gain1`, `shift1` (O,), `conv2` (O, O, 3, 3), `gain2`, `shift2` (O,). Where the shape
            changes also `shortcut` (O, C, 1, 1), `gain3`, `shift3` (O,); without them the shortcut is x itself.
            All convolutions are without bias; those of 3 × 3 have padding 1.
        stride: of the first convolution, and of the shortcut.

    Returns:
        (B, O, (Y − 1) // stride + 1, (X − 1) // stride + 1).
    """
    # --- your code ---
    h = F.conv2d(x, p["conv1"], stride=stride, padding=1)
    h = torch.relu(norm(h, p["gain1"], p["shift1"]))
    h = F.conv2d(h, p["conv2"], padding=1)
    h = norm(h, p["gain2"], p["shift2"])
    short = x
    if "shortcut" in p:
        short = norm(F.conv2d(x, p["shortcut"], stride=stride), p["gain3"], p["shift3"])
    return torch.relu(h + short)
    # --- end ---
