import math

import torch


class Adam(torch.optim.Optimizer):
    """Corrections folded into the step size, moments in place, torch's own base class."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "wd": weight_decay, "decoupled": decoupled})

    def step(self):
        with torch.no_grad():
            for group in self.param_groups:
                b1, b2 = group["betas"]
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    state = self.state[p]
                    if not state:
                        state.update(t=0, m=torch.zeros_like(p), v=torch.zeros_like(p))
                    state["t"] += 1
                    grad = p.grad
                    if group["decoupled"]:
                        p -= group["lr"] * group["wd"] * p
                    else:
                        grad = grad.add(p, alpha=group["wd"])
                    state["m"].lerp_(grad, 1 - b1)
                    state["v"].mul_(b2).addcmul_(grad, grad, value=1 - b2)
                    bias = math.sqrt(1 - b2 ** state["t"])
                    size = group["lr"] * bias / (1 - b1 ** state["t"])
                    p.addcdiv_(state["m"], state["v"].sqrt().add_(group["eps"] * bias), value=-size)
