"""Likely wrong labels of the rows that a run learned from: each judged by a model of the same recipe that did not.

The rows that train and validate are cut into folds; for each fold the run's recipe is trained on the others, for as
many passes as the run kept, and says what it thinks of the fold. Held-out rows take no part.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.data.dataset import Dataset
from deepdojo.data.rowset import column
from deepdojo.errors import DataError, RunError
from deepdojo.runs import PARTIAL, Run
from deepdojo.scoring.label_errors import WrongShare, normalised_margin, wrong_share
from deepdojo.session.examples import readable
from deepdojo.session.listener import Listener, Part
from deepdojo.session.start import recorded_data, session_of
from deepdojo.session.train import Session
from deepdojo.tables import Table, read_table, write_table

__all__ = ["Suspect", "Suspects", "find_suspects"]

FOLDS = 5
FOLDER = "suspects"


@dataclass(frozen=True)
class Suspect:
    """One row whose label a model doubts.

    Attributes:
        file, line: where it stands. given, suggested: its label, and the likeliest other one.
        p_given, p_suggested: their probabilities. margin: the first minus the highest of all others.
        text: the input as a person reads it, where it is text.
    """

    id: str
    file: str
    line: int | None
    given: str
    suggested: str
    p_given: float
    p_suggested: float
    margin: float
    text: str = ""


@dataclass(frozen=True)
class Suspects:
    """Attributes:
    found: rows whose label is not the likeliest, the most doubtful first. rows: how many were judged.
    wrong: the estimated share of wrong labels.
    """

    found: list[Suspect]
    rows: int
    folds: int
    wrong: WrongShare


def find_suspects(run: Run, listener: Listener, *, offline: bool = False, trust: bool = False) -> Suspects:
    """Judges every row; folds that are done are kept in the run's folder, so that an interrupted search goes on.

    Raises:
        RunError: the run's task gives no probabilities of classes, or it was trained on all rows.
        DataError: too few rows.
    """
    contract = run.contract
    if contract.target_kind != "label" or contract.distribution is None:
        raise RunError(
            f"{run.info['task']} gives no probabilities of classes, by which a label can be doubted", where=run.id,
            todo="take a run of a classification task",
        )  # fmt: skip
    if "refit" in run.info:
        raise RunError("the run was trained on all rows", where=run.id, todo="name one of its folds")
    dataset = recorded_data(run, trust=trust, offline=offline)
    rows = [row for part in ("train", "validation") for row in dataset.rows(part)]
    given = [str(row[contract.target]) for row in rows]
    if len(rows) < 2 * FOLDS:
        raise DataError(f"{len(rows)} rows to learn from are too few to judge their labels", todo="give more data")
    fold_of = folds_of(given, seed=int(run.info["seed"]))
    judged: dict[str, Mapping[str, float]] = {}
    for fold in range(FOLDS):
        judged |= _judged_fold(run, dataset, rows, fold_of, fold, listener, trust=trust)
    listener.finish()
    return _ranked(dataset, [row for row in rows if row["id"] in judged], judged)


def folds_of(labels: list[str], *, seed: int) -> np.ndarray:
    """(n,) the fold of each row: each class is dealt like cards, in an order that the seed draws."""
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(np.array(labels, dtype=str)[order], kind="stable")]
    fold = np.empty(len(labels), dtype=np.int64)
    fold[order] = np.arange(len(labels)) % FOLDS
    return fold


def _judged_fold(
    run: Run, dataset: Dataset, rows: list[dict[str, Any]], fold_of: np.ndarray, fold: int, listener: Listener, *,
    trust: bool,
) -> dict[str, Mapping[str, float]]:  # fmt: skip
    """id -> probabilities of the rows of one fold."""
    from deepdojo.session.network import Network
    from deepdojo.session.refit import chosen_epochs

    distribution = str(run.contract.distribution)
    kinds = {distribution: run.contract.predictions[distribution]}
    path = run.folder / FOLDER / f"fold-{fold}.parquet"
    if not path.is_file():
        part = Part(listener, f"fold {fold + 1} of {FOLDS}")
        parts = {row["id"]: "test" if k == fold else "train" for row, k in zip(rows, fold_of.tolist(), strict=True)}
        like = session_of(
            run, dataset.on_split(dataset.project, parts), listener=part, started=time.monotonic(), trust=trust,
            budget_s=None,
        )  # fmt: skip
        with tempfile.TemporaryDirectory(prefix="deepdojo-suspects-", ignore_cleanup_errors=True) as place:
            folder = Path(place) / f"fold{PARTIAL}"
            folder.mkdir()
            train = like.recipe.train.model_copy(update={"keep": "last", "patience": None})
            options = replace(like.options, budget_s=None, find_lr=False, share=1.0)
            session: Session = replace(
                like, recipe=like.recipe.model_copy(update={"train": train}), folder=folder, resume=False,
                refit=chosen_epochs([run]), options=options,
            )  # fmt: skip
            session.write_head()
            network = Network.prepare(session)
            network.train()
            found = network.predict(session.dataset.rows("test"))
        table = Table({name: [row[name] for row in found] for name in ("id", distribution)})
        path.parent.mkdir(exist_ok=True)
        write_table(path, table, kinds)
    table = read_table(path, kinds)
    return dict(zip(table.ids, table.columns[distribution], strict=True))


def _ranked(dataset: Dataset, rows: list[dict[str, Any]], judged: Mapping[str, Mapping[str, float]]) -> Suspects:
    contract = dataset.project.contract
    names = sorted({str(cell) for cell in column(rows, contract.target)})
    place = {name: k for k, name in enumerate(names)}
    given = np.array([place[row[contract.target]] for row in rows], dtype=np.int64)
    p = np.array([[judged[row["id"]].get(name, 0.0) for name in names] for row in rows])
    margin = normalised_margin(p, given)
    found = []
    for at in np.argsort(margin, kind="stable"):
        if margin[at] >= 0:
            break
        row, likeliest = rows[at], int(p[at].argmax())
        file, line = dataset.where(row["id"])
        text = str(readable(row[contract.input], "text")) if contract.input_kind == "text" else ""
        found.append(Suspect(
            row["id"], file, line, names[given[at]], names[likeliest], float(p[at, given[at]]),
            float(p[at, likeliest]), float(margin[at]), text,
        ))  # fmt: skip
    return Suspects(found, len(rows), FOLDS, wrong_share(p, given))
