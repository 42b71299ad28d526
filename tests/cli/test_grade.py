"""`dojo grade` and `dojo lessons`: exit codes, languages, JSON, bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deepdojo.grader.lessons import find_lesson
from deepdojo.grader.loading import load_check

from .conftest import Dojo


def test_right_is_0_and_says_why(dojo: Dojo, tmp_path: Path) -> None:
    (tmp_path / "softmax.py").write_text(find_lesson("a2").solution)
    said = dojo("grade", "softmax.py")
    assert said.code == 0
    cases = len(load_check(find_lesson("a2")).cases)
    assert said.out.startswith(f"✓ softmax: {cases} cases, values, 1 gradient, float32")
    assert "# Why it works" in said.out
    assert "# 为什么可行" in dojo("grade", "softmax.py", "--lang", "zh").out
    assert json.loads(dojo("grade", "softmax.py", "--json").out)["verdict"] == "pass"


def test_the_locale_chooses_the_language(dojo: Dojo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.py").write_text("def softmax(x, dim):\n    return x\n")
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    said = dojo("grade", "a.py")
    assert said.code == 1
    assert "输出不对" in said.out
    assert "the output is wrong" in dojo("grade", "a.py", "--lang", "en").out


def test_not_yet_is_1_with_the_traceback_behind(dojo: Dojo, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def softmax(x, dim):\n    print('here')\n    return x / oops\n")
    said = dojo("grade", "a.py")
    assert said.code == 1
    assert "NameError: name 'oops' is not defined" in said.out
    assert "a.py, line 3:  return x / oops" in said.out
    assert "Traceback" not in said.out
    assert "│ here" in said.out
    assert "Traceback" in dojo("grade", "a.py", "--trace").out


@pytest.mark.parametrize(
    ("text", "args", "said"),
    [
        ("def sofmax(x, dim): ...", (), "did you mean 'softmax'?"),
        ("x = 1", (), "defines no function of a lesson"),
        ("def softmax(x, dim): ...", ("--lesson", "a2-sofmax"), "did you mean 'a2-softmax'?"),
        ("def softmax(x, dim): ...", ("--lang", "fr"), "no language is named 'fr'"),
    ],
)
def test_bad_input_is_2(dojo: Dojo, tmp_path: Path, text: str, args: tuple[str, ...], said: str) -> None:
    (tmp_path / "a.py").write_text(text)
    answer = dojo("grade", "a.py", *args)
    assert answer.code == 2
    assert said in answer.err


def test_a_missing_file_is_2(dojo: Dojo) -> None:
    answer = dojo("grade", "nothing.py")
    assert answer.code == 2
    assert "nothing.py: there is no such file" in answer.err


def test_a_new_lesson_goes_through_the_gate(dojo: Dojo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPDOJO_CONFIG", str(tmp_path / "config"))  # where it is remembered what may run
    made = dojo("lessons", "new", "lessons/x1-double")
    assert made.code == 0
    said = dojo("lessons", "check", "lessons/x1-double", "--seeds", "3")
    assert said.code == 0, said.out
    assert "2 mistakes named, 2 right solutions, 3 seeds" in said.out
    (tmp_path / "mine.py").write_text("def double(x):\n    return x ** 2\n")
    wrong = dojo("grade", "mine.py", "--lessons", "lessons")
    assert "x is squared, not doubled" in wrong.out
    check = tmp_path / "lessons/x1-double/check.py"
    check.write_text(f"{check.read_text()}# {tmp_path}\n")
    for given in (("--lessons", "lessons"), ("--lesson", "lessons/x1-double")):
        asked = dojo("grade", "mine.py", *given)
        assert (asked.code, asked.out) == (2, "")
        assert "the lesson's check is Python code that would run here; read it, then give --trust" in asked.err
    assert dojo("grade", "mine.py", "--lesson", "lessons/x1-double", "--trust").code == 1
    right = check.with_name("solution.py").rename(tmp_path / "right.py")
    check.with_name("solution.py").write_bytes(right.read_bytes())
    assert dojo("grade", "right.py", "--lesson", "lessons/x1-double").code == 0
    again = dojo("lessons", "new", "lessons/x1-double")
    assert (again.code, "is not empty" in again.err) == (2, True)
    assert dojo("lessons", "new", "lessons/double").code == 2


def test_the_gate_names_what_is_wrong(dojo: Dojo, tmp_path: Path) -> None:
    dojo("lessons", "new", "lessons/x1-double")
    check = tmp_path / "lessons/x1-double/check.py"
    text = check.read_text()
    check.write_text(text.replace('"2 * x", "1 * x"', '"2 * x", "x + x"'))
    (tmp_path / "lessons/x1-double/notes.txt").write_text("")
    said = dojo("lessons", "check", "lessons/x1-double", "--seeds", "2")
    assert said.code == 1
    assert "notes.txt belongs to no lesson" in said.out
    (tmp_path / "lessons/x1-double/notes.txt").unlink()
    (tmp_path / "lessons/x1-double").rename(tmp_path / "lessons/x2-double")  # a check is loaded once in a process
    said = dojo("lessons", "check", "lessons/x2-double", "--seeds", "2", "--json")
    assert said.code == 1
    assert "mutant 'unchanged' passes" in json.loads(said.out)[0]["faults"][0]
