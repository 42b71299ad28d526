"""A training loop of four lines. One of its lines is wrong: it runs, and it learns the wrong thing. Find it."""

import torch
import torch.nn.functional as F


def train(model, x, y, batch_size, lr, epochs):
    """Gradient descent on the mean squared error, batch by batch in the order of the examples.

    Args:
        model: an nn.Module; its parameters are changed in place.
        x, y: (N, D) and (N, O).
        batch_size: the last batch holds what is left.

    Returns:
        for each epoch the mean loss over its examples, each measured before its batch's step.
    """
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for _ in range(epochs):
        total = 0.0
        for i in range(0, len(x), batch_size):
            xb, yb = x[i : i + batch_size], y[i : i + batch_size]
            optimizer.zero_grad()
            loss = F.mse_loss(model(xb), yb)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(xb)
        losses.append(total / len(x))
    return losses
