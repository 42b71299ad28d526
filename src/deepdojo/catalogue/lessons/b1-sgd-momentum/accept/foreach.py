import torch


class SGD(torch.optim.Optimizer):
    """Torch's own base class, and one call for all parameters."""

    def __init__(self, params, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": weight_decay, "nesterov": nesterov})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            found = [p for p in group["params"] if p.grad is not None]
            if not found:
                continue
            slopes = torch._foreach_add([p.grad for p in found], found, alpha=group["decay"])
            for p in found:
                self.state[p].setdefault("sum", torch.zeros_like(p))
            sums = [self.state[p]["sum"] for p in found]
            torch._foreach_mul_(sums, group["momentum"])
            torch._foreach_add_(sums, slopes)
            ahead = torch._foreach_add(slopes, sums, alpha=group["momentum"]) if group["nesterov"] else sums
            torch._foreach_add_(found, ahead, alpha=-group["lr"])
