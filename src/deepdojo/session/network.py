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

from deepdojo.data.codecs.learning_share import LearningShare
from deepdojo.data.rowset import with_ids
from deepdojo.errors import RecipeError
from deepdojo.models import MODELS, create_model
from deepdojo.models.adopt import adopt
from deepdojo.models.flops import count_flops, trained_parameters
from deepdojo.models.flops import parameters as count_parameters
from deepdojo.models.lora import add_lora, merge_lora
from deepdojo.places import write_json
from deepdojo.recipes import Recipe
from deepdojo.session.deciding import decide, require_positive, threshold_of, undecided
from deepdojo.session.evaluate import table_of, write_predictions
from deepdojo.session.fitting import fitted_in_time, packing_progress, record_share
from deepdojo.session.origin import Origin, open_origin
from deepdojo.session.train import peak_bytes, write_environment
from deepdojo.tables import TableRows
from deepdojo.tasks import load_task
from deepdojo.tasks.base import Task
from deepdojo.training.augment import build_augment
from deepdojo.training.checkpoint import save_weights
from deepdojo.training.distributed import ALONE, whole
from deepdojo.training.find_lr import find_lr
from deepdojo.training.frozen import freeze
from deepdojo.training.loop import Fitted, fit
from deepdojo.training.precision import Hardware, choose_device, choose_hardware, using_threads, without_failing_compile
from deepdojo.training.predictor import Unvalidated, Validator, evaluating, parts_of, predict_rows
from deepdojo.training.schedules import batch_size, planned_steps
from deepdojo.training.store import Store
from deepdojo.training.stream import Stream, examples_to_learn

if TYPE_CHECKING:
    from deepdojo.session.train import Session

__all__ = ["Network"]


@dataclass
class Packed:
    """What is the same for all trainings on the same rows: read, fitted and packed once, then shared."""

    task: Task
    store: Store | Stream
    validator: Validator | Unvalidated
    train_rows: Sequence[dict[str, Any]]
    share: LearningShare

    @classmethod
    def of(cls, session: Session, task_class: type[Task], device: torch.device) -> Packed:
        rows = session.usable("train")
        task, share = fitted_in_time(session, task_class, rows)
        origin = origin_of(session)
        if origin is not None:
            task = undecided(origin.fitted(task))
        require_positive(session, task)
        store = examples_to_learn(
            task, rows, reject=session.rejecter("train"),
            progress=packing_progress(session),
        )  # fmt: skip
        if store.found:
            session.listener.say("packed data: found in the cache, so nothing is encoded again")
        rows = session.usable("train")
        if session.refit is not None:
            return cls(task, store, Unvalidated(), rows, share)
        session.usable("validation")
        validator = Validator(
            task.while_training, session.dataset.rows("validation"), device,
            lambda found: session.judge.value(session.dataset.rows("validation"), found),
            reject=session.rejecter("validation"),
        )  # fmt: skip
        session.usable("validation")
        return cls(task, store, validator, rows, share)


