"""From a CSV, TSV, JSON lines or Parquet file to a project: the target, the other columns, the task."""

from __future__ import annotations

from collections import Counter
from typing import Any

from deepdojo.contracts import Contract, contract_of
from deepdojo.data.column_facts import describe
from deepdojo.data.infer.inferred import Choices, Inferred, class_metric, listed, split_of
from deepdojo.data.infer.reading import TableFile
from deepdojo.data.infer.roles import named_roles, say_roles
from deepdojo.data.infer.sounds import infer_sound_table, sound_column
from deepdojo.data.infer.table_id import id_column
from deepdojo.data.infer.table_inputs import Inputs
from deepdojo.data.infer.table_target import target_column
from deepdojo.data.infer.table_task import counts_of, task_of_table
from deepdojo.data.infer.text import is_date
from deepdojo.data.infer.video_table import infer_video_table, video_column
from deepdojo.errors import DataError, UnknownNameError

__all__ = ["infer_table"]


def infer_table(table: TableFile, test: TableFile | None, choices: Choices, inferred: Inferred) -> None:
    """Fill `inferred` from what the table holds.

    Raises:
        UnknownNameError: a column that does not exist. DataError: a target that cannot be learned.
    """
    for name in (choices.target, choices.id, choices.group, choices.time):
        if name is not None and name not in table.names:
            raise UnknownNameError("column", name, table.names, where=table.shown)
    inferred.say(f"{table.shown}: {table.n:,} rows, {len(table.names)} columns{table.written}")
    facts = {name: describe(table.column(name), table.decimal) for name in table.names}
    sound = sound_column(table, choices)
    if sound is not None:
        target, choices = infer_sound_table(table, sound, choices.target, choices, inferred)
        row_id = None if choices.id is None else id_column(table, test, facts, choices, target, inferred)
        _check_test(table, test, target)
        _write(table, test, row_id, contract_of(inferred.spec["task"]), choices, inferred)
        return
    video = video_column(table, choices)
    if video is not None:
        target, choices = infer_video_table(table, video, choices, inferred)
        row_id = None if choices.id is None else id_column(table, test, facts, choices, target, inferred)
        _check_test(table, test, target)
        _write(table, test, row_id, contract_of(inferred.spec["task"]), choices, inferred)
        return
    several = named_roles(table, facts, choices)
    if several is not None:
        task, roles = several
        choices, target = say_roles(task, roles, choices, inferred), roles[contract_of(task).target]
        row_id = id_column(table, test, facts, choices, target, inferred)
        _check_test(table, test, target)
        _write(table, test, row_id, contract_of(task), choices, inferred)
        return
    target = target_column(table, facts, choices, inferred)
    row_id = id_column(table, test, facts, choices, target, inferred)
    used = [n for n in table.names if n not in (target, row_id, choices.group, choices.time)]
    inputs = Inputs(table, facts, [name for name in used if facts[name].filled])
    counts = counts_of(table, target)
    task = task_of_table(table, facts[target], target, counts, inputs, choices, inferred)
    _columns(table, inputs, target, task, used, row_id, choices, inferred)
    _metric(table, task, target, counts, choices, inferred)
    _check_test(table, test, target)
    _say_dates(table, used, choices, inferred)
    _write(table, test, row_id, contract_of(task), choices, inferred)


def _write(
    table: TableFile,
    test: TableFile | None,
    row_id: str | None,
    contract: Contract,
    choices: Choices,
    inferred: Inferred,
) -> None:
    """`[data]` and `[split]`."""
    data: dict[str, Any] = {"reader": table.reader, "file": table.file, **table.options}
    if row_id is not None:
        data["id"] = row_id
    if test is not None:
        data.pop("file")
        data["split"] = {"train": {"file": table.file}, "test": {"file": test.file, **test.options_beside(table)}}
    inferred.spec["data"] = data
    role = {"record": "cells"}.get(contract.input_kind, contract.input_kind)
    role = "id" if row_id is not None else role
    inferred.spec["split"] = split_of(
        inferred, choices, classes=contract.target_kind == "label", test=test is not None, inputs=role
    )


