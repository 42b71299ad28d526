"""Cells that are labels: one, several, and those that [labels] names or corrects."""

from __future__ import annotations

import csv
import io

from deepdojo.contracts import contract_of
from deepdojo.data.cells import MISSING_LABELS, as_text, parse_number
from deepdojo.data.cells_text import texts_of
from deepdojo.data.files import Files
from deepdojo.data.raw_columns import Make, RawColumns, Reject
from deepdojo.data.readers import RawRow
from deepdojo.data.spec import ProjectSpec
from deepdojo.errors import ProjectError, UnknownNameError

__all__ = ["LABEL_SIGNS", "corrections_of", "label_cells", "labels_cells"]

LABEL_SIGNS = "|;,"
"""What may stand between the labels of a cell, the surest first."""


def label_cells(columns: RawColumns, role: str) -> Make:
    """A label by its name; of an ordered task that must be a number, which says its place."""
    column, named = columns.of(role), columns.label_names

    def make(raw: RawRow) -> str:
        text = (as_text(columns.cell(raw, column)) or "").strip()
        if text in MISSING_LABELS:
            raise Reject(f"the {role} is missing")
        found = named.get(text, text)
        if columns.contract.ordered and parse_number(found) is None:
            raise Reject(f"the grade {found[:40]!r} is no number, so its place is not known: give [labels] names")
        return found

    return make


def labels_cells(columns: RawColumns, role: str) -> Make:
    """Several labels, each once; none is an answer, too."""
    column, named, parted = columns.of(role), columns.label_names, columns.spec.labels.parted_by

    def make(raw: RawRow) -> list[str]:
        cell = columns.cell(raw, column)
        if cell is None:
            raise Reject(f"the {role} are missing")
        parts = cell if isinstance(cell, list | tuple) else _parted(as_text(cell) or "", parted)
        found = [(as_text(part) or "").strip() for part in parts]
        return list(dict.fromkeys(named.get(part, part) for part in found if part))

    return make


def _parted(text: str, sign: str | None) -> list[str]:
    """Labels of a JSON list, or parted by a sign; None: by the first of `LABEL_SIGNS` that occurs."""
    if text.lstrip().startswith("["):
        return texts_of(text)
    return text.split(sign or next((sign for sign in LABEL_SIGNS if sign in text), "|"))


def corrections_of(spec: ProjectSpec, files: Files) -> dict[str, str]:
    """id -> label of [labels] corrections. Raises UnknownNameError or SourceError for a file without the columns, or
    none."""
    if contract_of(spec.task).target_kind != "label":
        raise ProjectError("corrections are of labels, and this task has none", where="labels.corrections")
    found = {}
    name = str(spec.labels.corrections)
    with io.TextIOWrapper(files.open(name), "utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        for column in ("id", "label"):
            if column not in (reader.fieldnames or ()):
                raise UnknownNameError("column", column, reader.fieldnames or (), where=f"labels.corrections: {name}")
        for row in reader:
            if row["id"] and (row["label"] or "").strip():
                found[row["id"]] = row["label"].strip()
    return found
