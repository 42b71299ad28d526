"""Gradient descent with momentum (Polyak 1964; Sutskever et al. 2013), as torch spells it."""

import torch


class SGD:
    """Steps along a running sum of gradients.

    Args:
        params: an iterable of tensors that require gradients, such as `model.parameters()`; it can be walked once.
        lr: size of a step.
        momentum: how much of the running sum is kept at each step; 0 is plain gradient descent.
        weight_decay: `weight_decay * p` is added to the gradient of p.
        nesterov: step along gradient + momentum · sum.

    A parameter whose `.grad` is None stays as it is, and so does its sum.
    """

    def __init__(self, params, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
        # --- your code ---
        self.params = list(params)
        self.lr, self.momentum = lr, momentum
        self.weight_decay, self.nesterov = weight_decay, nesterov
        self.sums = {}
        # --- end ---

    @torch.no_grad()
    def step(self):
        """Changes each parameter in place, from its `.grad`, which stays as it is."""
        # --- your code ---
        for p in self.params:
            if p.grad is None:
                continue
            g = p.grad + self.weight_decay * p
            v = self.sums.get(p, torch.zeros_like(p))
            v = self.momentum * v + g
            self.sums[p] = v
            if self.nesterov:
                v = g + self.momentum * v
            p.sub_(self.lr * v)
        # --- end ---

    def zero_grad(self):
        """Forgets all gradients, so that the next backward starts anew."""
        # --- your code ---
        for p in self.params:
            p.grad = None
        # --- end ---
