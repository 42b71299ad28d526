"""A project whose answers were corrected, cut as it was when it was hosted.

A split that keeps the share of each class draws other rows once a label is corrected: the event's rows are found by
their keyed ids, wherever the project would put them today.
"""

from __future__ import annotations

from pathlib import Path

from deepdojo.competition.event import INPUTS
from deepdojo.competition.hosting.new_ids import new_id
from deepdojo.competition.hosting.solution import Solution
from deepdojo.data.dataset import Dataset

__all__ = ["changed_inputs", "cut_as_hosted"]


def cut_as_hosted(dataset: Dataset, old: Solution, key: bytes) -> Dataset:
    """The same data with the event's rows as its test part; a row that the event does not ask for is learned from.

    Args:
        old: the event's answers. key: the event's own.
    """
    wanted, length = set(old.ids), len(old.ids[0]) - 1
    drawn = dataset.split_of
    cut = {
        raw: "test" if new_id(key, "row", raw, length) in wanted else "train" if part == "test" else part
        for raw, part in drawn.items()
    }
    return dataset if cut == drawn else dataset.on_split(dataset.project, cut)


def changed_inputs(private: Path, made_public: Path) -> list[str]:
    """Ids of test rows whose inputs are others than those that were handed out: where ids are row numbers, a line too
    many or too few gives each row another's answer.

    Args:
        private: the event's private folder. made_public: a public folder made of the present project.
    """
    import duckdb

    hidden = private / INPUTS / "test.parquet"
    old, new = hidden if hidden.is_file() else private.parent / "public" / "test.parquet", made_public / "test.parquet"
    if not old.is_file():
        return []
    with duckdb.connect(":memory:", config={"threads": 1}) as database:
        for name, path in (("old", old), ("new", new)):
            database.read_parquet(str(path)).create(name)
        columns = [{row[0] for row in database.execute(f"DESCRIBE {name}").fetchall()} for name in ("old", "new")]
        both = ", ".join('"' + name.replace('"', '""') + '"' for name in sorted(columns[0] & columns[1]))
        found = database.execute(
            f"SELECT DISTINCT id FROM (SELECT {both} FROM new EXCEPT SELECT {both} FROM old) ORDER BY id"
        ).fetchall()
    return [str(row[0]) for row in found]
