"""A learning rate that is searched for before the training (`--find-lr`), and recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from deepdojo.places import write_json
from deepdojo.tasks.base import Task
from deepdojo.training.distributed import ALONE
from deepdojo.training.find_lr import find_lr
from deepdojo.training.precision import Hardware
from deepdojo.training.store import Store
from deepdojo.training.stream import Stream

if TYPE_CHECKING:
    from deepdojo.session.train import Session

__all__ = ["take_found_rate"]

SEARCH_SHARE = 0.1  # of the time left, for the search for a learning rate


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
    # last: a kill before searches anew
    write_json(session.folder / "find_lr.json", {} if sweep is None else vars(sweep))
