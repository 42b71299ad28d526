"""A softmax classifier with class weights and label smoothing. One line is wrong: it trains, but for another aim.

N rows, D features, C classes.
"""

import torch
import torch.nn.functional as F


def fit_softmax(weight, bias, x, y, class_weight, smoothing, lr, steps):
    """Gradient descent on the weighted, label-smoothed cross-entropy of all rows.

    Args:
        weight, bias: (C, D) and (C,), where to begin; they are left as they are.
        x, y: (N, D) and (N,) class numbers.
        class_weight: (C,) how much a row of each class counts.
        smoothing: the share of the target that is spread evenly over all C classes, the row's own included.

    Returns:
        losses (a list: one before each step), weight, bias.
    """
    weight = weight.clone().requires_grad_()
    bias = bias.clone().requires_grad_()
    losses = []
    for _ in range(steps):
        logits = x @ weight.T + bias
        log_shares = F.log_softmax(logits, dim=1)
        hard = F.one_hot(y, len(bias)).to(x.dtype)
        target = hard * (1 - smoothing) + smoothing / len(bias)
        each = -(target * log_shares).sum(1)
        counts = class_weight[y]
        loss = (counts * each).sum() / counts.sum()
        by_weight, by_bias = torch.autograd.grad(loss, [weight, bias])
        weight = (weight - lr * by_weight).detach().requires_grad_()
        bias = (bias - lr * by_bias).detach().requires_grad_()
        losses.append(loss.item())
    return losses, weight.detach(), bias.detach()
