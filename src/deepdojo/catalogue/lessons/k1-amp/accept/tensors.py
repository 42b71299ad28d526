import torch


class GradScaler:
    """The scale is a tensor, and one sum finds what is not finite."""

    def __init__(self, init_scale=65536.0, growth_factor=2.0, backoff_factor=0.5, growth_interval=2000):
        self._scale = torch.tensor(init_scale, dtype=torch.float64)
        self._factors, self._interval, self._run = (growth_factor, backoff_factor), growth_interval, 0
        self._finite = None  # None: not unscaled yet

    def get_scale(self):
        return self._scale.item()

    def scale(self, loss):
        return loss * self._scale.to(loss.dtype)

    def _gradients(self, optimizer):
        every = (p.grad for group in optimizer.param_groups for p in group["params"])
        return [g for g in every if g is not None]

    def unscale_(self, optimizer):
        found = self._gradients(optimizer)
        torch._foreach_mul_(found, 1.0 / self.get_scale())
        self._finite = all(bool((g - g == 0).all()) for g in found)

    def step(self, optimizer):
        if self._finite is None:
            self.unscale_(optimizer)
        return optimizer.step() if self._finite else None

    def update(self):
        finite, self._finite = self._finite, None
        self._run = self._run + 1 if finite else 0
        if not finite or self._run % self._interval == 0:
            self._scale = self._scale * self._factors[not finite]
