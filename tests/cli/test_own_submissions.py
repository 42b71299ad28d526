"""`dojo board ADDRESS --mine`: the lines of a team's own submissions."""

from __future__ import annotations

from typing import Any

from deepdojo.cli.own_submissions import _line

TOLD = {"metric": "accuracy"}


def row(low: float | None, high: float | None) -> dict[str, Any]:
    return {"id": "x", "created": 0.0, "state": "scored", "value": 0.6296296296296297, "low": low, "high": high,
            "chosen": False, "file_name": "mine.csv", "note": ""}  # fmt: skip


def test_one_shown_value_is_written_with_the_same_digits_whether_the_entry_moved_the_row_or_not():
    bounds = {0.6296296296296297: (0.496, 0.746)}
    assert _line(TOLD, row(None, None), bounds) == _line(TOLD, row(0.496, 0.746), bounds)
    assert _line(TOLD, row(0.496, 0.746), bounds)[2] == "63"
