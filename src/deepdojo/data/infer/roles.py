"""Tasks with several inputs: which column is the question, which the context, is told by the columns' names."""

from __future__ import annotations

from collections.abc import Mapping

from deepdojo.contracts import CONTRACTS, contract_of
from deepdojo.data.column_facts import ColumnFacts
from deepdojo.data.infer.inferred import Choices, Inferred
from deepdojo.data.infer.reading import TableFile
from deepdojo.data.infer.text import text_facts
from deepdojo.errors import UsageError

__all__ = ["named_roles", "say_roles"]


def named_roles(
    table: TableFile, facts: Mapping[str, ColumnFacts], choices: Choices
) -> tuple[str, dict[str, str]] | None:
    """(task, role -> column) of the task with several inputs that was asked for, or whose roles name columns.

    Of a task asked for, inputs without a column of their name take the longest texts that are left.

    Raises:
        UsageError: a column for one of the roles is not there.
    """
    tasks = [name for name, c in CONTRACTS.items() if c.within and choices.task in (None, name)]
    for task in tasks:
        contract = contract_of(task)
        roles = {contract.target: choices.target} if choices.target is not None else {}
        for role in (*contract.inputs, *contract.targets, *contract.hints):
            near = (role, role.removesuffix("s"))
            column = next((name for name in table.names if name.lower().strip() in near), None)
            if column is not None and column not in roles.values():
                roles.setdefault(role, column)
        missing = [role for role in (*contract.inputs, contract.target) if role not in roles]
        if not missing:
            return task, roles
        if choices.task is None:
            continue
        if contract.target in missing:
            raise UsageError(f"no column is named {contract.target}", where=table.shown, todo="give --target COLUMN")
        taken = {*roles.values(), choices.id, choices.group, choices.time}
        left = [name for name in table.names if name not in taken and facts[name].filled and not facts[name].numeric]
        left.sort(key=lambda name: text_facts(table.column(name)).signs)
        if len(left) < len(missing):
            raise UsageError(
                f"no column is left for {missing[-1]}", where=table.shown, todo=f"name one of them {missing[-1]}"
            )
        return task, roles | dict(zip(missing, left[-len(missing) :], strict=True))
    return None


def say_roles(task: str, roles: Mapping[str, str], choices: Choices, inferred: Inferred) -> Choices:
    """Writes task, columns and metric down, and gives the choices with rows of one context kept together."""
    contract = contract_of(task)
    why = "as given" if choices.task else f"columns are named {', '.join(roles)}"
    inferred.spec["task"] = task
    inferred.say(f"task: {task}, because {why}" if not choices.task else f"task: {task} (as given)", "task", why)
    inferred.spec["columns"] = dict(roles)
    inferred.say("columns: " + ", ".join(f"{role} = {column}" for role, column in roles.items()))
    metric = choices.metric or contract.metric
    inferred.spec["metric"] = metric
    inferred.say(f"metric: {metric}", "metric", "as given" if choices.metric else f"the default of {task}")
    if choices.group is None and choices.time is None:
        return Choices(**{**vars(choices), "group": roles[contract.within[contract.target]]})
    return choices
