"""The threshold of a floor: its probabilities of validation rows choose it, as those of a network do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from deepdojo.baselines.problem import Problem, Row
from deepdojo.scoring.thresholds import choose, decided
from deepdojo.tables import Table

__all__ = ["Deciding"]


@dataclass(frozen=True)
class Deciding:
    """What project.toml says: the label that is looked for, and a number or the metric that chooses one."""

    positive: str
    threshold: float | str

    def first(self, validation: Sequence[Row]) -> list[Row]:
        """Rows to predict before the held-out ones."""
        return list(validation) if isinstance(self.threshold, str) else []

    def decide(self, problem: Problem, table: Table, about: str) -> tuple[Table, str]:
        """Held-out rows with the labels that the threshold gives, and what is said of it.

        Args:
            problem: whose `test` begins with the rows of `first`.
        """
        known = self.first(problem.validation)
        contract = replace(problem.contract, positive=self.positive)
        judged, rest = _cut(table, 0, len(known)), _cut(table, len(known), len(table))
        truth = [str(row[contract.target]) for row in known]
        chosen = choose(self.threshold, contract, problem.classes, truth, judged)
        return decided(rest, contract, chosen), f"{about}; {chosen.said()}"


def _cut(table: Table, start: int, stop: int) -> Table:
    return Table({name: cells[start:stop] for name, cells in table.columns.items()}, table.source)
