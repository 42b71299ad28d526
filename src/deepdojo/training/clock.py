"""The wall time of a training, and the plan by which it keeps a deadline."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from deepdojo.training.distributed import Ranks
from deepdojo.training.schedules import Schedule

__all__ = ["Clock"]

CALIBRATION_STEPS = 5


@dataclass
class Clock:
    """Seconds since training began, pauses between a kill and its resume left out.

    Attributes:
        deadline: `time.monotonic()` at which training must end, or None.
        epoch_steps: optimizer steps of one pass.
        validation_s: what a validation takes; the loop times each.
        validation_share: its cost beside that of an epoch, before one has been timed.
    """

    deadline: float | None
    epoch_steps: int
    validation_s: float
    validation_share: float
    began: float = field(default_factory=time.monotonic)
    plan_from: int | None = CALIBRATION_STEPS

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def resume(self, step: int, seconds: float) -> None:
        self.began = time.monotonic() - seconds
        self.plan_from = step + CALIBRATION_STEPS  # what was trained twice is time that the plan has lost

    def over(self, step: int, schedule: Schedule, ranks: Ranks) -> tuple[bool, Schedule]:
        """Whether time is over after `step`, and the plan, by the clock of the first process, which all follow."""
        if self.deadline is None:
            return False, schedule
        if ranks.world == 1:
            return self._plan(step, schedule, self.deadline), schedule
        ended = ranks.first and self._plan(step, schedule, self.deadline)
        return ranks.from_first((ended, schedule))

    def _plan(self, step: int, schedule: Schedule, deadline: float) -> bool:
        """Plan the steps that fit, once the speed is known; True when time is over."""
        now = time.monotonic()
        left = deadline - now - self.validation_s
        if left <= 0:
            schedule.stop = step
            return True
        spent = now - self.began
        if self.plan_from is not None and step >= self.plan_from and spent > 0.05 * (spent + left):
            self.plan_from = None
            epoch_s = spent / step * self.epoch_steps * (1 + self.validation_share)
            fits = max(step + 1, step + int(0.95 * left / epoch_s * self.epoch_steps))
            total = min(fits, schedule.total)
            if total != schedule.last:
                schedule.replans.append([step, total])
        return False
