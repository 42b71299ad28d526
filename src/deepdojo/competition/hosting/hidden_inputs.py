"""What a code competition hides and shows: the test rows as programs read them, and some training rows in their form.

private/inputs/   project.toml, test.parquet, files/      what a program gets as its INPUT
public/           project.toml, test.parquet, files/      the same form, of examples: a program runs on it at home
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from deepdojo.competition.event import INPUTS
from deepdojo.competition.hosting.media_files import MediaFiles
from deepdojo.competition.hosting.new_ids import keyed, new_ids
from deepdojo.competition.hosting.published_tables import PublishedTables

__all__ = ["EXAMPLES", "HiddenInputs"]

EXAMPLES, _SHARE = 20, 20
"""At most so many training rows, and no more than one in twenty, are shown in the form of test rows. They are held back
from the training table: rows that are learned from and tested on would be dropped, or warned of, in every project."""
_PROJECT, _TEST = "project.toml", "test.parquet"
Row = Mapping[str, Any]


class HiddenInputs:
    """The test rows of one code competition.

    Args:
        public_tables: those of the public folder, with their columns known.
        private: the private folder, in which `inputs` is made.

    Attributes:
        tables: those of `inputs`.
    """

    def __init__(self, public_tables: PublishedTables, private: Path) -> None:
        self.folder = private / INPUTS
        self.folder.mkdir()
        self._public = public_tables
        self.tables = public_tables.elsewhere(public_tables.ids, MediaFiles(self.folder))
        self.examples: list[Row] = []

    def held_back(self, parts: Mapping[str, list[Row]]) -> dict[str, list[Row]]:
        """Draw the examples by a keyed hash; the parts without them. The last training row of a label stays, and of
        tasks that compare named pictures all rows do: who is missing from the gallery cannot be found."""
        key, stay = self._public.key, bool(self._public.contract.compared)
        drawn = sorted(parts["validation" if stay else "train"], key=lambda row: keyed(key, "example", row["id"]))
        most = EXAMPLES if stay else max(1, min(EXAMPLES, len(drawn) // _SHARE))
        left = Counter(_label(row) for row in drawn)
        for row in drawn:
            if len(self.examples) < most and (stay or left[_label(row)] > 1):
                left[_label(row)] -= 1
                self.examples.append(row)
        taken = set() if stay else {row["id"] for row in self.examples}
        return {part: [row for row in rows if row["id"] not in taken] for part, rows in parts.items()}

    @cached_property
    def _example_ids(self) -> dict[str, str]:
        """Other ids than in the training table: which row it is need not be known, and a test row's id is new too."""
        return new_ids(self._public.key, "example", (row["id"] for row in self.examples))

    def named(self) -> list[dict[str, Any]]:
        """The examples under their own ids, sorted by them."""
        named = ({**row, "id": self._example_ids[row["id"]]} for row in self.examples)
        return sorted(named, key=lambda row: str(row["id"]))

    def write(self, test: Sequence[Row], public: Path) -> None:
        """Both tables of test rows, with inputs and nothing else."""
        roles = list(self.tables.contract.inputs)
        self.tables.write(self.folder / _TEST, test, roles, "test")
        shown = self._public.elsewhere(self._example_ids, MediaFiles(public))
        shown.add_files({"test": self.examples})
        shown.write(public / _TEST, self.examples, roles, "test")

    def take_project(self, public: Path) -> None:
        """The project.toml of the public folder: a run of `dojo train` is shown as lying in that project."""
        shutil.copyfile(public / _PROJECT, self.folder / _PROJECT)


def _label(row: Row) -> str:
    """What must stand in the training table; one for all rows where there are no labels."""
    label = row.get("label")
    return label if isinstance(label, str) else ""
