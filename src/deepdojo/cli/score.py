"""`dojo score`: how good is a table of predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from deepdojo.cli.options import Json, Offline, Trust, option
from deepdojo.cli.output import next_step, out, print_json, quoted, styled
from deepdojo.cli.words import score_phrase

__all__ = ["score"]


def score(
    project: Annotated[str, option("A project: its folder or a built-in name.", "Arguments")],
    predictions: Annotated[Path, option("A table with id and the project's columns, or a zip with one.", "Arguments")],
    /,
    *,
    offline: Offline = False,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Score a table of predictions, whoever made it.

    dojo score digits predictions.csv          on the project's held-out rows
    dojo score reviews out.parquet --json      score, interval, n
    dojo score digits submission.zip           predictions.csv or .parquet inside
    """
    from deepdojo import api

    found = api.score(project, predictions, trust=trust, offline=offline)
    if json:
        print_json({"project": project, "metric": found.metric, "score": found.value, "low": found.low,
                    "high": found.high, "n": found.n, "interval": found.interval})  # fmt: skip
        return
    text = score_phrase(found.metric, found.value, found.low, found.high, found.n)
    out(f"{styled(project, 'bold')} · {predictions.name} · {styled(text, 'bold')}")
    next_step(f"dojo board {quoted(project)}", "against the runs of this project")
