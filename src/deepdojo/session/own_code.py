"""`--with FILE`: a learner's own code in a training. Graded first, compared with the built-in on the model's own calls,
counted, kept in the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdojo.errors import DojoError, RecipeError, UsageError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from deepdojo.grader.verdict import Verdict
    from deepdojo.session.train import Session
    from deepdojo.stand_ins.own import OwnCode
    from deepdojo.tasks.base import Task
    from deepdojo.training.store import Store
    from deepdojo.training.stream import Stream

__all__ = ["NotPassed", "own_code", "prove"]


EXPLAINING = {"attention_rollout", "deletion_auc", "integrated_gradients"}
LOOKED_AT = 10
FEW_ROWS = 2
"""Predicted under watch, of the validation rows."""


class NotPassed(DojoError):
    """The lesson's own check says that a learner's file is not right; `verdict` says why."""

    exit_code = 1

    def __init__(self, verdict: Verdict, file: str) -> None:
        super().__init__(
            verdict.head.en, where=f"{file} ({verdict.function})", todo=f"see dojo grade {file}; nothing was trained"
        )
        self.verdict = verdict


def own_code(given: Sequence[str | Path | Callable[..., Any]]) -> OwnCode:
    """The learner's files (or functions of a notebook), each one right by its lesson's own check where there is one.

    Raises:
        NotPassed: a lesson says no. DataError, UsageError: a file that cannot be read, or replaces nothing.
    """
    from deepdojo.stand_ins.own import read_ideas

    found = [_graded(each) for each in given]
    names = [name for name, *_ in found]
    if len(set(names)) < len(names):
        raise UsageError("two files have one name", where="--with", todo="rename one of them")
    own = read_ideas(found)
    with own.building():  # arguments that do not fit are said before any data are read
        return own


def _graded(given: str | Path | Callable[..., Any]) -> tuple[str, str, str | None, Sequence[str] | None]:
    """(name, text, the lesson that it has passed, which of its names count)."""
    from deepdojo.grader.files import lesson_of, read_source, source_of
    from deepdojo.grader.lessons import all_lessons
    from deepdojo.stand_ins.own import defined_in

    path = None if callable(given) else Path(given)
    source = source_of(given) if callable(given) else read_source(Path(given))
    file = f"{getattr(given, '__name__', 'own')}.py" if path is None else path.name
    there = defined_in(source, file)
    if not any(name in there for each in all_lessons() for name in each.names):
        return file, source, None, None
    from deepdojo.grader.grade import grade_source

    lesson = lesson_of(source, path or Path(file))
    verdict = grade_source(lesson, source, file=path)
    if not verdict.passed:
        raise NotPassed(verdict, str(given) if path is not None else file)
    return file, source, lesson.id, lesson.names


def prove(session: Session, task: Task, store: Store | Stream, device: torch.device) -> None:
    """The learner's parts are taken somewhere in this training and do there what the built-in ones do; their places
    are counted.

    Raises:
        RecipeError: nothing takes a part, or it gives something else.
    """
    import torch

    from deepdojo.layers import ELSEWHERE
    from deepdojo.models import create_model
    from deepdojo.models.lora import add_lora
    from deepdojo.stand_ins.probe import compared, watch_layers, watched
    from deepdojo.stand_ins.probe_elsewhere import PROBES

    own, train, asked = session.own, session.recipe.train, session.recipe.model

    def make() -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(session.seed)
            model = create_model(asked.name, task.dims(), **asked.arguments)
            if asked.lora_rank and asked.source is not None:
                add_lora(model, rank=asked.lora_rank, alpha=asked.lora_alpha, on=asked.lora_on)
            return model

    with watched(own) as watch:
        plain = make()
        watch_layers(watch, plain)
        _step(session, task, plain.to(device), store, device)
    called = ELSEWHERE.keys() - {"lora_linear"}  # one place, however often it is called
    own.counts = {part: min(1, n) if part in called else n for part, n in watch.counts.items()}
    require_taken(own, f"the recipe {session.recipe_name} ({session.recipe.model.name})", session)
    with own.building():
        theirs = make()
    compared(own, watch, plain, theirs)
    if EXPLAINING & own.parts.keys():
        _explained(session, task, plain, device)  # compares each row
    for idea in own.ideas:
        for part in idea.parts:
            probe = PROBES.get(part) or PROBES.get(idea.name)
            if own.counts[part] and probe is not None:
                probe(idea, part, train)
    for name, count in own.replaced().items():
        idea = next(i for i in own.ideas if i.name == name)
        said = f"in {count} place{'s' if count > 1 else ''}, compared with the built-in" if count else "taken nowhere"
        session.listener.say(f"with: {name} of {idea.file}, {said}")


def _step(session: Session, task: Task, model: nn.Module, store: Store | Stream, device: torch.device) -> None:
    """All that a training does once: a step, an optimizer, a rate, a prediction, a text."""
    from deepdojo.session.tried_steps import trial
    from deepdojo.training.augment import build_augment, draws
    from deepdojo.training.optimizers import build_optimizer
    from deepdojo.training.predictor import evaluating, predict_rows
    from deepdojo.training.schedules import lr_factor

    train = session.recipe.train
    trial(task, model, model, store)
    augment = build_augment(train, task)
    if augment is not None:
        augment(store.cut(store.batches(FEW_ROWS)[0], device), draws(session.seed, 0))
    build_optimizer(model, train, device)
    lr_factor(train.schedule, 0, 10, warmup=train.warmup, final=train.final_lr)
    rows = list((session.dataset.rows("validation") or session.dataset.rows("train"))[:FEW_ROWS])
    if not task.contract.host_run:  # a row of one is a text without end
        predict_rows(task, model, rows, device, reject=lambda row, why: None)
    with evaluating(model):
        if task.contract.host_run:
            task.predict(model, store.cut(store.batches(1)[0], device))
        if task.writes:
            task.write(model, "", 1)
    if EXPLAINING & session.own.parts.keys():
        _explained(session, task, model, device)


def _explained(session: Session, task: Task, model: nn.Module, device: torch.device) -> None:
    """The decision on a row, where the run will explain some."""
    from deepdojo.data.rowset import ById
    from deepdojo.explain import explain_rows
    from deepdojo.training.predictor import predict_rows

    if session.options.explain and task.blank and not session.unscored:
        rows = (session.dataset.rows("validation") or session.dataset.rows("train"))[:LOOKED_AT]
        cells = ById(predict_rows(task, model, rows, device, reject=lambda row, why: None))
        explain_rows(task, model, rows, cells, device=device, n=1)


def require_taken(own: OwnCode, recipe: str, session: Session) -> None:
    """Raises RecipeError for a file that nothing in this training takes."""
    counts = own.replaced()
    for file in dict.fromkeys(idea.file for idea in own.ideas):
        names = [idea.name for idea in own.ideas if idea.file == file]
        if not any(counts[name] for name in names):
            raise RecipeError(
                f"{recipe} never takes {' or '.join(names)}, so that code of yours would not run",
                where=file,
                todo="leave -r away, so that a recipe is taken that does",
            )
