"""The network's part of a session: task, model, cost, training, predictions."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from deepdojo.data.rowset import with_ids
from deepdojo.errors import RecipeError, UnknownNameError
from deepdojo.models import MODELS, create_model
from deepdojo.models.flops import parameters as count_parameters
from deepdojo.models.flops import trained_parameters
from deepdojo.models.lora import merge_lora
from deepdojo.places import write_json
from deepdojo.session.deciding import decide, threshold_of
from deepdojo.session.evaluate import table_of, write_predictions
from deepdojo.session.fitting import record_share
from deepdojo.session.found_rate import take_found_rate
from deepdojo.session.own_code import prove
from deepdojo.session.packed import Packed, draw_as_asked
from deepdojo.session.starting_weights import begin_with
from deepdojo.session.train import peak_bytes, write_environment
from deepdojo.session.tried_steps import measure_flops, trial
from deepdojo.tables import TableRows
from deepdojo.tasks import load_task
from deepdojo.tasks.base import Task
from deepdojo.training.augment import build_augment
from deepdojo.training.checkpoint import save_weights
from deepdojo.training.distributed import ALONE, whole
from deepdojo.training.frozen import freeze
from deepdojo.training.loop import Fitted, fit
from deepdojo.training.precision import Hardware, choose_device, choose_hardware, using_threads, without_failing_compile
from deepdojo.training.predictor import Unvalidated, Validator, evaluating, parts_of, predict_rows
from deepdojo.training.schedules import batch_size, planned_steps
from deepdojo.training.store import Store
from deepdojo.training.stream import Stream

if TYPE_CHECKING:
    from deepdojo.session.train import Session

__all__ = ["Network"]


INFERENCE_ROWS = 20
TIMED_ROWS = 256
PRIMED = 512  # examples that a model which starts from the data sees at once
SCORE_ROW_S = 2e-4  # alignment, interval and tables of one held-out row
REPORT_S = 1.0


@dataclass
class Network:
    """A model in training and what belongs to it."""

    session: Session
    task: Task
    model: nn.Module
    store: Store | Stream
    validator: Validator | Unvalidated
    hardware: Hardware
    train_rows: Sequence[dict[str, Any]]
    step_flops: int | None
    forward_flops: int | None
    trained: int
    fitted: Fitted | None = None
    validation_rows: Sequence[dict[str, Any]] = ()

    @classmethod
    def prepare(cls, session: Session) -> Network:
        """Fit the task, pack the rows, build the model, count its FLOPs: all before the first step."""
        session.listener.stage("pack")
        recipe = session.recipe
        task_class = load_task(session.dataset.project.spec.task)
        task_class.check_options(recipe.task)
        require_fitting(recipe.model.name, task_class)
        build_augment(recipe.train, task_class)  # a recipe that does not fit its data is refused before training
        device = choose_device(recipe.train.device)
        packed = session.packed or Packed.of(session, task_class, device)
        session.packed = packed
        record_share(session, packed.share)
        task, store = packed.task, packed.store
        draw_as_asked(task, store, recipe)
        write_json(session.folder / "task.json", task.state())
        if session.own:
            prove(session, task, store, device)
            session.update_head(**{"with": session.own.written()})
        model = _built(session, task, store)
        freeze(model, recipe.train)
        model.to(device)
        step, forward = measure_flops(task, model, store, batch_size(recipe.train), device)
        hardware = _hardware(session, task, model, store, device, step)
        if session.options.find_lr and session.replay is None:
            take_found_rate(session, task, model, store, hardware)
        session.chosen.update(hardware.said)
        session.update_head(chosen=session.chosen)
        write_environment(session.folder, hardware.threads, str(device))
        write_json(session.folder / "model" / "config.json", {
            "name": recipe.model.name, "dims": task.dims(), "arguments": recipe.model.arguments,
        })  # fmt: skip
        return cls(
            session, task, model, store, packed.validator, hardware, packed.train_rows, step, forward,
            trained=trained_parameters(model),
        )  # fmt: skip

    def prediction_s(self) -> float:
        """Seconds that one row takes to predict, from a batch of validation rows."""
        rows = self.session.dataset.rows("validation")[:TIMED_ROWS]
        began = time.monotonic()
        with using_threads(self.hardware.threads):
            predict_rows(self.task, self.model, rows, self.hardware.device)
        return (time.monotonic() - began) / max(1, len(rows))

    def train(self) -> None:
        session = self.session
        count = {split: len(session.dataset.rows(split)) for split in ("validation", "test")}
        row_s = 0.0 if session.options.budget_s is None else self.prediction_s()
        test = 0 if session.options.validation_only else count["test"]
        # the last validation, the held-out rows, some of them one by one, their scores and the report
        after_s = row_s * (count["validation"] + test + INFERENCE_ROWS) + SCORE_ROW_S * test + REPORT_S
        deadline = session.training_deadline(after_s)
        replay = session.replay
        if session.refit is not None:
            replay = session.refit.schedule(self.store.steps(batch_size(session.recipe.train)))
        learned = "" if self.trained == count_parameters(self.model) else f"{self.trained:,} of "
        said = f"{session.recipe.model.name}, {learned}{count_parameters(self.model):,} parameters"
        session.listener.stage("train", said)
        ranks = session.ranks or ALONE
        sharded = ranks.world > 1 and session.recipe.train.parallel == "fsdp"
        plain = copy.deepcopy(self.model).to("cpu") if sharded else self.model
        self.fitted = fit(
            self.task, self.model, self.store, self.validator, session.recipe.train, self.hardware,
            folder=session.folder, seed=session.seed, metric=session.judge.metric,
            higher_is_better=session.judge.higher_is_better, resume=session.resume, replay=replay,
            deadline=deadline, validation_s=row_s * count["validation"], progress=session.listener.progress,
            ranks=ranks,
        )  # fmt: skip
        if sharded:  # put together by all processes; what follows is done by the first alone
            plain.load_state_dict({name: whole(value) for name, value in self.model.state_dict().items()})
            self.model = plain.to(self.hardware.device).eval()
        if ranks.first:
            self._keep(self.fitted)

    def _keep(self, fitted: Fitted) -> None:
        """Write the weights, what was done, and predictions of the validation rows."""
        session = self.session
        merge_lora(self.model)
        save_weights(session.folder / "model" / "model.safetensors", dict(self.model.state_dict()))
        schedule = {k: v for k, v in vars(fitted.schedule).items() if v is not None}
        session.update_head(
            steps=fitted.steps, epochs=fitted.epochs, best_epoch=fitted.best_epoch,
            stopped="refit" if session.refit is not None else fitted.stopped, schedule=schedule,
        )  # fmt: skip
        # What is reported is predicted as held-out rows are.
        found = self.validator.reported(self.model, self.task)
        self.task, self.validation_rows = decide(session, self.task, found)
        write_json(session.folder / "task.json", self.task.state())
        if len(self.validation_rows):
            table = table_of(self.validation_rows, self.task.contract)
            write_predictions(session.folder, "validation.parquet", table, self.task.contract)

    def predict(self, rows: Sequence[dict[str, Any]]) -> TableRows:
        """Held-out rows from the contract's inputs alone; what cannot be decoded is left out and listed."""
        return predict_rows(
            self.task, self.model, rows, self.hardware.device, reject=self.session.rejecter("test"),
            progress=lambda done, total: self.session.listener.progress(done, total, "held-out rows"),
        )  # fmt: skip

    def validation_score(self) -> dict[str, Any]:
        session = self.session
        if not self.validation_rows:
            return {"value": None, "low": None, "high": None, "n": 0}
        table = table_of(self.validation_rows, self.task.contract)
        judged = session.judge.score(with_ids(session.dataset.truth("validation"), table.ids), table)
        return {"value": judged.value, "low": judged.low, "high": judged.high, "n": judged.n}

    def write_validation_score(self, verdict: str) -> None:
        """score.json of a run that leaves the held-out rows closed, or has none."""
        judge = self.session.judge
        write_json(self.session.folder / "score.json", {
            "metric": judge.metric, "value": None, "low": None, "high": None, "n": 0,
            "higher_is_better": judge.higher_is_better, "validation": self.validation_score(), "cost": self.cost(),
            "baselines": [], "data_share": self.session.options.share, "seed": self.session.seed,
            "replaced": self.session.own.replaced(),
            "digest": "", "verdict": verdict, **threshold_of(self.task),
        })  # fmt: skip

    def cost(self) -> dict[str, Any]:
        """Parameters, FLOPs, seconds, bytes, milliseconds: the cost columns of the board."""
        assert self.fitted is not None
        flops = None if self.step_flops is None else round(self.step_flops * self.fitted.steps * self.filled())
        session = self.session
        return {
            "parameters": count_parameters(self.model),
            "trained": self.trained if self.trained < count_parameters(self.model) else None,
            "train_flops": flops,
            "forward_flops": self.forward_flops,
            "seconds": time.monotonic() - session.started,
            "cpu_seconds": session.cpu_seconds(),
            "train_seconds": self.fitted.seconds,
            "peak_bytes": peak_bytes(),
            "inference_ms": self.inference_ms(),
        }

    def filled(self) -> float:
        """Examples of a batch in the mean, as a share of a full one: batches of one length are often small."""
        train = self.session.recipe.train
        size, alone = batch_size(train), train.lengths == "equal" and train.batch_tokens is None
        return len(self.store) / (self.store.steps(size) * size) if alone else 1.0

    def inference_ms(self) -> float:
        """Median time of one row by itself, of 20 validation rows, or as many as a budget has time for."""
        until = time.monotonic() + 0.1 * self.session.seconds_left()
        rows = (self.session.dataset.rows("validation") or self.train_rows)[:INFERENCE_ROWS]
        stores = [Store.pack(self.task, [row], learn=False) for row in rows]
        times: list[float] = []
        with evaluating(self.model):
            for store in stores:
                if times and time.monotonic() > until:
                    break
                began = time.perf_counter()
                list(parts_of(self.task, self.model, store, self.hardware.device))
                times.append(time.perf_counter() - began)
        return 1000 * statistics.median(times)


