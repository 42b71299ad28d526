"""Tasks whose columns have roles of their own: which is the question, which the context is told by the columns' names;
which holds words, which their tags, by lists of equal length."""

from __future__ import annotations

from collections.abc import Mapping

from deepdojo.contracts import CONTRACTS, contract_of
from deepdojo.data.column_facts import ColumnFacts
from deepdojo.data.infer.inferred import Choices, Inferred
from deepdojo.data.infer.reading import TableFile
from deepdojo.data.infer.text import text_facts
from deepdojo.errors import UsageError

__all__ = ["named_roles", "say_roles"]

TAGS = ("tags", "ner_tags", "chunk_tags", "pos_tags", "labels", "ner")
"""Names under which a column of lists is the one of tags."""


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
    return _lists_alike(table, choices)


def _lists_alike(table: TableFile, choices: Choices) -> tuple[str, dict[str, str]] | None:
    """The roles of a task with a tag for each word, where two columns hold lists of equal length."""
    task = next((name for name, c in CONTRACTS.items() if c.aligned and choices.task in (None, name)), None)
    lists = [name for name in table.names if table.nested(name)]
    if task is None or len(lists) < 2 or choices.target not in (None, *lists):
        return None
    named = [name for name in lists if name.lower().strip() in TAGS]
    target = choices.target or next(iter(named), lists[-1])
    rows = [row for row in table.rows if isinstance(row.get(target), list)]

    def alike(name: str) -> bool:
        lists = ((row.get(name), row[target]) for row in rows)
        same = (isinstance(a, list) and len(a) == len(b) and all(isinstance(word, str) for word in a) for a, b in lists)
        return 2 * sum(same) > len(rows)

    inputs = [name for name in lists if name != target and alike(name)]
    if not inputs:
        return None
    contract = contract_of(task)
    return task, {contract.input: inputs[0], contract.target: target}


def say_roles(task: str, roles: Mapping[str, str], choices: Choices, inferred: Inferred) -> Choices:
    """Writes task, columns and metric down, and gives the choices with rows of one context kept together."""
    contract = contract_of(task)
    named = f"columns are named {', '.join(roles)}"
    found = "a list of tags stands beside each list of words" if contract.aligned else named
    why = "as given" if choices.task else found
    inferred.spec["task"] = task
    inferred.say(f"task: {task}, because {why}" if not choices.task else f"task: {task} (as given)", "task", why)
    inferred.spec["columns"] = dict(roles)
    inferred.say("columns: " + ", ".join(f"{role} = {column}" for role, column in roles.items()))
    metric = choices.metric or contract.metric
    inferred.spec["metric"] = metric
    inferred.say(f"metric: {metric}", "metric", "as given" if choices.metric else f"the default of {task}")
    if choices.group is None and choices.time is None and contract.target in contract.within:
        return Choices(**{**vars(choices), "group": roles[contract.within[contract.target]]})
    return choices
