"""Which query may look at which key. T queries, S keys."""

import torch


def causal_keep(T, S, window=None):
    """True at [t, s] where query t may look at key s: not ahead, and not further back than the window.

    Args:
        T: queries; they are the last T of the S steps.
        S: keys, S ≥ T.
        window: None, or how many steps a query sees, itself counted.

    Returns:
        (T, S) booleans.
    """
    # --- your code ---
    query = torch.arange(T)[:, None] + S - T  # the step at which each query stands
    key = torch.arange(S)[None]
    back = query - key  # (T, S)
    keep = back >= 0
    if window is not None:
        keep = keep & (back < window)
    return keep
    # --- end ---
