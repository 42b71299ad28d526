"""Training with a validation after each epoch. One thing is wrong with the modes: it runs, and its numbers mislead."""

import torch
import torch.nn.functional as F


def fit_and_validate(model, x, y, x_val, y_val, batch_size, lr, epochs):
    """Gradient descent on the mean squared error, and after each epoch the error on the validation rows.

    Validation uses the statistics and weights that the model would be used with, changes nothing in it, and records no
    graph. The model comes back in the mode in which it was given.

    Args:
        model: an nn.Module with batch normalisation and dropout, in either mode; it is trained in place.
        x, y: (N, D) and (N, O). x_val, y_val: (M, D) and (M, O).

    Returns:
        the validation loss after each epoch.
    """
    was_training = model.training
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for _ in range(epochs):
        model.train()
        for i in range(0, len(x), batch_size):
            optimizer.zero_grad()
            F.mse_loss(model(x[i : i + batch_size]), y[i : i + batch_size]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            losses.append(F.mse_loss(model(x_val), y_val).item())
    model.train(was_training)
    return losses
