"""Which task a table makes: by what its target holds and its inputs are, or as it is given."""

from __future__ import annotations

from collections import Counter
from typing import Any

from deepdojo.contracts import contract_of, task_of
from deepdojo.data.cells import MISSING_LABELS, as_text, parse_number
from deepdojo.data.cells_labels import LABEL_SIGNS
from deepdojo.data.column_facts import ColumnFacts
from deepdojo.data.infer.inferred import Choices, Inferred, listed, said_classes, two_classes
from deepdojo.data.infer.reading import TableFile
from deepdojo.data.infer.table_inputs import LONG_WORDS, Inputs
from deepdojo.errors import DataError, UsageError

__all__ = ["counts_of", "task_of_table"]

ONE_CLASS = "add rows of another class or choose another --target"
MOST_VALUES = 20
"""A target of numbers with more different ones than this is a value to predict, not a class."""


def counts_of(table: TableFile, target: str) -> Counter[str]:
    """Labels as the dataset will spell them."""
    return Counter(text for cell in table.targets(target) if (text := _label(cell)) is not None)


def _label(cell: Any) -> str | None:
    text = (as_text(cell) or "").strip()
    return None if text in MISSING_LABELS else text


def task_of_table(
    table: TableFile,
    facts: ColumnFacts,
    target: str,
    counts: Counter[str],
    inputs: Inputs,
    choices: Choices,
    inferred: Inferred,
) -> str:
    """The task, said aloud. Raises DataError or UsageError where the columns do not make it."""
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
    table: TableFile, target: str, number: bool, numeric: bool, classes: int, inputs: Inputs
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


def _text_rules(inputs: Inputs) -> bool:
    """Free text decides when nothing else is there, or when it is long: names in a table of other facts do not."""
    assert inputs.text is not None
    return len(inputs.rest) == 1 or inputs.texts[inputs.text].words >= LONG_WORDS


def _given_task(
    table: TableFile,
    task: str,
    facts: ColumnFacts,
    counts: Counter[str],
    inputs: Inputs,
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
