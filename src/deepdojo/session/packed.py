"""The examples that a training learns from: rows read, the task fitted, packed once, and drawn as the recipe asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from deepdojo.data.codecs.learning_share import LearningShare
from deepdojo.errors import RecipeError
from deepdojo.recipes import Recipe
from deepdojo.session.deciding import require_positive, undecided
from deepdojo.session.fitting import fitted_in_time, packing_progress
from deepdojo.session.starting_weights import origin_of
from deepdojo.tasks.base import Task
from deepdojo.training.predictor import Unvalidated, Validator
from deepdojo.training.store import Store
from deepdojo.training.stream import Stream, examples_to_learn

if TYPE_CHECKING:
    from deepdojo.session.train import Session

__all__ = ["Packed", "draw_as_asked"]


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


def draw_as_asked(task: Task, store: Store | Stream, recipe: Recipe) -> None:
    """Sets how batches are drawn: by length, by tokens, rare classes more often, by class. Raises RecipeError where the
    examples do not allow what is asked for."""
    _sort_by_length(store, recipe)
    _balance(task, store, recipe)
    _group(task, store)


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
