"""A large batch in small bites. N examples of D numbers, O outputs each, some of them padding."""

import torch


def train_accumulated(model, x, y, keep, batch_size, micro_size, lr):
    """One epoch of gradient descent; the model sees `micro_size` examples at a time, the steps are of whole batches.

    The loss of a batch is the mean of (model(x) − y)² over its entries that `keep` marks.

    Args:
        model: an nn.Module, (B, D) to (B, O); its parameters are changed in place.
        x: (N, D). y: (N, O).
        keep: (N, O) boolean, True where an entry counts; every batch has some.
        batch_size: examples of a step, in order; the last batch holds what is left.
        micro_size: the model may be given at most so many at once, and `backward` must follow before the next ones.

    Returns:
        the loss of each batch before its step, as floats.
    """
    # --- your code ---
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for start in range(0, len(x), batch_size):
        stop = min(start + batch_size, len(x))
        count = keep[start:stop].sum()
        optimizer.zero_grad()
        total = 0.0
        for i in range(start, stop, micro_size):
            part = slice(i, min(i + micro_size, stop))
            squares = (model(x[part]) - y[part]).square() * keep[part]
            loss = squares.sum() / count
            loss.backward()
            total += loss.item()
        optimizer.step()
        losses.append(total)
    return losses
    # --- end ---
