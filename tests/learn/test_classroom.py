"""Progress files of a class, and the table that a host makes of them by grading the files again."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import LAST_AXIS, RIGHT, Run

PASSED = {"state": "passed", "attempts": 2, "hints": 1, "seconds": 90, "check_version": 1, "given_up": False}


def handed_in(folder: Path, name: str, source: str | None, **more: Any) -> None:
    entry = {**PASSED, "file": "a2_softmax.py", "source": source, "file_sha256": None, **more}
    content = {"format": "deepdojo-progress/1", "learner": name, "lessons": {"a2-softmax": entry}}
    (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def test_from_a_learners_export_to_the_hosts_table(tmp_path: Path, place: Path) -> None:
    Run(place, "a2")
    (place / "a2_softmax.py").write_text(RIGHT)
    assert Run(place, "check").code == 0
    class_ = tmp_path / "class"
    class_.mkdir()
    said = Run(place, "export", str(class_ / "ada.json"))
    assert "1 lessons passed" in said.out
    assert "This is no proof" in said.out
    content = json.loads((class_ / "ada.json").read_text(encoding="utf-8"))
    entry = content["lessons"]["a2-softmax"]
    assert (entry["attempts"], entry["sha256"]) == (1, entry["file_sha256"])
    assert "不能作为证明" in content["note"]["zh"]

    handed_in(class_, "bob", LAST_AXIS, file_sha256="0" * 64)  # claims a pass that the file does not bear out
    handed_in(class_, "=cmd()", None, given_up=True)
    (class_ / "broken.json").write_text("{")
    (class_ / "settings.json").write_text("{}")  # none of ours

    refused = Run(tmp_path, "gradebook", str(class_))
    assert refused.code == 2
    assert "the files to grade are Python code from outside" in refused.err
    done = Run(tmp_path, "gradebook", str(class_), "--trust", "--json", "--seed", "7")
    assert done.code == 0, done.err
    lines = {each["learner"]: each for each in done.json["lines"]}
    assert {name: each["graded"] for name, each in lines.items()} == {"ada": "right", "bob": "wrong", "=cmd()": ""}
    assert lines["bob"]["claimed"] == "passed"
    assert "the last axis is normalised" in lines["bob"]["why"]["en"]
    assert (lines["ada"]["same_file"], lines["bob"]["same_file"]) == (True, False)
    assert lines["=cmd()"]["same_file"] is None
    assert done.json["seeds"] == [7, 8]
    assert [*done.json["unreadable"]] == ["broken"]

    with (class_ / "gradebook.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["learner"]: row for row in csv.DictReader(file)}
    assert rows["ada"]["graded"] == "right"
    assert "'=cmd()" in rows, "a spreadsheet takes it for text"
    page = (class_ / "gradebook.html").read_text(encoding="utf-8")
    assert "http" not in page
    assert page.count("<tr>") == 4


def test_without_grading_it_says_what_is_claimed(tmp_path: Path) -> None:
    class_ = tmp_path / "class"
    (class_ / "cleo").mkdir(parents=True)
    handed_in(class_ / "cleo", "progress", "raise SystemExit\n")
    run = Run(tmp_path, "gradebook", str(class_), "--no-grade", "--lang", "zh", "-o", str(tmp_path / "book"))
    assert run.code == 0, run.err
    assert "没有运行任何文件" in run.out
    assert "cleo" in run.out
    assert (tmp_path / "book.html").is_file()
    assert not (class_ / "gradebook.csv").exists()


@pytest.mark.slow
def test_a_hostile_progress_file_is_a_row_and_no_crash(tmp_path: Path) -> None:
    class_ = tmp_path / "class"
    class_.mkdir()
    handed_in(class_, "mallory", "import os\nos._exit(0)\n", attempts=-5, seconds="1e9", file="../../etc/passwd")
    handed_in(class_, "<script>alert(1)</script>".replace("/", ""), RIGHT, state="<b>", passed_at=7)
    (class_ / "deep.json").write_text("[" * 200_000)
    run = Run(tmp_path, "gradebook", str(class_), "--trust", "--json")
    assert run.code == 0, run.err
    assert {each["learner"]: each["graded"] for each in run.json["lines"]}["mallory"] == "wrong"
    assert "<script>" not in (class_ / "gradebook.html").read_text(encoding="utf-8")
