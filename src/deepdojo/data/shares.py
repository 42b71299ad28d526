"""A share of the training rows: seeded, and nested, so that a larger share of a seed holds every smaller one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["share_of"]


def share_of(
    n: int, share: float, seed: int, *, labels: Sequence[str] | None = None, groups: np.ndarray | None = None
) -> np.ndarray:
    """Positions of the rows that a share holds, in rising order.

    Rows of classes: the beginning of one permutation of each class, max(1, round(share · its rows)) long, so that each
    class keeps its part and none is lost. Rows of groups (patients, series): whole groups in a seeded order until
    the share is full, and of each class that is then missing the first group that has it: twice the data means
    twice the patients. Else: the beginning of one permutation, at least one row.

    Args:
        n: rows.
        share: above 0, at most 1.
        labels: the class of each row; None where rows have no single class.
        groups: (n,) equal numbers for rows of one group.
    """
    if share >= 1.0:
        return np.arange(n)
    order = np.random.default_rng(seed).permutation(n)
    classes = (
        None if labels is None else np.unique(np.asarray(labels, dtype=object).astype(str), return_inverse=True)[1]
    )
    if groups is not None:
        return _of_groups(groups, share, seed, classes)
    if classes is None:
        return np.sort(order[: max(1, round(share * n))])
    by_class = order[np.argsort(classes[order], kind="stable")]
    sizes = np.bincount(classes)
    kept = np.maximum(1, np.round(share * sizes).astype(np.int64))
    rank = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(by_class[rank < np.repeat(kept, sizes)])


def _of_groups(groups: np.ndarray, share: float, seed: int, classes: np.ndarray | None) -> np.ndarray:
    units, unit = np.unique(groups, return_inverse=True)
    place = np.random.default_rng(seed).permutation(len(units))[unit]  # of each row's group in the order
    filled = np.cumsum(np.bincount(place))
    last = int(np.searchsorted(filled, max(1, round(share * len(groups)))))
    chosen = place <= last
    if classes is not None:
        for one in range(int(classes.max()) + 1):
            if not (chosen & (classes == one)).any():
                chosen |= place == place[classes == one].min()
    return np.flatnonzero(chosen)
