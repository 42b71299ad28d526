"""The threshold that a project asks for: chosen once training is over, kept in the fitted task, said everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from deepdojo.data.rowset import column, with_ids
from deepdojo.errors import UnknownNameError
from deepdojo.scoring.thresholds import Threshold, choose, decided
from deepdojo.session.evaluate import table_of
from deepdojo.tables import TableRows
from deepdojo.tasks.classification import Classification

if TYPE_CHECKING:
    from deepdojo.session.train import Session
    from deepdojo.tasks.base import Task

__all__ = ["decide", "require_positive", "threshold_of", "undecided"]

T = TypeVar("T", bound="Task")


def require_positive(session: Session, task: Task) -> None:
    """Raises UnknownNameError where the label that the project looks for is none of the training rows."""
    positive = session.judge.contract.positive
    if positive is not None and isinstance(task, Classification) and positive not in task.labels.names:
        raise UnknownNameError("label", positive, task.labels.names, where="positive in project.toml")


def undecided(task: Task) -> Task:
    """The task without the threshold that another project's rows chose."""
    return replace(task, positive="") if isinstance(task, Classification) and task.positive else task


def decide(session: Session, task: T, found: Sequence[dict[str, Any]]) -> tuple[T, Sequence[dict[str, Any]]]:
    """The task with the threshold that the project asks for, and the validation rows as it decides them.

    Args:
        found: predicted validation rows. Without any (`--refit`) the threshold is what the folds found.
    """
    rule, contract = session.dataset.project.spec.threshold, session.judge.contract
    if rule is None or not isinstance(task, Classification):
        return task, found
    table = table_of(found, contract)
    rows = with_ids(session.dataset.truth("validation"), table.ids) if len(found) else []
    known = [str(label) for label in column(rows, contract.target)] if len(rows) else []
    chosen = choose(rule, contract, task.labels.names, known, table)
    if session.refit is not None and session.refit.threshold is not None:
        chosen = replace(chosen, value=session.refit.threshold)
    session.chosen["threshold"] = chosen.said()
    session.update_head(chosen=session.chosen)
    session.listener.say(f"threshold: {chosen.said()}")
    task = replace(task, positive=chosen.positive, positive_from=chosen.value, chosen_by=chosen.by, chosen_on=chosen.n)
    rows_again: TableRows | Sequence[dict[str, Any]] = decided(table, contract, chosen).rows() if len(found) else found
    return task, rows_again


def threshold_of(task: Task) -> dict[str, Any]:
    """What score.json says of a fitted task's threshold; empty where it has none."""
    if not isinstance(task, Classification) or not task.positive:
        return {}
    other = next(name for name in task.labels.names if name != task.positive)
    told = Threshold(task.positive, other, task.positive_from, task.chosen_by, task.chosen_on)
    return {"threshold": told.as_json()}
