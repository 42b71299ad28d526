"""One metric a file: every module of this folder is loaded, so a new file is a new metric.
Contracts choose the columns; no metric knows a task, a column name or a file."""

from __future__ import annotations

import importlib
import pkgutil

from deepdojo.scoring.metrics.registry import (
    METRICS,
    Columns,
    Metric,
    columns_of,
    metric,
    metric_of,
    metrics_for,
    truth_cells,
)

__all__ = ["METRICS", "Columns", "Metric", "columns_of", "metric", "metric_of", "metrics_for", "truth_cells"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
