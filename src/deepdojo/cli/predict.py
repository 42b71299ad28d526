"""`dojo predict`: answers for new rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from deepdojo.cli.options import Json, RunName, Trust, option
from deepdojo.cli.output import err, next_step, out, print_json, quoted, table
from deepdojo.cli.words import plural
from deepdojo.errors import UsageError

__all__ = ["predict"]

_SHOWN = 10


def predict(
    run: RunName,
    /,
    *rows: Annotated[Path, option("A file or folder like the training data; targets are not needed.", "Arguments")],
    prompt: Annotated[str | None, option("A text to go on with, of a language model.", "Writing")] = None,
    count: Annotated[int, option("How many characters (or words) to add.", "Writing")] = 300,
    temperature: Annotated[float, option("Below 1 it takes fewer risks; 0 takes the likeliest.", "Writing")] = 0.8,
    top_k: Annotated[int | None, option("Draw from the so many likeliest alone.", "Writing")] = None,
    top_p: Annotated[float | None, option("Draw from the likeliest of this share alone.", "Writing")] = None,
    seed: Annotated[int, option("Another seed writes another text.", "Writing")] = 0,
    output: Annotated[
        Path | None,
        option("Write it to a .csv, .jsonl or .parquet file; sounds and pictures to a .zip.", "Output", short="-o"),
    ] = None,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Predict new rows with a run, or with what was exported of it.

    dojo predict last new.csv                      the first answers on the screen
    dojo predict last new.csv -o predictions.csv   all of them in a file
    dojo predict FOLDER new.csv -o out.csv         with the folder of dojo export
    dojo predict last --prompt "ROMEO:" --count 300
    """
    if len(rows) > 1:  # what a shell makes of *.jpg
        raise UsageError(
            f"{len(rows):,} files are given, and one file or one folder is read", where=f"{rows[0]} {rows[1]}",
            todo="put them into one folder and give that",
        )  # fmt: skip
    _predict(run, rows[0] if rows else None, prompt, count, temperature, top_k, top_p, seed, output, trust, json)


def _predict(
    run: str, rows: Path | None, prompt: str | None, count: int, temperature: float, top_k: int | None,
    top_p: float | None, seed: int, output: Path | None, trust: bool, json: bool,
) -> None:  # fmt: skip
    from deepdojo import api
    from deepdojo.cli.terminal import TerminalListener

    if (rows is None) == (prompt is None):
        raise UsageError(
            "give ROWS to predict, or a --prompt to go on with", todo="for example dojo predict last new.csv"
        )
    if rows is None:
        if output is not None:
            raise UsageError("it goes with ROWS alone", where="-o", todo="write the text to a file with >")
        text = api.load(run).write(prompt or "", count, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed)
        if json:
            print_json({"prompt": prompt, "seed": seed, "text": text})
        else:
            out(text)
        return
    listener = TerminalListener()
    try:
        listener.stage("predicting", rows.name)
        found, rejected = api.predict(run, rows, output=output, listener=listener, trust=trust)
    finally:
        listener.finish()
    answers = list(found.rows())
    media = [name for name, cell in answers[0].items() if isinstance(cell, bytes)] if answers else []
    if media and json and not output:
        raise UsageError(f"{media[0]} is a file, which JSON does not hold", where="--json", todo="give -o OUT.zip")
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
        if not (Path(run) / "export.json").is_file():  # an exported model has no report
            next_step(f"dojo report {quoted(run)} --open", "how far to trust them")
        return
    names = [name for name in found.columns if name != "probabilities"]
    table([[_cell(row[name]) for name in names] + [_sure(row)] for row in answers[:_SHOWN]], [*names, "probability"]
          if "probabilities" in found.columns else [*names, ""])  # fmt: skip
    if len(answers) > _SHOWN:
        out(f"… and {plural(len(answers) - _SHOWN, 'more row')}")
    next_step(
        f"dojo predict {quoted(run)} {quoted(rows)} -o predictions.{'zip' if media else 'csv'}",
        "all of them, in a file",
    )


def _cell(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], list | tuple):  # boxes
        return ", ".join(" ".join(f"{v:.3g}" if isinstance(v, float) else str(v) for v in each) for each in value)
    if isinstance(value, list):
        return " ".join(map(str, value))
    if getattr(value, "ndim", 0) and value.size > _SHOWN:
        return f"{value.size:,} numbers"
    if isinstance(value, bytes):
        return f"a file of {len(value) / 1000:,.0f} kB"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _sure(row: dict[str, Any]) -> str:
    """The probability of the answer."""
    probabilities = row.get("probabilities")
    if not isinstance(probabilities, dict) or not probabilities:
        return ""
    p = probabilities.get(row.get("label"), max(probabilities.values()))
    return f"{p:.2f}"
