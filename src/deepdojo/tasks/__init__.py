"""Tasks: how rows of one kind of problem become examples, a loss and predictions. One task a file, named as its
contract.

Never here: files, metrics, optimizers, devices.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from deepdojo.contracts import contract_of
from deepdojo.errors import ProjectError

if TYPE_CHECKING:
    from deepdojo.tasks.base import Task

__all__ = ["load_task", "restore_task"]


def load_task(name: str) -> type[Task]:
    """The task class of a contract: class `task` of `deepdojo/tasks/<name with underscores>.py`.

    Raises: UnknownNameError for a name without a contract, ProjectError for a contract without that file.
    """
    contract_of(name)
    module = f"deepdojo.tasks.{name.replace('-', '_')}"
    try:
        return import_module(module).task
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        file = f"{module.replace('.', '/')}.py"
        raise ProjectError(f"the task {name} has a contract and no file {file}", todo="write it") from None


def restore_task(state: dict[str, Any]) -> Task:
    """The fitted task that `Task.state` described: equal predictions, without any data."""
    fields = dict(state)
    return load_task(fields.pop("task")).from_state(fields)
