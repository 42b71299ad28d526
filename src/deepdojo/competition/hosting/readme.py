"""README.md of a public folder: what to predict, how it is judged, how to enter, what the data may be used for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deepdojo.competition.hosting.program_readme import program_asked, program_entering
from deepdojo.contracts import MEDIA, Contract, KindName
from deepdojo.data.project import Project
from deepdojo.tables import TEXT_FORMS

__all__ = ["readme_text"]


def readme_text(
    project: Project,
    *,
    title: str,
    sample: str,
    rows: Mapping[str, int],
    columns: Mapping[str, str | Sequence[str]],
    public_share: float,
    practice: bool,
    higher_is_better: bool,
    hidden: int | None = None,
) -> str:
    """The page, in Markdown.

    Args:
        sample: name of the sample submission. rows: of each part. columns: role to its columns in the tables.
        hidden: how many test rows only programs see, where programs are sent; None where tables are.
    """
    spec, contract = project.spec, project.contract
    better = "higher is better" if higher_is_better else "lower is better"
    parts = [f"# {title}", f"*{spec.task}*, judged by **{project.metric.removeprefix('python:')}** ({better})."]
    if practice:
        parts.append(
            "This is for practice: the data are public, so the answers of the test rows can be found. A place on the "
            "board says that somebody has predicted them, not that he could not look them up."
        )
    if hidden is None:
        parts += [_data(contract, rows, columns), _asked(contract, sample), _entering(sample)]
    else:
        parts += [_data(contract, rows, columns, hidden=hidden), program_asked(contract, sample), program_entering()]
    parts.append(_board(public_share))
    if spec.licence:
        parts.append(f"## Licence\n\n{spec.licence}")
    if spec.cite:
        parts.append(f"## Cite\n\n{spec.cite}")
    return "\n\n".join(parts) + "\n"


def _data(
    contract: Contract, rows: Mapping[str, int], columns: Mapping[str, str | Sequence[str]], hidden: int | None = None
) -> str:
    def told(role: str, kind: KindName) -> str:
        names = columns[role]
        shown = f"`{names}`" if isinstance(names, str) else f"{len(names):,} columns"
        what = "path of a file below this folder" if kind in MEDIA else "JSON list of names and paths"
        return f"- {shown}: {role}" + (f" ({what})" if kind in MEDIA or kind == "gallery" else f" ({kind})")

    lines = [
        "## Data", "",
        f"- `train.parquet` ({rows['train']:,} rows) and `validation.parquet` ({rows['validation']:,}): with answers.",
        f"- `test.parquet` ({rows['test']:,} rows): without. Predict these." if hidden is None else
        f"- `test.parquet` ({rows['test']:,} rows): examples, held back from the training rows, in the form of the "
        f"{hidden:,} test rows that your program will predict. Those stay with the host.",
        "", "Columns, beside `id`:", "",
        *(told(role, kind) for role, kind in contract.inputs.items()),
        *(f"- `{columns[role]}`: the answer ({kind}); not in the test rows" for role, kind in contract.targets.items()),
    ]  # fmt: skip
    return "\n".join(lines)


def _asked(contract: Contract, sample: str) -> str:
    forms = [f"- `{name}`: {TEXT_FORMS[kind]}" for name, kind in contract.predictions.items()]
    return "\n".join([
        "## What to send", "",
        f"One row for each id of `test.parquet`, in any order, as `{sample}` has them; CSV, TSV, JSON lines or Parquet"
        " (or a zip with a `predictions.csv` and the files that it names). In CSV a cell is written so:",
        "", "- `id`: as in `test.parquet`", *forms,
        "", "Only the column that the metric reads must be there.",
    ])  # fmt: skip


def _entering(sample: str) -> str:
    return "\n".join([
        "## How to enter", "",
        "This folder is a project of DeepDojo:", "",
        "```", "dojo check .", "dojo train .", "dojo submit RUN ADDRESS", "```", "",
        "`dojo train` leaves the predictions of the test rows in the run; `dojo predict RUN test.parquet -o mine.csv`"
        f" makes them again. Any other program in any language will do, too: `dojo submit mine.csv ADDRESS`, where"
        f" `mine.csv` is like `{sample}`.",
    ])  # fmt: skip


def _board(public_share: float) -> str:
    return (
        "## The boards\n\n"
        f"About {100 * public_share:.0f} % of the test rows judge entries on the public board while the competition "
        "runs; the others decide at its end. Which row is which is not told."
    )
