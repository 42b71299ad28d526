"""A learner's functions of plain vectors where decisions are explained: each is compared with ours on every row.

Legend: D numbers of a row that change on the path, P pieces, G units of a row.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.explain.evidence import Probe
from deepdojo.explain.integrated_gradients import STEPS, by_piece, integrated_gradients, path_of
from deepdojo.layers import current

__all__ = ["area_under_deletion", "deletion_auc", "gradients"]

NEAR = 1e-3
"""Of the largest score: float32 passes of other batches are no nearer."""


def gradients(probe: Probe) -> tuple[np.ndarray, int] | None:
    """`integrated_gradients`, by a learner's f, x, baseline, steps where there is one.

    Raises: RecipeError where its scores are not ours.
    """
    explain = current("integrated_gradients", integrated_gradients)
    ours = integrated_gradients(probe)
    if explain is integrated_gradients or ours is None:
        return ours
    path = path_of(probe)
    if path is None:
        return ours
    kernels = torch.backends.cudnn.flags(enabled=False) if probe.device.type == "cuda" else nullcontext()
    with kernels, torch.enable_grad():
        shares = explain(path.evidence, path.x, path.blank, STEPS)[0]
    found = by_piece(path, shares, len(probe.labels))
    _require_near("integrated_gradients", found, ours[0])
    return found, ours[1] + 2 * STEPS


def deletion_auc(f: Callable[[Tensor], Tensor], x: Tensor, attribution: Tensor, baseline: Tensor) -> Tensor:
    """(B,) area under f over the share of inputs that are replaced by the baseline, the largest attribution first.

    The curve has D + 1 points joined by straight lines.

    Args:
        f: (N, D) -> (N,). x, attribution, baseline: (B, D).

    Source: Petsiuk, Das & Saenko 2018, "RISE: randomized input sampling for explanation", section 4.3.
    """
    order = attribution.argsort(dim=1, descending=True, stable=True)
    rank = order.argsort(1)
    values = [f(torch.where(rank < k, baseline, x)) for k in range(x.shape[1] + 1)]
    return torch.trapezoid(torch.stack(values, 1), dx=1 / x.shape[1], dim=1)


def area_under_deletion(probe: Probe, scores: np.ndarray) -> float | None:
    """The area under the likelihood of the decision while units are deleted, by a learner's `deletion_auc`; None where
    there is none: a pass a unit is too dear for a figure that judges nothing here.

    Args:
        scores: (G,) of the units.

    Raises: RecipeError where it gives another area than ours.
    """
    measure = current("deletion_auc", deletion_auc)
    if measure is deletion_auc:
        return None

    def likelihood(there: Tensor) -> Tensor:
        return torch.from_numpy(np.exp(probe.after(there.numpy() < 0.5)))

    x = torch.ones(1, probe.units, dtype=torch.float64)
    given: tuple[Any, ...] = (likelihood, x, torch.from_numpy(scores).double()[None], torch.zeros_like(x))
    found, ours = (each(*given).detach().numpy() for each in (measure, deletion_auc))
    if len(np.unique(scores)) == len(scores):  # of equal scores any order is right
        _require_near("deletion_curve", found, ours)
    return float(found[0])


def _require_near(name: str, found: np.ndarray, wanted: np.ndarray) -> None:
    apart = float(np.abs(found - wanted).max(initial=0.0))
    if not apart <= NEAR * max(1e-6, float(np.abs(wanted).max(initial=0.0))):
        raise RecipeError(
            f"{name} gives numbers that lie {apart:.2g} from the built-in's", where=name,
            todo="compare both on small numbers, as dojo grade does",
        )  # fmt: skip