def _columns(
    table: TableFile,
    inputs: Inputs,
    target: str,
    task: str,
    used: list[str],
    row_id: str | None,
    choices: Choices,
    inferred: Inferred,
) -> None:
    """`[columns]`: the roles of the task, and what is left out and why."""
    contract = contract_of(task)
    role = contract.target
    inferred.comments[f"columns.{role}"] = inferred.comments.pop("columns.target")
    if contract.input_kind == "text":
        inferred.spec["columns"] = {contract.input: inputs.text, role: target}
        others = [n for n in used if n != inputs.text]
        if others:
            inferred.say(
                f"not used beside the text: {listed(others)}",
                f"columns.{contract.input}",
                f"not used: {listed(others)}",
            )
        return
    if contract.input_kind == "image":
        name, pattern = next(iter(inputs.images.items()))
        inferred.spec["columns"] = {contract.input: {"column": name, "file": pattern}, role: target}
        return
    if contract.input_kind in ("vector", "matrix"):
        lists = [n for n in inputs.names if n in inputs.texts]
        columns = lists[0] if lists else inputs.names
        inferred.spec["columns"] = {contract.input: columns, role: target}
        inferred.say(
            f"{contract.input}: {columns if lists else f'{len(columns):,} columns of numbers, in their order'}"
        )
        return
    hidden = [n for n in (choices.group, choices.time) if n is not None and n not in (target, row_id)]
    inferred.spec["columns"] = {contract.input: "*", role: target} | _dropped(table, inputs, used, hidden, inferred)
    inferred.comments[f"columns.{contract.input}"] = "all columns but id, target and those in drop"


def _dropped(
    table: TableFile, inputs: Inputs, used: list[str], hidden: list[str], inferred: Inferred
) -> dict[str, list[str]]:
    """Columns that are no features: those that split the rows, and those that say nothing."""
    drop = {n: "empty" for n in used if n not in inputs.names}
    drop |= dict.fromkeys(inputs.constant, "the same in every row")
    drop |= dict.fromkeys(inputs.unique, "different in every row, like an id")
    drop |= {n: "not a single value in most rows" for n in used if table.nested(n)}
    if len(drop) >= len(used):
        drop = {n: why for n, why in drop.items() if why == "empty"}
    for name in hidden:
        inferred.say(f"{name} splits the rows and is no input")
    if drop or hidden:
        inferred.comments["columns.drop"] = "; ".join(
            [*(f"{n}: splits the rows" for n in hidden), *(f"{n}: {w}" for n, w in drop.items())][:6]
        )
    for why in dict.fromkeys(drop.values()):
        inferred.say(f"left out, because {why}: {listed(n for n in drop if drop[n] == why)}")
    return {"drop": [*hidden, *drop]} if drop or hidden else {}


def _say_dates(table: TableFile, used: list[str], choices: Choices, inferred: Inferred) -> None:
    """Rows with a date ask for a split by it; that is the user's to decide, so it is only said."""
    if choices.time is None and choices.group is None:
        dates = [name for name in used if is_date(table.column(name))]
        if dates:
            inferred.say(
                f"{dates[0]} holds dates: to learn from the past and be judged on the future, give --time {dates[0]}"
            )


def _metric(
    table: TableFile, task: str, target: str, counts: Counter[str], choices: Choices, inferred: Inferred
) -> None:
    if choices.metric is not None:
        metric, why = choices.metric, "as given"
    elif contract_of(task).target_kind == "number":
        metric = contract_of(task).metric
        why = f"in the unit of {target}" + ("; mae counts large errors less" if metric == "rmse" else "")
    elif contract_of(task).target_kind == "label" and not contract_of(task).ordered:
        metric, why = class_metric(counts)
    else:
        metric, why = contract_of(task).metric, f"the usual one of {task}"
    inferred.spec["metric"] = metric
    inferred.say(f"metric: {metric}, {why}", "metric", why)


def _check_test(table: TableFile, test: TableFile | None, target: str) -> None:
    if test is None:
        return
    if target not in test.names:
        raise DataError(
            f"the test file has no column {target!r}, so no prediction of it could be scored",
            where=test.shown,
            todo="leave out --test; predict it later with `dojo predict RUN FILE`",
        )
    lacking = [name for name in table.names if name not in test.names]
    if lacking:
        raise DataError(
            f"the test file lacks columns of the training file: {listed(lacking)}",
            where=test.shown,
            todo="give files alike",
        )
