"""Sensitivity and specificity: of two labels, what a test finds of the one and leaves alone of the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from deepdojo.errors import ScoreError
from deepdojo.scoring.measured import Measured, from_rate
from deepdojo.scoring.metrics.registry import metric

__all__ = ["sensitivity", "specificity"]


@metric(
    truth="label",
    predicted="label",
    positive=True,
    higher_is_better=True,
    title="sensitivity",
    percent=True,
    goal="no case may be missed",
)
def sensitivity(truth: Sequence[tuple[str, str]], predicted: Sequence[str]) -> Measured:
    """Share of the positive rows that are called positive: true positives / (true positives + missed ones).

    Also called recall, or the true positive rate; equal to scikit-learn's `recall_score` with `pos_label`. Judge it
    beside specificity: whoever calls all rows positive has 1.

    Args:
        truth: (label, positive label) of each row.

    Source: Yerushalmy 1947, "Statistical problems in assessing methods of medical diagnosis"
    """
    return _found([label == positive for label, positive in truth], truth, predicted, "positive")


@metric(
    truth="label",
    predicted="label",
    positive=True,
    higher_is_better=True,
    title="specificity",
    percent=True,
    goal="no healthy one may be alarmed",
)
def specificity(truth: Sequence[tuple[str, str]], predicted: Sequence[str]) -> Measured:
    """Share of the other rows that are not called positive: true negatives / (true negatives + false alarms).

    Judge it beside sensitivity: whoever calls no row positive has 1.

    Args:
        truth: (label, positive label) of each row.

    Source: Yerushalmy 1947, "Statistical problems in assessing methods of medical diagnosis"
    """
    return _found([label != positive for label, positive in truth], truth, predicted, "negative")


def _found(asked: Sequence[bool], truth: Sequence[tuple[str, str]], predicted: Sequence[str], side: str) -> Measured:
    """The share of the rows asked about that stand on their own side. Raises ScoreError where there are none."""
    of = np.array(asked, dtype=np.float64)
    if not of.any():
        raise ScoreError(f"no row is {side}", todo="look whether positive in project.toml is a label of these rows")
    same = [(said == positive) == (label == positive) for (label, positive), said in zip(truth, predicted, strict=True)]
    right = np.array(same, dtype=np.float64)
    return replace(from_rate(of * right, of, losses=of * (1 - right), upper=1.0), effective_n=int(of.sum()))
