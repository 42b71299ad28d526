"""The loss of a language model. B batch, T tokens, V vocabulary."""

import torch


def lm_loss(logits, ids, keep=None):
    """Mean negative log-likelihood of each token given those before it, in nats.

    Args:
        logits: (B, T, V); those of position t predict token t + 1.
        ids: (B, T) token numbers.
        keep: None, or (B, T) booleans: True = a real token, False = padding.

    Returns:
        (), the mean over all targets that are real tokens; 0 where there is none.
    """
    # --- your code ---
    logits, targets = logits[:, :-1], ids[:, 1:]
    log_shares = logits - torch.logsumexp(logits, -1, keepdim=True)
    each = -log_shares.gather(-1, targets.unsqueeze(-1)).squeeze(-1)  # (B, T-1)
    counts = torch.ones_like(each) if keep is None else keep[:, 1:].to(each.dtype)
    return (each * counts).sum() / counts.sum().clamp(min=1)
    # --- end ---
