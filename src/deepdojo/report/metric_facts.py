"""What each metric's `@metric(...)` line says about itself, read from the source: a page or a terminal needs its words,
and importing numpy for them would cost every `dojo list` 0.2 s."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["metric_facts", "metric_title"]

METRICS_FOLDER = Path(__file__).parents[1] / "scoring" / "metrics"


@cache
def metric_facts() -> Mapping[str, Mapping[str, Any]]:
    """Metric -> the keywords of its decorator that stand there: title, percent, higher_is_better, unit, goal, ..."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(METRICS_FOLDER.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                for line in node.decorator_list:
                    if isinstance(line, ast.Call) and getattr(line.func, "id", "") == "metric":
                        given = {str(k.arg): k.value for k in line.keywords}
                        found[node.name] = {k: v.value for k, v in given.items() if isinstance(v, ast.Constant)}
    return found


def metric_title(metric: str) -> str:
    """A metric's name in running text: its title, or its own name in words; a project's own metric as it stands."""
    title = metric_facts().get(metric, {}).get("title")
    return str(title) if title else metric if ":" in metric else metric.replace("_", " ")
