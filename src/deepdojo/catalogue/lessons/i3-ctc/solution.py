"""Connectionist temporal classification (Graves et al. 2006). B batch, T frames, V vocabulary, L labels."""

import torch

NEVER = -1e30  # the log of a probability of 0 that can still be differentiated


def ctc_loss(logits, targets, input_lengths, target_lengths, blank=0):
    """−log of the sum over all alignments of the product of their frames' probabilities.

    Args:
        logits: (B, T, V), of each frame, before the softmax.
        targets: (B, L) int64, labels without blanks; what stands behind a row's own labels does not matter.
        input_lengths, target_lengths: (B,) int64, frames and labels of each row; at least one frame.
        blank: the id of the blank.

    Returns:
        (B,), the loss of each row, not divided by anything.
    """
    # --- your code ---
    B, T, _ = logits.shape
    logs = torch.log_softmax(logits, -1)
    places = torch.full((B, 2 * targets.shape[1] + 1), blank)
    places[:, 1::2] = targets  # blank, label, blank, label, …, blank
    jump = torch.zeros_like(places, dtype=torch.bool)
    jump[:, 2:] = (places[:, 2:] != blank) & (places[:, 2:] != places[:, :-2])
    frames = logs.gather(2, places[:, None].expand(-1, T, -1))  # (B, T, places)

    begin = torch.arange(places.shape[1]) < 2
    alpha = torch.where(begin, frames[:, 0], NEVER)
    for t in range(1, T):
        one = torch.nn.functional.pad(alpha, (1, 0), value=NEVER)[:, :-1]
        two = torch.nn.functional.pad(alpha, (2, 0), value=NEVER)[:, : alpha.shape[1]]
        two = torch.where(jump, two, NEVER)
        new = torch.stack([alpha, one, two]).logsumexp(0) + frames[:, t]
        alpha = torch.where((t < input_lengths)[:, None], new, alpha)

    last = 2 * target_lengths[:, None]  # the place of the last blank
    blank_end = alpha.gather(1, last)[:, 0]
    label_end = alpha.gather(1, (last - 1).clamp(min=0))[:, 0]
    label_end = torch.where(target_lengths > 0, label_end, NEVER)
    return -torch.logaddexp(blank_end, label_end)
    # --- end ---
