import torch


def rope(x, pos, theta=10000.0, interleaved=False):
    """One K × K rotation matrix for each position."""
    width = x.shape[-1]
    turns = torch.zeros(len(pos), width, width, dtype=x.dtype)
    for i in range(width // 2):
        first, second = (2 * i, 2 * i + 1) if interleaved else (i, i + width // 2)
        angle = pos.to(x.dtype) / theta ** (2 * i / width)
        turns[:, first, first] = turns[:, second, second] = torch.cos(angle)
        turns[:, first, second] = -torch.sin(angle)
        turns[:, second, first] = torch.sin(angle)
    return torch.einsum("tij,bhtj->bhti", turns, x)
