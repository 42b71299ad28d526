"""Choosing the next token: cut the tail, then throw the dice. B rows, V vocabulary."""

import torch


def filter_logits(logits, temperature=1.0, top_k=None, top_p=None):
    """Scales the logits, and sets those of tokens that may not be drawn to -inf.

    Args:
        logits: (B, V), no two alike in a row.
        temperature: > 0; the logits are divided by it first.
        top_k: keep the k largest of each row, then
        top_p: of the shares that remain keep the largest ones, up to and including the one with which their sum reaches
            top_p. At least one token stays.

    Returns:
        (B, V).
    """
    # --- your code ---
    logits = logits / temperature
    if top_k is not None and top_k < logits.shape[-1]:
        threshold = logits.topk(top_k, -1).values[:, -1:]
        logits = logits.masked_fill(logits < threshold, -torch.inf)
    if top_p is not None:
        shares, order = torch.softmax(logits, -1).sort(-1, descending=True)
        before = shares.cumsum(-1) - shares
        drop = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, order, before >= top_p)
        logits = logits.masked_fill(drop, -torch.inf)
    return logits
    # --- end ---


def sample(logits, generator):
    """One token for each row, drawn by its share softmax(logits).

    Args:
        logits: (B, V), -inf for tokens that are never drawn.
        generator: a torch.Generator, the only source of chance.

    Returns:
        (B,) token numbers (int64).
    """
    # --- your code ---
    return torch.multinomial(torch.softmax(logits, -1), 1, generator=generator).squeeze(-1)
    # --- end ---