INFERENCE_ROWS = 20
TIMED_ROWS = 256
PRIMED = 512  # examples that a model which starts from the data sees at once
SCORE_ROW_S = 2e-4  # alignment, interval and tables of one held-out row
REPORT_S = 1.0
SEARCH_SHARE = 0.1  # of the time left, for the search for a learning rate


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
        recipe, spec = session.recipe, session.dataset.project.spec
        task_class = load_task(spec.task)
        task_class.check_options(recipe.task)
        require_fitting(recipe.model.name, task_class)
        build_augment(recipe.train, task_class)  # a recipe that does not fit its data is refused before training
        device = choose_device(recipe.train.device)
        packed = session.packed or Packed.of(session, task_class, device)
        session.packed = packed
        record_share(session, packed.share)
        task, store = packed.task, packed.store
        _sort_by_length(store, recipe)
        _balance(task, store, recipe)
        _group(task, store)
        write_json(session.folder / "task.json", task.state())
        with torch.random.fork_rng():  # the caller's random state is not ours to move
            torch.manual_seed(session.seed)
            model = create_model(recipe.model.name, task.dims(), **recipe.model.arguments)
            task.prime(model, (store.cut(index) for index in store.batches(PRIMED)))
            begin_with(session, task, model)
        freeze(model, recipe.train)
        model.to(device)
        step, forward = measure_flops(task, model, store, batch_size(recipe.train), device)
        steps = planned_steps(recipe.train, store.steps(batch_size(recipe.train)))
        hardware = choose_hardware(recipe.train, device, step_flops=step, steps=steps)
        if recipe.train.compile == "auto" and hardware.compile:
            hardware = without_failing_compile(hardware, model, lambda forward: trial(task, model, forward, store))
        if session.options.find_lr and session.replay is None:
            take_found_rate(session, task, model, store, hardware)
        session.chosen.update(hardware.said)
        session.update_head(chosen=session.chosen)
        write_environment(session.folder, hardware.threads, str(device))
        write_json(session.folder / "model" / "config.json", {
            "name": recipe.model.name, "dims": task.dims(), "arguments": recipe.model.arguments,
        })  # fmt: skip
        return cls(
            session,
            task,
            model,
            store,
            packed.validator,
            hardware,
            packed.train_rows,
            step,
            forward,
            trained_parameters(model),
        )

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
        if not ranks.first:
            return
        merge_lora(self.model)
        save_weights(session.folder / "model" / "model.safetensors", dict(self.model.state_dict()))
        schedule = {k: v for k, v in vars(self.fitted.schedule).items() if v is not None}
        session.update_head(
            steps=self.fitted.steps, epochs=self.fitted.epochs, best_epoch=self.fitted.best_epoch,
            stopped="refit" if session.refit is not None else self.fitted.stopped, schedule=schedule,
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
            "baselines": [], "data_share": self.session.options.share, "replaced": {}, "seed": self.session.seed,
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


def origin_of(session: Session) -> Origin | None:
    """What the training goes on from. Raises RunError where that has changed since the run began."""
    source = session.recipe.model.source
    return None if source is None else open_origin(source, recorded=session.origin)


def begin_with(session: Session, task: Task, model: nn.Module) -> None:
    """Give a new network the weights that the recipe goes on from, and adapters where it asks for them; say what is
    new."""
    origin, asked = origin_of(session), session.recipe.model
    if origin is None:
        if asked.lora_rank:
            raise RecipeError(
                "narrow matrices beside a network that has learned nothing would learn little", where="model.lora_rank",
                todo="give --from, or leave it out",
            )  # fmt: skip
        return
    if asked.lora_rank and session.ranks is not None and session.recipe.train.parallel == "fsdp":
        raise RecipeError("narrow matrices need whole ones beside them, and fsdp keeps shares", where="train.parallel")
    fresh = adopt(model, origin.tensors(), answers=origin.same_question(task), where=str(origin.folder))
    said = ", ".join(f"{part} ({count:,})" for part, count in fresh.items()) or "nothing"
    sentence = f"those of {origin.name}, {count_parameters(model) - sum(fresh.values()):,} numbers; new: {said}"
    if asked.lora_rank:
        count = add_lora(model, rank=asked.lora_rank, alpha=asked.lora_alpha, on=asked.lora_on)
        for name, parameter in model.named_parameters():
            if name.split(".")[0] in fresh:
                parameter.requires_grad_(True)
        sentence += f"; {count} matrices learn through narrow ones of rank {asked.lora_rank}"
    session.chosen["weights"] = sentence
    session.listener.say(f"weights: {sentence}")


def take_found_rate(session: Session, task: Task, model: nn.Module, store: Store | Stream, hardware: Hardware) -> None:
    """Search for a learning rate and train with it; adamw's, beside muon's, moves by the same factor.

    A resumed run that has searched goes on with what it recorded. Of several processes the first one searches.
    """
    ranks = session.ranks or ALONE
    if ranks.from_first((session.folder / "find_lr.json").is_file()):
        return
    session.listener.stage("find-lr", "a copy is trained with a growing rate")
    train = session.recipe.train
    sweep = None
    if ranks.first:
        seconds = None if session.options.budget_s is None else SEARCH_SHARE * session.seconds_left()
        sweep = find_lr(
            task, model, store, train, hardware, seed=session.seed, seconds=seconds,
            progress=session.listener.progress,
        )  # fmt: skip
    sweep = ranks.from_first(sweep)
    if sweep is None:
        sentence = f"{train.lr:g}, the recipe's (the budget leaves no time to search)"
    else:
        sentence = f"{sweep.lr:.2g} (a tenth of the rate with the lowest loss; the recipe has {train.lr:g})"
        found = {"lr": sweep.lr, "adamw_lr": train.adamw_lr * sweep.lr / train.lr}
        session.recipe = session.recipe.model_copy(update={"train": train.model_copy(update=found)})
    session.chosen["learning rate"] = sentence
    session.listener.say(f"learning rate: {sentence}")
    session.update_head(train=session.recipe.train.model_dump(), chosen=session.chosen)
    write_json(
        session.folder / "find_lr.json", {} if sweep is None else vars(sweep)
    )  # last: a kill before searches anew


def require_fitting(model: str, task_class: type[Task]) -> None:
    """Raises RecipeError for a model that cannot read what the task gives."""
    from deepdojo.errors import UnknownNameError

    if model not in MODELS:
        raise UnknownNameError("model", model, MODELS, where="model.name")
    if task_class.protocol not in MODELS[model].protocols:
        fitting = [name for name, entry in MODELS.items() if task_class.protocol in entry.protocols]
        raise RecipeError(
            f"{model} does not fit {task_class.name}", where="model.name", todo="choose one of " + ", ".join(fitting)
        )


def trial(task: Task, model: nn.Module, forward: nn.Module, store: Store | Stream) -> None:
    """One step of `forward`, the compiled `model`; weights, buffers and random state stay as they were."""
    device = next(model.parameters()).device
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        losses, _ = task.loss(forward, store.cut(store.batches(2)[0], device))
        losses.sum().backward()
    model.zero_grad(set_to_none=True)
    model.load_state_dict(kept)


def _sort_by_length(store: Store | Stream, recipe: Recipe) -> None:
    """Raises RecipeError where batches by length or by tokens are asked for, and the examples have none."""
    equal, tokens = recipe.train.lengths == "equal", recipe.train.batch_tokens
    if equal and tokens:
        raise RecipeError(
            "batches of so many tokens are of like length already", where="train.lengths", todo="leave it out"
        )
    if isinstance(store, Store):
        store.equal, store.tokens = equal, tokens
    if (equal or tokens) and (not isinstance(store, Store) or (len(store) and store.length_of is None)):
        where = "train.lengths" if equal else "train.batch_tokens"
        raise RecipeError("all examples of this task are of one size", where=where, todo="leave it out")


def _balance(task: Task, store: Store | Stream, recipe: Recipe) -> None:
    """Raises RecipeError where rare classes are to be drawn more often, and examples have no class, or one length."""
    power, entry = recipe.train.balance, next(iter(task.classes()), None)
    if (
        isinstance(store, Store)
        and entry is not None
        and entry in store.fixed
        and not (power and (store.equal or store.tokens))
    ):
        store.balance(entry, power)
    elif power:
        what = "examples have no class" if entry is None else "batches by length cannot be balanced"
        raise RecipeError(what, where="train.balance", todo="leave it out")


def _group(task: Task, store: Store | Stream) -> None:
    """Raises RecipeError for more examples than can be drawn by their classes."""
    how = task.class_batches
    if how is None or not len(store):
        return
    if not isinstance(store, Store):
        raise RecipeError("examples that are read as they come cannot be drawn by class", where="train")
    store.group(how)


def measure_flops(
    task: Task, model: nn.Module, store: Store | Stream, size: int, device: torch.device
) -> tuple[int | None, int | None]:
    """(FLOPs of one training step, of one forward pass for one example); None where an operation has no formula.

    Ragged tasks are measured on the middle batch of one pass sorted by length; where tokens are counted all batches
    are alike, and any is taken. Weights, buffers and random state stay as they were.
    """
    counted = isinstance(store, Store) and store.tokens is not None
    batches = store.batches(size, generator=torch.Generator() if counted else None)
    index = batches[len(batches) // 2]
    batch, single = store.cut(index, device), store.cut(index[len(index) // 2 :][:1], device)
    kept = {name: value.clone() for name, value in model.state_dict().items()}

    def step() -> None:
        losses, _ = task.loss(model, batch)
        losses.sum().backward()

    def forward() -> None:
        with torch.no_grad():
            task.loss(model, single)

    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        model.train()
        whole = count_flops(step)
        model.eval()
        once = count_flops(forward)
        model.train()
    model.zero_grad(set_to_none=True)
    model.load_state_dict(kept)
    return whole, once
