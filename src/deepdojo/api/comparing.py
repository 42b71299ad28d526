"""Verbs that rank and compare."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepdojo.api.competing import event_board
from deepdojo.api.finished import _load_run

__all__ = ["Comparison", "board", "compare"]


def board(project: str | Path, *, runs: str | Path | None = None) -> list[dict[str, Any]]:
    """The leaderboard of a project: runs, baselines and published results; or of an event, by its address."""
    from deepdojo.competition.address import is_address

    if is_address(project):
        shown: list[dict[str, Any]] = event_board(str(project))["rows"]
        return shown
    from deepdojo.competition.board import rows
    from deepdojo.data.project import find_project
    from deepdojo.places import runs_folder

    found = find_project(project)
    return rows(runs_folder(found.name, None if found.builtin else found.folder, runs), found)


@dataclass(frozen=True)
class Comparison:
    """Two runs on the same held-out rows: the paired difference a - b, and what each costs.

    Attributes:
        rows_sd, seeds_sd: the parts of the difference's standard error; seeds_sd None where both have one seed.
        seeds_share: the seeds' part of its square.
    """

    a: dict[str, Any]
    b: dict[str, Any]
    metric: str
    higher_is_better: bool
    difference: float
    low: float
    high: float
    p: float
    n: int
    better: str
    rows_sd: float
    seeds_sd: float | None
    seeds_share: float | None


def compare(
    a: str | Path, b: str | Path, *, project: str | Path | None = None, runs: str | Path | None = None
) -> Comparison:
    """Is the difference between two runs real, and what does each cost? Refuses runs scored on different rows.

    Of runs with several seeds the means are compared, and the choice of seeds counts like that of rows
    (`deepdojo.scoring.seeds.paired_seeds`).

    Args:
        a, b: runs; with `project` names of recipes (or baselines), which stand for their newest run there.
        runs: where the project's runs are, as in `train`.
    """
    from deepdojo.session.again import compare_runs, named_run

    if project is not None:
        from deepdojo.data.project import find_project
        from deepdojo.places import runs_folder
        from deepdojo.runs import run_folders

        found = find_project(project)
        place = runs_folder(found.name, None if found.builtin else found.folder, runs)
        folders = run_folders([place], baselines=True) + run_folders([place])
        return Comparison(**compare_runs(named_run(str(a), folders), named_run(str(b), folders)))
    return Comparison(**compare_runs(_load_run(a).run, _load_run(b).run))
