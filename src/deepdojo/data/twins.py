"""Rows to learn from whose input is tested on, too: left out, so that no score praises memory.

Held-out rows stay as they are, whatever they hold. A row to train on goes when its input is also validated or tested
on, a row to validate on when its input is also tested on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from deepdojo.data.project import Project
from deepdojo.data.rowset import hash_of

__all__ = ["TWIN", "TWIN_NAME", "TWIN_REASON", "drops_twins", "mark_twins"]

TRAIN, VALIDATION, TEST = 0, 1, 2
TWIN = 254
"""The number of a part, beside those of `SPLITS`."""
TWIN_NAME = "left out"
TWIN_REASON = "the same input is validated or tested on"

_MEASUREMENTS = ("record", "number", "vector", "matrix", "skeleton")


def drops_twins(project: Project) -> bool:
    """What [split] twins says; unsaid, equal texts and pictures are copies, measurements are different cases that
    look alike, `repeats = "apart"` asks for rows that are drawn one by one, as in many papers, and running text
    (language modelling) is read as it stands."""
    split, contract = project.spec.split, project.contract
    if split.twins is not None:
        return split.twins == "drop"
    return split.repeats == "together" and contract.input_kind not in _MEASUREMENTS and not contract.host_run


def mark_twins(parts: np.ndarray, keys: Sequence[str] | Iterable[str]) -> np.ndarray:
    """(n,) uint8 parts with `TWIN` for the rows that are left out.

    Args:
        parts: places in `SPLITS`.
        keys: equal for rows of equal inputs. 64 bits of each are compared: eight bytes a row, and different inputs
            among a million have equal bits with probability 3e-8.
    """
    bits = np.fromiter((hash_of(key) for key in keys), dtype=np.uint64, count=len(parts))
    tested = np.unique(bits[parts == TEST])
    judged = np.union1d(tested, bits[parts == VALIDATION])
    twin = ((parts == TRAIN) & np.isin(bits, judged)) | ((parts == VALIDATION) & np.isin(bits, tested))
    return np.where(twin, TWIN, parts).astype(np.uint8)
