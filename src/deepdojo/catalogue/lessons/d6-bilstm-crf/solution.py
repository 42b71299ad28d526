"""A linear-chain CRF. B batch, T steps, N tags."""

import torch


def log_partition(emissions, transitions, start, end, keep):
    """The log of the sum over all tag sequences of exp(score).

    score(y) = start[y_1] + Σ_t emissions[t, y_t] + Σ_t transitions[y_{t−1}, y_t] + end[y_last].

    Args:
        emissions: (B, T, N). transitions: (N, N), [from, to]. start, end: (N,).
        keep: (B, T) booleans, True = a real step; real steps come first, and each row has one at least.

    Returns:
        (B,).
    """
    # --- your code ---
    alpha = start + emissions[:, 0]  # (B, N)
    for t in range(1, emissions.shape[1]):
        paths = alpha[:, :, None] + transitions  # (B, from, to)
        new = torch.logsumexp(paths, 1) + emissions[:, t]
        alpha = torch.where(keep[:, t, None], new, alpha)
    return torch.logsumexp(alpha + end, -1)
    # --- end ---


def viterbi(emissions, transitions, start, end, keep):
    """The tag sequence of the greatest score.

    Args: as in log_partition.

    Returns:
        (B, T) int64, 0 at padding.
    """
    # --- your code ---
    best, came_from = start + emissions[:, 0], []
    for t in range(1, emissions.shape[1]):
        paths = best[:, :, None] + transitions  # (B, from, to)
        top, source = paths.max(1)
        best = torch.where(keep[:, t, None], top + emissions[:, t], best)
        stay = torch.arange(best.shape[1]).expand_as(source)
        came_from.append(torch.where(keep[:, t, None], source, stay))
    tag = (best + end).argmax(-1)
    tags = [tag]
    for source in reversed(came_from):
        tag = source.gather(1, tag[:, None])[:, 0]
        tags.append(tag)
    return torch.stack(tags[::-1], 1) * keep
    # --- end ---
