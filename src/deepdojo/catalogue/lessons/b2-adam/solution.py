"""Adam (Kingma and Ba 2015), and AdamW (Loshchilov and Hutter 2019), which decays weights apart from the gradient."""

import torch


class Adam:
    """Steps of the size lr, whatever the size of the gradient.

    Args:
        params: tensors that require gradients; their `.grad` may be None, then they stay as they are.
        lr: size of a step.
        betas: how long the two averages remember.
        eps: keeps the quotient finite where gradients vanish.
        weight_decay: strength of the decay.
        decoupled: True is AdamW, False is Adam with the decay added to the gradient.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False):
        # --- your code ---
        self.params = list(params)
        self.lr, self.betas, self.eps = lr, betas, eps
        self.weight_decay, self.decoupled = weight_decay, decoupled
        self.state = {}
        # --- end ---

    @torch.no_grad()
    def step(self):
        """Changes each parameter in place, from its `.grad`, which stays as it is."""
        # --- your code ---
        b1, b2 = self.betas
        for p in self.params:
            if p.grad is None:
                continue
            g = p.grad
            if p not in self.state:
                self.state[p] = [0, torch.zeros_like(p), torch.zeros_like(p)]
            if self.weight_decay and self.decoupled:
                p.mul_(1 - self.lr * self.weight_decay)
            elif self.weight_decay:
                g = g + self.weight_decay * p
            t, m, v = self.state[p]
            t = t + 1
            m = b1 * m + (1 - b1) * g
            v = b2 * v + (1 - b2) * g * g
            self.state[p] = [t, m, v]
            m_hat = m / (1 - b1**t)
            v_hat = v / (1 - b2**t)
            p.sub_(self.lr * m_hat / (v_hat.sqrt() + self.eps))
        # --- end ---

    def zero_grad(self):
        """Forgets all gradients."""
        # --- your code ---
        for p in self.params:
            p.grad = None
        # --- end ---
