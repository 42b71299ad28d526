"""A task fitted to the rows to train on, within the time that the user gave."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from deepdojo.data.codecs.learning_share import LearningShare, sharing
from deepdojo.errors import UsageError
from deepdojo.tasks.base import Task
from deepdojo.training.distributed import ALONE
from deepdojo.training.fitted_task import fitted_task

if TYPE_CHECKING:
    from deepdojo.session.train import Session

__all__ = ["fitted_in_time", "packing_progress", "record_share"]

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


def packing_progress(session: Session) -> Callable[[int, int], None]:
    """Shows how far the rows to train on are encoded; a budget that ends before they are is refused there and then."""

    def progress(done: int, total: int) -> None:
        session.listener.progress(done, total, "rows")
        if session.deadline is not None and 0 < done < total and time.monotonic() > session.deadline:
            budget = session.options.budget_s or 0.0
            enough = session.members * 3 * budget * total / done
            raise UsageError(
                f"a budget of {budget:g} s is too short: it ended when {done / total:.0%} of the rows to train on were "
                "encoded",
                where="--budget", todo=f"give at least {enough:.0f}s, or a smaller --share",
            )  # fmt: skip

    return progress


def _said(share: LearningShare) -> str:
    return f"learned from {share.characters:,} of {share.total:,} characters, as many as the budget has time for"
