"""A submission that is valid and scores: the cheapest floor of the task, learned from the published rows alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.baselines import floors_for, run_floors
from deepdojo.contracts import MEDIA
from deepdojo.data.project import Project
from deepdojo.errors import ProjectError
from deepdojo.scoring.submission_files import write_submission
from deepdojo.tables import Table, write_table

__all__ = ["write_sample"]

MOST_TRAIN = 5_000
"""Rows that the floor learns from: it must be valid, not good."""
Row = Mapping[str, Any]


def write_sample(public: Path, project: Project, train: Sequence[Row], test: Sequence[Row]) -> Path:
    """sample_submission.csv, or .zip where answers are files.

    Args:
        train: rows with targets. test: rows with inputs and new ids, sorted by id.

    Raises:
        ProjectError: no floor serves the task.
    """
    contract = project.contract
    some = list(train)
    if len(some) > MOST_TRAIN:
        kept = np.sort(np.random.default_rng(0).permutation(len(some))[:MOST_TRAIN])
        some = [some[int(i)] for i in kept]
    # A class that was not drawn must stand in the sample too: it shows which labels there are.
    if contract.target_kind == "label" and contract.distribution is not None:
        seen = {row[contract.target] for row in some}
        for row in train:
            if row[contract.target] not in seen:
                seen.add(row[contract.target])
                some.append(row)
    for name in floors_for(project.spec.task):
        for found in run_floors(project.spec.task, some, test, metric=project.metric, floors=[name]):
            table = Table.from_rows(found.predictions, ["id", *contract.predictions])
            files = any(kind in MEDIA for kind in contract.predictions.values())
            path = public / ("sample_submission.zip" if files else "sample_submission.csv")
            if files:
                write_submission(path, table, contract.predictions)
            else:
                write_table(path, table, contract.predictions)
            return path
    raise ProjectError("no sample of a submission can be made: no floor can use these rows", where=project.name)
