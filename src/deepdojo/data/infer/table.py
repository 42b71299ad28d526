"""From a CSV, TSV, JSON lines or Parquet file to a project: the target, the other columns, the task."""

from __future__ import annotations

from collections import Counter
from typing import Any

from deepdojo.contracts import Contract, contract_of, task_of
from deepdojo.data.cells import MISSING_LABELS, as_text, parse_number
from deepdojo.data.cells_labels import LABEL_SIGNS
from deepdojo.data.column_facts import ColumnFacts, describe
from deepdojo.data.infer.inferred import Choices, Inferred, class_metric, listed, said_classes, split_of, two_classes
from deepdojo.data.infer.reading import IDS, TARGETS, TableFile
from deepdojo.data.infer.roles import named_roles, say_roles
from deepdojo.data.infer.sounds import infer_sound_table, sound_column
from deepdojo.data.infer.text import image_cells, is_date, text_facts
from deepdojo.data.infer.video_table import infer_video_table, video_column
from deepdojo.errors import DataError, UnknownNameError, UsageError

__all__ = ["infer_table"]

ONE_CLASS = "add rows of another class or choose another --target"
MOST_VALUES = 20
"""A target of numbers with more different ones than this is a value to predict, not a class."""

NEARLY = 0.9
"""A column that is named like an id and has at least this share of different values is one, if a damaged one."""

LONG_WORDS, FREE_WORDS, DISTINCT = 12.0, 4.0, 0.6
"""Words in the mean that make a text long (enough to count beside other columns) or free; share of different ones."""


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
        row_id = None if choices.id is None else _id(table, test, facts, choices, target, inferred)
        _check_test(table, test, target)
        _write(table, test, row_id, contract_of(inferred.spec["task"]), choices, inferred)
        return
    video = video_column(table, choices)
    if video is not None:
        target, choices = infer_video_table(table, video, choices, inferred)
        row_id = None if choices.id is None else _id(table, test, facts, choices, target, inferred)
        _check_test(table, test, target)
        _write(table, test, row_id, contract_of(inferred.spec["task"]), choices, inferred)
        return
    several = named_roles(table, facts, choices)
    if several is not None:
        task, roles = several
        choices, target = say_roles(task, roles, choices, inferred), roles[contract_of(task).target]
        row_id = _id(table, test, facts, choices, target, inferred)
        _check_test(table, test, target)
        _write(table, test, row_id, contract_of(task), choices, inferred)
        return
    target = _target(table, facts, choices, inferred)
    row_id = _id(table, test, facts, choices, target, inferred)
    used = [n for n in table.names if n not in (target, row_id, choices.group, choices.time)]
    inputs = _Inputs(table, facts, [name for name in used if facts[name].filled])
    counts = _counts(table, target)
    task = _task(table, facts[target], target, counts, inputs, choices, inferred)
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


class _Inputs:
    """The columns that may be inputs: which hold free text, file names of images, ids, one value."""

    def __init__(self, table: TableFile, facts: dict[str, ColumnFacts], names: list[str]) -> None:
        self.names = names
        self.constant = [n for n in names if facts[n].distinct == 1 and not facts[n].missing and table.n > 1]
        self.texts = {n: text_facts(table.column(n)) for n in names if not facts[n].numeric}
        self.unique = [n for n in names if _like_id(table, n, facts[n])]
        self.ids = [n for n in self.unique if n not in self.texts or self.texts[n].words < FREE_WORDS]
        self.images = {n: cell for n in names if (cell := image_cells(table, n)) is not None}
        left = [n for n in names if n not in self.constant]
        self.rest = [n for n in left if n not in self.ids] or left
        free = [n for n in self.rest if n in self.texts and self.texts[n].free(FREE_WORDS, DISTINCT)]
        self.text = max(free, key=lambda n: self.texts[n].signs, default=None)
        if self.text is None and len(left) == 1 and left[0] in self.texts and self.texts[left[0]].distinct >= DISTINCT:
            self.text = left[0]
        if len(self.rest) == 1 and self.text is None and self.rest[0] in self.texts and table.n >= 20:
            self.text = self.rest[0] if self.texts[self.rest[0]].distinct >= DISTINCT else None


def _like_id(table: TableFile, name: str, facts: ColumnFacts) -> bool:
    """All different, and either words, or whole numbers that are consecutive or have a name that says so. A few
    doubled or empty ones make an id no feature."""
    if facts.n < 20 or facts.distinct < (NEARLY if _is_id_name(name) else 1.0) * facts.n:
        return False
    return not facts.numeric or (facts.whole and (_is_id_name(name) or table.counts_up(name)))


