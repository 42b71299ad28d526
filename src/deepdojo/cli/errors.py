"""`dojo errors`: what a run got wrong, and which labels it doubts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from deepdojo.cli.options import Json, Offline, RunName, Trust, option
from deepdojo.cli.output import answer, clip, next_step, out, paragraph, print_json, quoted, table
from deepdojo.cli.words import plural
from deepdojo.errors import UsageError

__all__ = ["errors"]


def errors(
    run: RunName,
    /,
    *,
    suspect_labels: Annotated[bool, option("Doubt labels that it learned from; trains five times.", "What")] = False,
    n: Annotated[int, option("How many rows.", "What")] = 50,
    output: Annotated[Path | None, option("Write all of them to a .csv file.", "Output", short="-o")] = None,
    offline: Offline = False,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """List a run's worst errors, or doubtful labels.

    dojo errors last                          held-out rows, the worst first
    dojo errors last --suspect-labels         training rows with doubtful labels
    dojo errors last --suspect-labels -o mend.csv     all of them, to be mended

    Mend the column label of the file, and name it in project.toml:
    [labels] corrections = "mend.csv"
    """
    from deepdojo import api
    from deepdojo.cli.terminal import TerminalListener

    if n < 1:
        raise UsageError(f"{n} rows are none to list", where="--n", todo="give 1 or more")
    listener = TerminalListener()
    try:
        found: dict[str, Any] = api.errors(
            run, suspect_labels=suspect_labels, n=n, output=output, listener=listener, offline=offline, trust=trust
        )
    finally:
        listener.finish()
    if json:
        print_json(found)
        return
    (_suspects if suspect_labels else _worst)(found)
    if output is not None:
        out(f"{plural(found['written'], 'row')} written · {output}")
    if suspect_labels and output is not None:
        out("Mend its column label, then name it in project.toml: [labels] corrections = ...")
        next_step(f"dojo train {quoted(found['project'])}", "with the mended labels")
    elif suspect_labels:
        next_step(f"dojo errors {quoted(run)} --suspect-labels -o suspects.csv", "all of them, to mend")
    elif found["labels"]:
        next_step(f"dojo errors {quoted(run)} --suspect-labels", "labels that it learned from and that may be wrong")


def _worst(found: dict[str, Any]) -> None:
    rows = found["rows"]
    answer([(plural(len(rows), "held-out row"), "bold"), ("the worst first", "")])
    if not rows:
        return
    out()
    table(
        [[_place(r), clip(_said(r["truth"]), 14), clip(_said(r["predicted"]), 14), _p(r["probability"]), _line(r)]
         for r in rows],
        ("where", "truth", "predicted", "p", "text"), right=[3],
    )  # fmt: skip


def _suspects(found: dict[str, Any]) -> None:
    wrong = found["wrong"]
    estimate = f"{100 * wrong['value']:.1f} % [{100 * wrong['low']:.1f}, {100 * wrong['high']:.1f}]"
    answer([
        (f"{found['suspects']:,} of {found['judged']:,} labels are doubted", "bold"),
        (f"estimated wrong {estimate}", ""),
    ])  # fmt: skip
    if not found["rows"]:
        return
    out()
    table(
        [[_place(r), clip(str(r["given"]), 14), clip(str(r["suggested"]), 14), _p(r["p_suggested"]), _line(r)]
         for r in found["rows"]],
        ("where", "given", "suggested", "p", "text"), right=[3],
    )  # fmt: skip
    out()
    paragraph(
        "The estimate counts what models are sure of. Labels that are wrong in a way that can be learned are not seen.",
        style="dim",
    )


def _place(row: dict[str, Any]) -> str:
    file = clip(Path(str(row["file"])).name, 20)
    return file if row["line"] is None else f"{file}:{row['line']}"


def _said(cell: Any) -> str:
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def _p(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _line(row: dict[str, Any]) -> str:
    return clip(" ".join(str(row["text"]).split()), 22)
