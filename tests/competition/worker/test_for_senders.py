"""What an entrant reads of a fault names nothing that he does not have."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import deepdojo
from deepdojo.competition.worker.for_senders import for_sender
from deepdojo.errors import ScoreError
from deepdojo.tables import Table, align

SOURCE = Path(deepdojo.__file__).parent
FOLDERS = ("scoring", "scoring/metrics", "competition/worker")
READERS = [SOURCE / "tables.py", SOURCE / "tables_io.py", *(p for f in FOLDERS for p in (SOURCE / f).glob("*.py"))]


def advice() -> set[str]:
    """Every `todo` of our readers and metrics, blanks as {}."""
    found = set()
    for path in READERS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "todo":
                parts = getattr(node.value, "values", [node.value])
                found.add("".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts))
    return found


def test_no_advice_to_a_sender_names_a_run_or_a_project():
    told = [for_sender({"error": "x", "where": None, "todo": todo})["todo"] or "" for todo in advice()]
    assert len(told) > 30
    assert [todo for todo in told if "RUN" in todo or "project.toml" in todo or "decode" in todo] == []


@pytest.mark.parametrize("ids", [["a"], ["a", "a", "b"], ["a", "b", "c"]])
def test_missing_doubled_and_foreign_ids_are_told_by_the_sample(ids):
    with pytest.raises(ScoreError) as refused:
        align(["a", "b"], Table({"id": ids, "label": ["x"] * len(ids)}, "mine.csv"))
    told = for_sender(refused.value.as_json())
    assert told["where"] == "mine.csv"
    assert "sample_submission" in str(told["todo"])


def test_other_advice_stays_as_it_is():
    fault = {"error": "the file is empty", "where": "a.csv", "todo": "give every row its id"}
    assert for_sender(fault) == fault