def _target(table: TableFile, facts: dict[str, ColumnFacts], choices: Choices, inferred: Inferred) -> str:
    if choices.target is not None:
        target, why = choices.target, "as given"
    else:
        free = [n for n in table.names if n not in (choices.id, choices.group, choices.time)]
        if len(free) < 2:
            raise DataError(
                f"the file has the columns {listed(table.names)}: nothing is left to predict from",
                where=table.shown,
                todo="an input and a target are needed; is the delimiter right?",
            )
        named = [n for name in TARGETS for n in free if n.lower() == name]
        fit = [n for n in (free[-1], free[0]) if _fits(table, n, facts[n])]
        if not named and not fit:
            raise DataError(
                f"which column is to be predicted cannot be told from their names ({listed(table.names, 8)})",
                where=table.shown,
                todo="give --target COLUMN",
            )
        target = named[0] if named else fit[0]
        why = "by its name" if named else f"the {'last' if target == free[-1] else 'first'} column"
    facts[target] = describe(table.targets(target), table.decimal)
    written = choices.task is not None and contract_of(choices.task).target_kind == "text"
    _refuse_target(table, target, facts[target], written)
    gone = facts[target].missing
    several = choices.task is not None and contract_of(choices.task).target_kind == "labels"
    left = "have none" if several else "without it are left out"  # no label is an answer, too
    beside = f"; {gone:,} row{'s' if gone != 1 else ''} {left}" if gone else ""
    inferred.say(
        f"target: {target} ({why}{'' if choices.target else '; another one: --target COLUMN'}){beside}",
        "columns.target",
        f"the target: {why}",
    )
    return target


def _fits(table: TableFile, name: str, facts: ColumnFacts) -> bool:
    """Whether an unnamed target may be guessed to be this column: no free text, no id, at least two values."""
    if facts.distinct < 2 or _like_id(table, name, facts):
        return False
    return facts.numeric or not text_facts(table.column(name)).free(FREE_WORDS, DISTINCT)


def _refuse_target(table: TableFile, target: str, facts: ColumnFacts, written: bool) -> None:
    """`written`: the target is a text to write, so it may differ in every row."""
    where = f"{table.shown}, column {target!r}"
    if not facts.filled:
        raise DataError("the target is empty in every row", where=where, todo="choose another --target")
    sequence = facts.numeric and facts.whole and facts.distinct == facts.n and table.counts_up(target)
    words = not facts.numeric and facts.filled >= 20 and facts.distinct > 0.5 * facts.filled
    if facts.n >= 20 and (sequence or words) and not written:
        raise DataError(
            f"the target has {facts.distinct:,} different values in {facts.filled:,} rows, like an id or free text",
            where=where,
            todo=f"choose another --target (columns: {listed(n for n in table.names if n != target)})",
        )


def _id(
    table: TableFile,
    test: TableFile | None,
    facts: dict[str, ColumnFacts],
    choices: Choices,
    target: str,
    inferred: Inferred,
) -> str | None:
    """The id column: as given, or a filled one named like an id whose values all differ; else row numbers."""
    if choices.id is not None:
        double = table.doubled(choices.id, test)
        if double is not None:
            raise DataError(
                f"the id {double!r} occurs more than once",
                where=f"{table.shown}, column {choices.id!r}",
                todo="choose another --id, or leave it out: rows are then numbered",
            )
        inferred.say(f"id: {choices.id} (as given)", "data.id", "names each row")
        return choices.id
    taken_by = (target, choices.group, choices.time)
    for name in table.names:
        taken = name in taken_by
        taken = taken or (_is_id_name(name) and image_cells(table, name) is not None)
        if not taken and _is_id_name(name) and not facts[name].missing and table.doubled(name, test) is None:
            inferred.say(f"id: {name} (all different; not an input)", "data.id", "names each row; no input")
            return name
    why = "no column is named like an id and differs in every row"
    doubled = [(n, table.doubled(n, test)) for n in table.names if n not in taken_by and _is_id_name(n)]
    if doubled:
        name, value = doubled[0]
        why = f"{name} is empty in some row" if value is None else f"in {name}, {value!r} occurs more than once"
    inferred.say(f"id: row numbers from 1 ({why})")
    return None


def _is_id_name(name: str) -> bool:
    low = name.lower().strip()
    return low in IDS or low.endswith(("_id", " id", "-id")) or (name.endswith(("Id", "ID")) and len(name) > 2)


def _counts(table: TableFile, target: str) -> Counter[str]:
    """Labels as the dataset will spell them."""
    return Counter(text for cell in table.targets(target) if (text := _label(cell)) is not None)


def _label(cell: Any) -> str | None:
    text = (as_text(cell) or "").strip()
    return None if text in MISSING_LABELS else text