def _built(session: Session, task: Task, store: Store | Stream) -> nn.Module:
    """The recipe's model, from the session's seed, with the weights that it goes on from."""
    asked = session.recipe.model
    with torch.random.fork_rng(), session.own.building():  # the caller's random state is not ours to move
        torch.manual_seed(session.seed)
        model = create_model(asked.name, task.dims(), **asked.arguments)
        task.prime(model, (store.cut(index) for index in store.batches(PRIMED)))
        begin_with(session, task, model)
    return model


def _hardware(
    session: Session, task: Task, model: nn.Module, store: Store | Stream, device: torch.device, step_flops: int | None
) -> Hardware:
    """Precision, threads and compilation as the recipe asks; compiled code that fails is not used."""
    train = session.recipe.train
    steps = planned_steps(train, store.steps(batch_size(train)))
    hardware = choose_hardware(train, device, step_flops=step_flops, steps=steps)
    if train.compile == "auto" and hardware.compile:
        return without_failing_compile(hardware, model, lambda forward: trial(task, model, forward, store))
    return hardware


def require_fitting(model: str, task_class: type[Task]) -> None:
    """Raises RecipeError for a model that cannot read what the task gives."""
    if model not in MODELS:
        raise UnknownNameError("model", model, MODELS, where="model.name")
    if task_class.protocol not in MODELS[model].protocols:
        fitting = [name for name, entry in MODELS.items() if task_class.protocol in entry.protocols]
        raise RecipeError(
            f"{model} does not fit {task_class.name}", where="model.name", todo="choose one of " + ", ".join(fitting)
        )
