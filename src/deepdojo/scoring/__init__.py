"""From a table of predictions to a score, its interval, a paired comparison and a rank. Torch-free, and without scipy.
What lives elsewhere: cells and files in `tables`, columns in `contracts`, training and pages nowhere near."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# First and not lazily: the module `score`, imported later, would take the place of the function of its name.
from deepdojo.scoring.score import Score, paired_scores, score

if TYPE_CHECKING:
    from deepdojo.scoring.custom import load_metric, score_with_file
    from deepdojo.scoring.measured import Difference, Measured, from_mean, from_sums, paired, paired_influence
    from deepdojo.scoring.metrics import METRICS, Metric, columns_of, metric, metric_of, metrics_for
    from deepdojo.scoring.ranking import better, ranks, tie_groups
    from deepdojo.scoring.submission import Manifest, Submission

_WHERE = {
    "custom": ("load_metric", "score_with_file"),
    "measured": ("Difference", "Measured", "from_mean", "from_sums", "paired", "paired_influence"),
    "metrics": ("METRICS", "Metric", "columns_of", "metric", "metric_of", "metrics_for"),
    "ranking": ("better", "ranks", "tie_groups"),
    "submission": ("Manifest", "Submission"),
}

__all__ = [
    "METRICS",
    "Difference",
    "Manifest",
    "Measured",
    "Metric",
    "Score",
    "Submission",
    "better",
    "columns_of",
    "from_mean",
    "from_sums",
    "load_metric",
    "metric",
    "metric_of",
    "metrics_for",
    "paired",
    "paired_influence",
    "paired_scores",
    "ranks",
    "score",
    "score_with_file",
    "tie_groups",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    for module, names in _WHERE.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
