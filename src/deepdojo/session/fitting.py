"""A task fitted to the rows to train on, within the time that the user gave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deepdojo.data.codecs.learning_share import LearningShare, sharing
from deepdojo.tasks.base import Task
from deepdojo.training.distributed import ALONE
from deepdojo.training.store import fitted_task

if TYPE_CHECKING:
    from deepdojo.session.train import Session

__all__ = ["fitted_in_time", "record_share"]

SHARE = 0.1
"""Of the time left, for each trainer of pieces of words; a translation has two."""


def fitted_in_time(session: Session, task_class: type[Task], rows: Sequence[Any]) -> tuple[Task, LearningShare]:
    """The task, and what its pieces of words were learned from.

    A run that goes on or is done again takes the recorded share, not the clock. Of several processes the first one
    decides, for all must have the same pieces.
    """
    ranks = session.ranks or ALONE
    timed = session.options.budget_s is not None and not session.resume and session.replay is None
    share = LearningShare(SHARE * session.seconds_left() if timed else None, session.pieces_from)
    task = None
    if ranks.first or not timed:
        with sharing(share):
            task = fitted_task(task_class, rows, session.recipe.task)
    if timed:
        share.characters = ranks.from_first(share.characters)
    if task is None:
        with sharing(share):
            task = fitted_task(task_class, rows, session.recipe.task)
    if share.total and timed:
        session.listener.say(f"pieces of words: {_said(share)}")
    return task, share


def record_share(session: Session, share: LearningShare) -> None:
    """Into run.toml, where not all text was learned from."""
    if share.characters is None or not share.total:
        return
    session.pieces_from = share.characters
    session.chosen["pieces of words"] = _said(share)
    session.update_head(pieces_from=share.characters)


def _said(share: LearningShare) -> str:
    return f"learned from {share.characters:,} of {share.total:,} characters, as many as the budget has time for"
