"""Loss scaling for training in float16 (Micikevicius et al. 2018), as torch.amp spells it."""

import torch


class GradScaler:
    """Shifts small gradients into the range of float16, and looks for the largest shift that does not overflow.

    for x, y in batches:
        optimizer.zero_grad()
        scaler.scale(loss(model(x), y)).backward()
        scaler.unscale_(optimizer)      # only where gradients are looked at before the step, as for clipping
        scaler.step(optimizer)
        scaler.update()

    Args:
        init_scale: the first factor.
        growth_factor: the scale times this after `growth_interval` good steps in a row, which are then counted anew.
        backoff_factor: the scale times this after a step with inf or NaN; the count of good steps starts at 0 again.
        growth_interval: see above.
    """

    def __init__(self, init_scale=65536.0, growth_factor=2.0, backoff_factor=0.5, growth_interval=2000):
        # --- your code ---
        self.factor, self.growth, self.backoff = init_scale, growth_factor, backoff_factor
        self.interval, self.good = growth_interval, 0
        self.unscaled = self.broken = False
        # --- end ---

    def get_scale(self):
        """The factor that counts now, a float."""
        # --- your code ---
        return self.factor
        # --- end ---

    def scale(self, loss):
        """The loss to call backward on."""
        # --- your code ---
        return loss * self.factor
        # --- end ---

    def unscale_(self, optimizer):
        """Divides the gradients of the optimizer's parameters (`optimizer.param_groups[i]["params"]`) in place.

        Some gradients may be None. Called at most once before each `step`.
        """
        # --- your code ---
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                p.grad.div_(self.factor)
                if not torch.isfinite(p.grad).all():
                    self.broken = True
        self.unscaled = True
        # --- end ---

    def step(self, optimizer):
        """optimizer.step() with unscaled gradients, unless one of them is inf or NaN: then nothing."""
        # --- your code ---
        if not self.unscaled:
            self.unscale_(optimizer)
        if not self.broken:
            optimizer.step()
        # --- end ---

    def update(self):
        """The scale of the next step. Called after each `step`, skipped or not."""
        # --- your code ---
        if self.broken:
            self.factor *= self.backoff
            self.good = 0
        else:
            self.good += 1
            if self.good == self.interval:
                self.factor *= self.growth
                self.good = 0
        self.unscaled = self.broken = False
        # --- end ---
