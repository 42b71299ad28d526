"""Occlusion: delete each piece by itself and see how much evidence goes with it."""

from __future__ import annotations

import numpy as np

from deepdojo.explain.evidence import Probe

__all__ = ["occlusion"]


def occlusion(probe: Probe) -> tuple[np.ndarray, int]:
    """score_i = evidence(row) - evidence(row without unit i), shared equally among the pieces of unit i.

    Returns:
        scores (P,) float64, > 0 for what speaks for the decision; and the number of passes.

    Cost: one forward pass a unit, and one for the whole row.

    Source: Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks", section 4.2
    """
    deleted = np.concatenate([np.zeros((1, probe.units), dtype=bool), np.eye(probe.units, dtype=bool)])
    evidence = probe.after(deleted)
    lost = evidence[0] - evidence[1:]
    unit = probe.unit.cpu().numpy()
    return (lost / np.bincount(unit, minlength=probe.units))[unit], len(deleted)
