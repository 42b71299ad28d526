"""F1 of a classifier, and the ways to average it over classes. N rows."""

import torch


def f1(y: torch.Tensor, p: torch.Tensor, average: str) -> float:
    """The balance of precision and recall.

    F1 of a class is 2tp / (2tp + fp + fn). 0/0 counts as 0.

    Args:
        y: (N,) int64, the true classes; N may be 0.
        p: (N,) int64, the predicted ones.
        average: "binary": of class 1. "macro": mean over classes. "weighted": mean weighted by how often each class is
            true. "micro": of the summed counts. Classes are those that occur in y or p.

    Returns:
        a float from 0 to 1.
    """
    # --- your code ---
    labels = torch.cat([y, p]).unique()
    if average == "binary":
        labels = torch.tensor([1])
    true, said = y[:, None] == labels, p[:, None] == labels  # (N, classes)
    tp, fp, fn = ((true & said).sum(0), (~true & said).sum(0), (true & ~said).sum(0))
    weights = torch.ones(len(labels))
    if average == "micro":
        tp, fp, fn = tp.sum()[None], fp.sum()[None], fn.sum()[None]
        weights = torch.ones(1)
    if average == "weighted":
        weights = true.sum(0)
    weights = weights.double()
    scores = 2 * tp / (2 * tp + fp + fn).clamp(min=1).double()
    return float((weights * scores).sum() / weights.sum().clamp(min=1))
    # --- end ---
