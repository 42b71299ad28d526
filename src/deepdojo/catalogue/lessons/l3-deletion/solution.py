"""The deletion curve: an explanation is good if the answer falls quickly without what it names. B rows, D inputs."""

import torch


def deletion_auc(f, x, attribution, baseline):
    """The area under f while inputs are replaced by the baseline, the one of the largest attribution first.

    The curve has D + 1 points, at the shares 0, 1/D, … 1 of deleted inputs, and is joined by straight lines.

    Args:
        f: (N, D) -> (N,), any number N of rows; each row by itself.
        x, attribution, baseline: (B, D); they stay as they are. The sign of an attribution counts.

    Returns:
        (B,), one area for each row, each by its own order.
    """
    # --- your code ---
    order = attribution.argsort(1, descending=True)
    current, inputs = x.clone(), x.shape[1]
    values = [f(current)]
    for k in range(inputs):
        chosen = order[:, k : k + 1]
        current = current.scatter(1, chosen, baseline.gather(1, chosen))
        values.append(f(current))
    curve = torch.stack(values)
    return (curve[1:] + curve[:-1]).sum(0) / 2 / inputs
    # --- end ---
