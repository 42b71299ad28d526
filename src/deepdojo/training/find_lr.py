"""The learning-rate finder: a short training of a copy whose rate grows from step to step until the loss runs away."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from deepdojo.compiler import without_compiler
from deepdojo.errors import TrainingError
from deepdojo.recipes import TrainSection
from deepdojo.tasks.base import Task
from deepdojo.training.augment import build_augment
from deepdojo.training.gradients import divide_and_clip
from deepdojo.training.optimizers import build_optimizer
from deepdojo.training.precision import Hardware, using_threads
from deepdojo.training.schedules import batch_size
from deepdojo.training.store import Store
from deepdojo.training.stream import Stream

__all__ = ["Sweep", "find_lr"]

STEPS = 100
FEWEST = 25  # fewer tell nothing
RANGE = {"sgd": (1e-4, 10.0), "muon": (1e-4, 10.0), "adadelta": (1e-3, 100.0), "adamw": (1e-6, 1.0)}
MEMORY = 0.9  # of the running mean of the losses
RUNAWAY = 2.0  # times the lowest mean: the sweep ends
SAFETY = 10.0


@dataclass(frozen=True)
class Sweep:
    """What was tried and what was chosen.

    Attributes:
        rates: of each step.
        losses: their running mean, corrected for its start.
        lr: a tenth of the rate at which the mean was lowest.
    """

    rates: list[float]
    losses: list[float]
    lr: float


def find_lr(
    task: Task,
    model: nn.Module,
    store: Store | Stream,
    train: TrainSection,
    hardware: Hardware,
    *,
    seed: int,
    seconds: float | None = None,
    progress: Callable[[int, int, str], None] = lambda done, total, text: None,
) -> Sweep | None:
    """Train a copy of `model` for up to 100 steps, the rate growing by one factor; `model`, the run's order of examples
    and the caller's random numbers stay as they were.

    Rule: a tenth of the rate at which the running mean of the loss was lowest. Smith 2017 reads the rate before the
    loss turns off the curve; a tenth keeps away from where it does, as fast.ai's `minimum / 10`.

    Args:
        seconds: what the search may take; where 100 steps do not fit it goes over the same range in fewer.

    Returns: None where not even 25 steps fit.

    Raises:
        TrainingError: the loss is not finite from the first steps on.

    Source: Smith 2017, "Cyclical learning rates for training neural networks", section 3.3.
    """
    low, high = RANGE[train.optimizer]
    devices = [hardware.device] if hardware.device.type == "cuda" else []
    rates, losses, mean = [], [], 0.0
    with without_compiler(), torch.random.fork_rng(devices=devices), using_threads(hardware.threads):
        torch.manual_seed(seed)
        step = _copy_in_training(task, model, store, train, hardware, seed)
        count = STEPS if seconds is None else min(STEPS, int(seconds / _time_of(lambda: step(low))))
        if count < FEWEST:
            return None
        for number in range(count):
            rate = low * (high / low) ** (number / (count - 1))
            mean = MEMORY * mean + (1.0 - MEMORY) * step(rate)
            smooth = mean / (1.0 - MEMORY ** (number + 1))
            if not math.isfinite(smooth):
                break
            rates.append(rate)
            losses.append(smooth)
            progress(number + 1, count, f"rate {rate:.1e}, loss {smooth:.3g}")
            if smooth > RUNAWAY * min(losses):
                break
    if not losses:
        raise TrainingError("the loss is not finite at the smallest rate", where="--find-lr", todo="run dojo check")
    return Sweep(rates, losses, rates[losses.index(min(losses))] / SAFETY)


def _copy_in_training(
    task: Task, model: nn.Module, store: Store | Stream, train: TrainSection, hardware: Hardware, seed: int
) -> Callable[[float], float]:
    """rate -> the loss before a step of that rate, of a copy that goes over the training examples again and again."""
    twin = copy.deepcopy(model).train()
    optimizer = build_optimizer(twin, train, hardware.device)
    augment = build_augment(train, task)
    parameters = list(twin.parameters())
    draws = torch.Generator().manual_seed(seed + 1)
    batches: list[torch.Tensor] = []

    def step(rate: float) -> float:
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("share", 1.0)
        if not batches:
            batches.extend(store.batches(batch_size(train), generator=draws))
        batch = store.cut(batches.pop(), hardware.device)
        with hardware.autocast():
            total, weight = task.loss(twin, batch if augment is None else augment(batch, draws))
        loss = total.sum() / weight.sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        divide_and_clip([p.grad for p in parameters if p.grad is not None], 1.0, train.clip)
        optimizer.step()
        return float(loss.detach())

    return step


def _time_of(step: Callable[[], float]) -> float:
    """Seconds of the second call: the first one sets things up."""
    step()
    began = time.perf_counter()
    step()
    return time.perf_counter() - began
