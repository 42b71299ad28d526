"""`dojo predict`: answers for new rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from deepdojo.cli.options import Json, RunName, Trust, option
from deepdojo.cli.output import err, next_step, out, print_json, quoted, table
from deepdojo.cli.words import plural

__all__ = ["predict"]

_SHOWN = 10


def predict(
    run: RunName,
    rows: Annotated[Path, option("A file or folder like the training data; targets are not needed.", "Arguments")],
    /,
    *,
    output: Annotated[Path | None, option("Write it to a .csv, .jsonl or .parquet file.", "Output", short="-o")] = None,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Predict new rows with a run.

    dojo predict last new.csv                      the first answers on the screen
    dojo predict last new.csv -o predictions.csv   all of them in a file
    dojo predict 2026-11-24-0640 photos/ -o out.parquet
    """
    from deepdojo import api
    from deepdojo.cli.terminal import TerminalListener

    listener = TerminalListener()
    try:
        listener.stage("predicting", rows.name)
        found, rejected = api.predict(run, rows, output=output, listener=listener, trust=trust)
    finally:
        listener.finish()
    answers = list(found.rows())
    if json:
        print_json({"n": len(answers), "rejected": len(rejected), "output": str(output)} if output else answers)
        return
    for item in rejected[:3]:
        err(f"left out: {item.id or item.line or item.file}: {item.reason}")
    if len(rejected) > 3:
        err(f"left out: {plural(len(rejected) - 3, 'more row')}")
    if rejected and output is not None:
        err(f"left out: all {len(rejected):,} are listed in {output.with_suffix('.rejected.csv')}")
    if output is not None:
        out(f"{plural(len(answers), 'row')} predicted · {output}")
        next_step(f"dojo report {quoted(run)} --open", "how far to trust them")
        return
    names = [name for name in found.columns if name != "probabilities"]
    table([[_cell(row[name]) for name in names] + [_sure(row)] for row in answers[:_SHOWN]], [*names, "probability"]
          if "probabilities" in found.columns else [*names, ""])  # fmt: skip
    if len(answers) > _SHOWN:
        out(f"… and {plural(len(answers) - _SHOWN, 'more row')}")
    next_step(f"dojo predict {quoted(run)} {quoted(rows)} -o predictions.csv", "all of them, in a file")


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _sure(row: dict[str, Any]) -> str:
    """The probability of the answer."""
    probabilities = row.get("probabilities")
    if not isinstance(probabilities, dict) or not probabilities:
        return ""
    p = probabilities.get(row.get("label"), max(probabilities.values()))
    return f"{p:.2f}"
