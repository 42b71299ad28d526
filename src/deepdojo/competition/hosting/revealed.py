"""Test rows that reveal one another: what one has as an input is what is asked of another. Counted, never guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from deepdojo.data.checks.look import Problem
from deepdojo.data.dataset import Dataset
from deepdojo.data.gallery import Gallery

__all__ = ["revealed"]

STEPS = 8
"""So many steps of a forecast, which are not all alike, stand in another row's past by copy and not by chance."""


def revealed(dataset: Dataset) -> Iterator[Problem]:
    """Findings about the test rows, answers and inputs together: for the host alone."""
    for check in (_windows, _pictures):
        yield from check(dataset)


def _windows(dataset: Dataset) -> Iterator[Problem]:
    contract = dataset.project.contract
    if (contract.input_kind, contract.target_kind) != ("vector", "vector"):
        return
    rows, truth = dataset.rows("test"), dataset.truth("test")
    futures = [np.asarray(row[contract.target], dtype=np.float64) for row in truth]
    steps = min(STEPS, *(len(future) for future in futures))
    begins = np.stack([future[:steps] for future in futures])
    told = (begins != begins[:, :1]).any(axis=1) if steps > 1 else np.zeros(len(begins), dtype=bool)
    if not told.any():
        return
    there: list[np.ndarray] = []
    for row in rows:
        past = np.ascontiguousarray(row[contract.input], dtype=np.float64)
        if len(past) >= steps:
            there.append(_hashes(np.lib.stride_tricks.sliding_window_view(past, steps)))
    seen = np.unique(np.concatenate(there)) if there else np.zeros(0, dtype=np.uint64)
    found = np.flatnonzero(told & np.isin(_hashes(begins), seen))
    if len(found):
        yield Problem(
            "test rows reveal one another", "test rows",
            f"what is asked of {len(found):,} of {len(rows):,} test rows ({len(found) / len(rows):.1%}) stands in the "
            "past of other test rows, which is handed out",
            "let the forecasts not overlap: [data] stride at least the horizon and the context, or origins = 1",
            "warning", tuple(str(truth[int(at)]["id"]) for at in found[:5]),
        )  # fmt: skip


def _hashes(windows: np.ndarray) -> np.ndarray:
    """(n,) uint64 of (n, k) numbers: equal for equal rows; others are alike with probability 2^-64."""
    total = np.zeros(len(windows), dtype=np.uint64)
    factors: list[int] = np.random.default_rng(8).integers(1, 2**62, size=(windows.shape[1],)).tolist()
    for k in range(windows.shape[1]):
        bits = np.ascontiguousarray(windows[:, k] + 0.0).view(np.uint64)  # -0.0 and 0.0 are one number
        total += (bits ^ (bits >> np.uint64(29))) * np.uint64(2 * factors[k] + 1)
    return total


def _pictures(dataset: Dataset) -> Iterator[Problem]:
    """A picture that is asked for stands, with its name, in the gallery of another test row."""
    rows = dataset.rows("test")
    contract = dataset.project.contract
    role = next((name for name, kind in contract.inputs.items() if kind == "gallery"), None)
    if role is None:
        return
    known: Callable[[Any], Any] = lambda cell: getattr(cell, "name", None)  # noqa: E731
    named = {known(picture) for gallery in {id(r[role]): r[role] for r in rows}.values()
             if isinstance(gallery, Gallery) for _, picture in gallery}  # fmt: skip
    found = [row["id"] for row in rows if known(row[contract.input]) in named - {None}]
    if found:
        yield Problem(
            "test rows reveal one another", "test rows",
            f"the picture of {len(found):,} of {len(rows):,} test rows ({len(found) / len(rows):.1%}) stands with its "
            "name in the gallery of another test row, which is handed out",
            "let galleries and questions be of different pictures (`each` of the files reader)",
            "warning", tuple(map(str, found[:5])),
        )  # fmt: skip
