"""Of the README of a code competition's public folder: what a program gets, what it must write, how to send it."""

from __future__ import annotations

from deepdojo.contracts import MEDIA, Contract
from deepdojo.tables import TEXT_FORMS

__all__ = ["program_asked", "program_entering"]


def program_asked(contract: Contract, sample: str) -> str:
    """What to send, and in which form the program's table must be."""
    forms = [f"- `{name}`: {TEXT_FORMS[kind]}" for name, kind in contract.predictions.items()]
    media = any(kind in MEDIA for kind in contract.predictions.values())
    table = "a zip with a `predictions.csv` and the files that it names" if media else "a CSV table"
    return "\n".join([
        "## What to send", "",
        "A folder with a program, `predict.py` at its top, which the server runs on the hidden test rows:",
        "", "```", "python predict.py INPUT OUTPUT", "```", "",
        "- `INPUT` is a folder like this one: `test.parquet` (and `files/` where the rows have pictures or sounds),"
        " with other rows, and neither the training nor the validation rows.",
        f"- `OUTPUT` is the path of {table} that it writes: one row for each id of `test.parquet`, in any order, as"
        f" `{sample}` has them for the examples.",
        "- It runs in its own folder, where all that you sent lies (read-only), with the server's Python, numpy, duckdb"
        " (which reads Parquet), torch and deepdojo. It has no network, one core, no GPU, and may write to `/tmp`"
        " alone. The rules say how long it may run and how much memory it may use.",
        "- Weights go into safetensors: pickles (`.pt`, `.pkl`, joblib) are refused.",
        "- Of a program that fails you are told which limit it broke, or its exit code, the kind of exception and the"
        " line in your file; not what it printed, unless the host lets you see that.",
        "", "The table's cells are written so:", "", "- `id`: as in `test.parquet`", *forms,
        "", "Only the column that the metric reads must be there. Try it here first: `python predict.py . mine.csv`.",
    ])  # fmt: skip


def program_entering() -> str:
    """How to enter, by a program or by a run."""
    return "\n".join([
        "## How to enter", "",
        "```", "dojo submit FOLDER ADDRESS          # a folder with predict.py", "```", "",
        "This folder is also a project of DeepDojo, and a run of it may be sent instead; the server then has it predict"
        " the hidden rows:", "",
        "```", "dojo check .", "dojo train .", "dojo submit RUN ADDRESS", "```",
    ])  # fmt: skip