def _task(
    table: TableFile,
    facts: ColumnFacts,
    target: str,
    counts: Counter[str],
    inputs: _Inputs,
    choices: Choices,
    inferred: Inferred,
) -> str:
    number = facts.numeric and (
        len(counts) > MOST_VALUES or (not facts.whole and len(counts) > 10) or len(counts) > 0.5 * facts.filled
    )
    if choices.task is not None:
        return _given_task(table, choices.task, facts, counts, inputs, target, inferred)
    task, why = _task_by_rule(table, target, number, facts.numeric, len(counts), inputs)
    if not inputs.names:
        raise DataError("no column is left to predict from", where=table.shown, todo="are all other columns empty?")
    inferred.spec["task"] = task
    inferred.say(f"task: {task}, because {why}", "task", why)
    if contract_of(task).target_kind == "label":
        two_classes(counts, f"the target {target!r}", table.shown, ONE_CLASS)
        inferred.say(said_classes(counts))
    return task


def _task_by_rule(
    table: TableFile, target: str, number: bool, numeric: bool, classes: int, inputs: _Inputs
) -> tuple[str, str]:
    """(task, reason). `number`: the target is a value to predict. `numeric`: it is written in numbers."""
    if number:
        why = f"{target} holds numbers with {classes:,} different values"
        if inputs.text is not None and len(inputs.rest) == 1:
            task = task_of("text", "number")
            if task is None:
                raise DataError(
                    f"{why}, to be predicted from free text alone: there is no such task yet",
                    where=table.shown,
                    todo="choose a --target with classes",
                )
            return task, f"{inputs.text} holds free text ({inputs.texts[inputs.text]}) and {why}"
        return "tabular-regression", why
    why = f"{target} has {classes:,} classes"
    if inputs.images:
        return "image-classification", f"{next(iter(inputs.images))} names image files and {why}"
    if inputs.text is not None and _text_rules(inputs):
        return "text-classification", f"{inputs.text} holds free text ({inputs.texts[inputs.text]}) and {why}"
    return "tabular-classification", f"{why}; if it is a quantity: --task tabular-regression" if numeric else why


def _text_rules(inputs: _Inputs) -> bool:
    """Free text decides when nothing else is there, or when it is long: names in a table of other facts do not."""
    assert inputs.text is not None
    return len(inputs.rest) == 1 or inputs.texts[inputs.text].words >= LONG_WORDS


def _given_task(
    table: TableFile,
    task: str,
    facts: ColumnFacts,
    counts: Counter[str],
    inputs: _Inputs,
    target: str,
    inferred: Inferred,
) -> str:
    contract, where = contract_of(task), table.shown
    if contract.target_kind == "number" and not facts.numeric:
        raise UsageError(
            f"the target {target!r} holds words ({listed(counts)}), not numbers", where=where, todo="leave out --task"
        )
    if contract.input_kind == "text":
        words = [n for n in inputs.names if n in inputs.texts]
        if not words:
            raise UsageError("no column holds text", where=where, todo="leave out --task")
        inputs.text = inputs.text or max(words, key=lambda n: inputs.texts[n].signs)
    if contract.input_kind == "image" and not inputs.images:
        raise UsageError(
            "no column names image files that are there",
            where=where,
            todo="leave out --task, or name paths relative to the file",
        )
    inferred.spec["task"] = task
    inferred.say(f"task: {task} (as given)", "task", "as given")
    if contract.target_kind == "label":
        two_classes(counts, f"the target {target!r}", where, ONE_CLASS)
        inferred.say(said_classes(counts))
    if contract.ordered:
        _grades(counts, inferred)
    if contract.target_kind == "labels":
        sign = next((sign for sign in LABEL_SIGNS if any(sign in label for label in counts)), None)
        if sign is not None:
            inferred.spec["labels"] = {"parted_by": sign}
            inferred.say(f"labels of a row are parted by {sign!r}", "labels.parted_by", "found in the column")
    return task


def _grades(counts: Counter[str], inferred: Inferred) -> None:
    """Words get numbers, by the alphabet for want of better, and that is said: only a person knows their order."""
    words = sorted(label for label in counts if parse_number(label) is None)
    if not words:
        return
    inferred.spec["labels"] = {"names": {word: str(place) for place, word in enumerate(sorted(counts), 1)}}
    inferred.say(
        f"grades: {' < '.join(sorted(counts))}, BY THE ALPHABET: put their numbers right in [labels] names",
        "labels.names", "the grade that each word stands for",
    )  # fmt: skip


def _columns(
    table: TableFile,
    inputs: _Inputs,
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
    table: TableFile, inputs: _Inputs, used: list[str], hidden: list[str], inferred: Inferred
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
