"""Which column of a table is to be predicted: by its name, or the last or first that may be."""

from __future__ import annotations

from deepdojo.contracts import contract_of
from deepdojo.data.column_facts import ColumnFacts, describe
from deepdojo.data.infer.inferred import Choices, Inferred, listed
from deepdojo.data.infer.reading import TARGETS, TableFile
from deepdojo.data.infer.table_id import like_id
from deepdojo.data.infer.table_inputs import DISTINCT, FREE_WORDS
from deepdojo.data.infer.text import text_facts
from deepdojo.errors import DataError

__all__ = ["target_column"]


def target_column(table: TableFile, facts: dict[str, ColumnFacts], choices: Choices, inferred: Inferred) -> str:
    """The column to predict, said aloud; its facts are then those of targets. Raises DataError where none may be."""
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
    if facts.distinct < 2 or like_id(table, name, facts):
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
