"""The training loop: one optimizer step after another on plain PyTorch, checkpointed so that it can be killed at any
moment."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from deepdojo.compiler import without_compiler
from deepdojo.errors import TrainingError
from deepdojo.recipes import TrainSection
from deepdojo.tasks.base import Batch, Task
from deepdojo.training.ahead import Ahead
from deepdojo.training.augment import build_augment, draws
from deepdojo.training.averages import Average
from deepdojo.training.checkpoint import latest_checkpoint, load_checkpoint, save_checkpoint
from deepdojo.training.clock import Clock
from deepdojo.training.distributed import ALONE, Ranks, average_buffers, share
from deepdojo.training.gradients import divide_and_clip
from deepdojo.training.interruption import Interrupted, signals
from deepdojo.training.log import MetricsLog
from deepdojo.training.memory import keep_freed_memory
from deepdojo.training.nonfinite import first_nonfinite_part
from deepdojo.training.optimizers import build_optimizer
from deepdojo.training.precision import Hardware, using_threads
from deepdojo.training.schedules import Schedule, lr_factor, planned_steps
from deepdojo.training.small_loss import without_highest
from deepdojo.training.step_examples import StepExamples
from deepdojo.training.store import Store
from deepdojo.training.stream import Stream

__all__ = ["Fitted", "Interrupted", "fit"]

CHECKPOINT_EVERY_S = 5.0
CHECKPOINT_SHARE = 0.01  # of the time, for checkpoints at the end of epochs
RANK_SEED = 1_000_003  # processes draw different dropout


@dataclass
class _State:
    """All that changes while training and is not in a tensor; JSON."""

    step: int = 0
    loss_sum: float = 0.0
    weight_sum: float = 0.0
    seconds: float = 0.0
    best_score: float | None = None
    best_loss: float | None = None
    best_epoch: int = 0
    best_step: int = 0
    stale: int = 0
    stopped: str = ""
    schedule: dict[str, Any] = field(default_factory=dict)


@dataclass
class Fitted:
    """What training leaves; the model itself holds the weights that are kept."""

    steps: int
    epochs: float
    best_epoch: int
    stopped: str
    seconds: float
    schedule: Schedule


class _Loop:
    """One training; `fit` is its only user."""

    def __init__(
        self,
        task: Task,
        model: nn.Module,
        store: Store | Stream,
        validate: Callable[[nn.Module], tuple[float, float, Any]],
        train: TrainSection,
        hardware: Hardware,
        *,
        folder: Path,
        seed: int,
        higher_is_better: bool,
        metric: str,
        replay: Schedule | None,
        deadline: float | None,
        validation_s: float,
        progress: Callable[[int, int, str], None],
        ranks: Ranks,
    ) -> None:
        self.ranks = ranks
        self.task, self.model, self.store, self.validate, self.train = task, model, store, validate, train
        self.hardware, self.folder, self.seed = hardware, folder, seed
        self.sign = 1.0 if higher_is_better else -1.0
        self.metric, self.progress = metric, progress
        self.replaying = replay is not None
        self.examples = StepExamples(store, train, seed, ranks)
        self.epoch_steps = self.examples.epoch_steps
        self.judge_steps = self.epoch_steps * train.validate_every
        self.schedule = replay or Schedule(planned_steps(train, self.epoch_steps))
        forward: nn.Module = torch.compile(model) if hardware.compile else model  # type: ignore[assignment]
        self.shared = share(task, model, forward, ranks, how=train.parallel)
        self.optimizer = build_optimizer(model, train, hardware.device)
        self.parameters = list(model.parameters())
        self.ahead = Ahead(store, hardware.device)
        self.average = None if train.ema is None else Average(model, train.ema)
        self.augment = build_augment(train, task)
        self.log_every = max(1, self.schedule.total // 200)
        self.state = _State()
        self.best: dict[str, Tensor] | None = None
        self.log = MetricsLog(folder / "metrics.jsonl")
        self.checkpoints = folder / "checkpoints"
        self.clock = Clock(
            None if self.replaying else deadline, self.judge_steps, validation_s, self.validation_share()
        )
        self.saved_at = self.clock.began
        self.save_s = 0.0

    def resume(self) -> None:
        path = self.ranks.from_first(latest_checkpoint(self.checkpoints))
        if path is None:
            self.log.keep_until(0)
            return
        state, self.best = load_checkpoint(
            path, model=self.model, optimizer=self.optimizer, average=self.average, ranks=self.ranks
        )
        self.state = _State(**state)
        if not self.replaying:
            self.schedule = Schedule(**self.state.schedule)
        self.clock.resume(self.state.step, self.state.seconds)
        self.log.keep_until(self.state.step)

    def due(self, ended: bool) -> bool:
        """Whether to save now: after some seconds, and after an epoch where that costs next to nothing."""
        since = time.monotonic() - self.saved_at
        if since <= CHECKPOINT_EVERY_S and not (ended and CHECKPOINT_SHARE * since >= self.save_s):
            return False
        # Weights that are not finite must not take the place of the last good checkpoint.
        return all(bool(torch.isfinite(parameter).all()) for parameter in self.model.parameters())

    def save(self) -> None:
        began = time.monotonic()
        self.state.seconds = began - self.clock.began
        self.state.schedule = asdict(self.schedule)
        save_checkpoint(
            self.checkpoints,
            self.state.step,
            model=self.model,
            optimizer=self.optimizer,
            best=self.best,
            average=self.average,
            state={k: v for k, v in asdict(self.state).items() if k != "step"},
            ranks=self.ranks,
        )
        self.saved_at = time.monotonic()
        self.save_s = self.saved_at - began

    def step(self) -> tuple[float, float]:
        """One optimizer step; gives (loss, learning rate)."""
        step, train = self.state.step, self.train
        lr = train.lr * lr_factor(
            train.schedule, step, self.schedule.at(step), warmup=train.warmup, final=train.final_lr
        )
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group.get("share", 1.0)
        loss_sum = weight_sum = 0.0
        parts = self.examples.parts(step)
        suspect: Batch | None = None
        for at, (number, index, counts) in enumerate(parts):
            after = self.examples.following(step, parts, at, last=self.schedule.last) if self.ahead.threaded else None
            batch = self.ahead.take(index, after)
            if self.augment is not None:
                batch = self.augment(batch, draws(self.seed, step, number))
            with nullcontext() if number == parts[-1][0] else self.shared.alone():
                total, weight = self.backward(batch, counts=counts)
            loss_sum, weight_sum = loss_sum + total, weight_sum + weight
            if suspect is None and not math.isfinite(loss_sum):
                suspect = batch
        loss_sum, weight_sum = self.ranks.add(loss_sum, weight_sum)
        if not math.isfinite(loss_sum):
            raise self.not_finite(suspect or batch, "loss")
        self.update(weight_sum, batch)
        self.state.loss_sum += loss_sum
        self.state.weight_sum += weight_sum
        self.state.step += 1
        if self.average is not None:
            self.average.update(self.state.step)
        return loss_sum / weight_sum, lr

    def backward(self, batch: Batch, *, counts: bool) -> tuple[float, float]:
        """Adds the gradient of the summed loss; gives (summed loss, summed weight)."""
        with self.hardware.autocast():
            losses, weights = self.shared.loss(batch)
        if self.train.trim:
            share = self.train.trim * min(1.0, self.state.step / self.epoch_steps)
            losses, weights = without_highest(losses, weights, share)
        total = losses.sum() if counts else losses.sum() * 0.0
        total.backward()
        return float(total.detach()), float(weights.sum()) * counts

    def update(self, weight_sum: float, batch: Batch) -> None:
        """Divide the summed gradient once, clip it, step. The gradient is that of one large batch, however it was
        cut."""
        norm = divide_and_clip([p.grad for p in self.parameters if p.grad is not None], weight_sum, self.train.clip)
        if self.train.clip > 0 and not math.isfinite(norm):
            raise self.not_finite(batch, "gradient")
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def not_finite(self, batch: Batch, what: str) -> TrainingError:
        part = first_nonfinite_part(self.task, self.model, batch)
        last = latest_checkpoint(self.checkpoints)
        kept = f"the last good checkpoint is kept ({last.name})" if last else "no checkpoint had been written yet"
        return TrainingError(
            f"the {what} is not finite at step {self.state.step + 1}, first in {part}; {kept}",
            where=f"{self.folder.name}",
            todo=f"train again with a lower rate, such as --set train.lr={self.train.lr / 10:g}",
        )

    def end_epoch(self) -> bool:
        """Validate, keep the better weights, log; True when patience is over. Judged and kept is the mean of the
        weights, where the recipe asks for one."""
        with nullcontext() if self.average is None else self.average.applied():
            return self.judge_epoch()

    def judge_epoch(self) -> bool:
        began = time.monotonic()
        state = self.state
        average_buffers(self.model, self.ranks)
        # shares of a model are put together by all processes at once; a whole one is judged by the first alone
        judged = self.validate(self.model)[:2] if self.ranks.first or self.train.parallel == "fsdp" else (0.0, 0.0)
        score, loss = self.ranks.from_first(judged)
        self.clock.validation_s = time.monotonic() - began
        epoch = state.step / self.epoch_steps
        better = self.is_better(score, loss)
        state.stale = 0 if better else state.stale + 1
        if better:
            state.best_score, state.best_loss = score, loss
        if better or self.train.keep == "last":
            state.best_epoch, state.best_step = math.ceil(epoch), state.step
        if better and self.train.keep == "best":
            self.best = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        train_loss = state.loss_sum / max(state.weight_sum, 1e-12)
        self.log.write(
            kind="epoch", epoch=math.ceil(epoch), step=state.step, train_loss=train_loss, validation_loss=loss,
            validation={self.metric: score}, seconds=self.clock.seconds, best=better,
        )  # fmt: skip
        state.loss_sum = state.weight_sum = 0.0
        measured = f" · {self.metric} {score:.4g}" if math.isfinite(score) else ""
        self.progress(state.step, self.schedule.last, f"epoch {math.ceil(epoch)}{measured}")
        return self.train.patience is not None and state.stale >= self.train.patience

    def is_better(self, score: float, loss: float) -> bool:
        """Higher score; a tie goes to the lower validation loss, since a coarse metric ties often."""
        state = self.state
        if not math.isfinite(score):
            return False
        if state.best_score is None or state.best_loss is None:
            return True
        gain = self.sign * (score - state.best_score)
        return gain > 0 or (gain == 0 and loss < state.best_loss)

    def validation_share(self) -> float:
        """Cost of a validation beside the epochs before it; a forward pass is a third of a training step."""
        share = len(self.validate) / max(len(self.store), 1) / 3 if hasattr(self.validate, "__len__") else 0.1
        return share / self.train.validate_every

    def run(self) -> None:
        if self.state.stopped:
            return
        with signals() as asked:
            while self.state.step < self.schedule.last:
                loss, lr = self.step()
                step = self.state.step
                over, self.schedule = self.clock.over(step, self.schedule, self.ranks)
                if step % self.log_every == 0 or step == 1:
                    self.log.write(
                        kind="step", step=step, epoch=step / self.epoch_steps, loss=loss, lr=lr,
                        seconds=self.clock.seconds,
                    )  # fmt: skip
                    self.progress(step, self.schedule.last, f"loss {loss:.3g}")
                ended = over or step % self.judge_steps == 0 or step >= self.schedule.last
                patience_over = self.end_epoch() if ended else False
                if over:
                    self.state.stopped = "budget"
                elif patience_over:
                    self.state.stopped = "patience"
                if self.state.stopped:
                    break
                stop, save = self.ranks.add(bool(asked), self.ranks.first and (bool(asked) or self.due(ended)))
                if stop or save:
                    self.save()
                if stop:
                    raise Interrupted
            self.state.stopped = self.state.stopped or self.ending()
            self.save()

    def ending(self) -> str:
        if self.schedule.stop is not None or self.schedule.last < self.schedule.total:
            return "budget"
        return "steps" if self.train.steps is not None else "epochs"


def fit(
    task: Task,
    model: nn.Module,
    store: Store | Stream,
    validate: Callable[[nn.Module], tuple[float, float, Any]],
    train: TrainSection,
    hardware: Hardware,
    *,
    folder: Path,
    seed: int,
    metric: str,
    higher_is_better: bool,
    resume: bool = False,
    replay: Schedule | None = None,
    deadline: float | None = None,
    validation_s: float = 0.0,
    progress: Callable[[int, int, str], None] = lambda done, total, text: None,
    ranks: Ranks = ALONE,
) -> Fitted:
    """Train `model` in place; on return it holds the weights of the best validation epoch (or the last, by `keep`).

    The loss of a step is sum(total) / sum(weight) over its micro-batches, whose gradient is divided once before
    clipping.

    Args:
        validate: model -> (metric, loss, anything), on validation rows.
        folder: the run folder; gets metrics.jsonl and checkpoints/.
        resume: go on after the newest checkpoint, at step 0 if there is none.
        replay: the steps of an earlier run, taken without a clock.
        deadline: `time.monotonic()` at which training must end.
        validation_s: what a validation takes, before the first one has been timed.
        ranks: this process among those that train together; each has the same arguments but a folder of its own, and
            the folder of the first is the run's.

    Raises:
        TrainingError: loss or gradient is not finite; names step and part.
        Interrupted: after Ctrl-C, with the state saved.
    """
    keep_freed_memory()
    plain = without_compiler() if not hardware.compile and ranks.world == 1 else nullcontext()
    with plain, _random_numbers(seed + ranks.rank * RANK_SEED, hardware):
        loop = _Loop(
            task, model, store, validate, train, hardware, folder=folder, seed=seed, higher_is_better=higher_is_better,
            metric=metric, replay=replay, deadline=deadline, validation_s=validation_s, progress=progress,
            ranks=ranks,
        )  # fmt: skip
        if resume:
            loop.resume()
        model.train()
        try:
            loop.run()
        finally:
            loop.ahead.close()
    state = loop.state
    if loop.best is not None:
        model.load_state_dict(loop.best)
    elif loop.average is not None:
        loop.average.adopt()
    model.eval()
    epochs = state.step / loop.epoch_steps
    return Fitted(state.step, epochs, state.best_epoch, state.stopped, loop.clock.seconds, loop.schedule)


@contextmanager
def _random_numbers(seed: int, hardware: Hardware) -> Iterator[None]:
    """Seeded dropout and a fixed number of threads; what the caller had is put back."""
    devices = [torch.cuda.current_device()] if hardware.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), using_threads(hardware.threads):
        torch.manual_seed(seed)
        yield
