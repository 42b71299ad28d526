"""Ranks of a whole board, and tie groups. One function serves local board, compare and server."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepdojo.errors import ScoreError
from deepdojo.scoring.blocks import Blocks
from deepdojo.scoring.flips import group_sums, pair_p, pairwise_p, pseudo_values
from deepdojo.scoring.measured import group_index

__all__ = ["better", "ranks", "tie_groups"]


def better(
    scores: Sequence[float] | np.ndarray,
    influence: np.ndarray,
    *,
    higher_is_better: bool,
    groups: np.ndarray | None = None,
    level: float = 0.05,
    draws: int | None = None,
    seed: int | bytes = 0,
) -> np.ndarray:
    """(k, k) bool: row entry is significantly better than column entry, familywise over the whole board.

    Paired on the same rows (or groups of rows), max-T over all pairs by sign flips: see `deepdojo.scoring.flips`; on
    at most 12 rows or groups `few_rows`, on more than 1,024 of them by `blocks`. Two entries alone are compared as
    `dojo compare` does. `deepdojo.scoring.standings` keeps the same answer for big boards, entry by entry.

    Args:
        scores: (k,) values of the metric.
        influence: (k, n) per-row influence of each entry on its value.
        groups: (n,) the group of each row: whole groups are flipped.
        draws: sign flips; default: as many as the board's size allows, 399 to 9,999.
        seed: of the flips and the blocks; a host's key (bytes) does as well as a number.
        level: the chance of any false "better" on the board.
    """
    scores = np.asarray(scores, dtype=np.float64)
    influence = np.asarray(influence, dtype=np.float64)
    if influence.ndim != 2 or len(influence) != len(scores):
        raise ScoreError(f"{len(scores)} scores do not go with influences of shape {influence.shape}")
    if len(scores) < 2:
        return np.zeros((len(scores), len(scores)), dtype=bool)
    terms, index = pseudo_values(scores, influence), group_index(groups, influence.shape[1])
    if len(scores) == 2:
        p = np.full((2, 2), pair_p(*group_sums(terms, index), seed=seed))
    else:
        blocks = Blocks(influence.shape[1], index, seed).of(terms)
        p = pairwise_p(blocks, draws=draws, seed=seed, level=level)
    ahead = scores[:, None] > scores[None] if higher_is_better else scores[:, None] < scores[None]
    return ahead & (p <= level)


def ranks(
    scores: Sequence[float] | np.ndarray,
    influence: np.ndarray,
    *,
    higher_is_better: bool,
    groups: np.ndarray | None = None,
    level: float = 0.05,
    draws: int | None = None,
    seed: int | bytes = 0,
) -> list[int]:
    """Rank = 1 + the number of entries that are significantly better (`better`). Neighbours are never chained.

    Example:
        ranks([0.91, 0.90, 0.55], influence, higher_is_better=True)   # [1, 1, 3]: only the last one is surely worse
    """
    beats = better(
        scores, influence, higher_is_better=higher_is_better, groups=groups, level=level, draws=draws, seed=seed
    )
    return [1 + int(count) for count in beats.sum(axis=0)]


def tie_groups(found: Sequence[int]) -> list[list[int]]:
    """Positions of the entries that share a rank, best rank first."""
    together: dict[int, list[int]] = {}
    for position, rank in enumerate(found):
        together.setdefault(rank, []).append(position)
    return [together[rank] for rank in sorted(together)]
