"""The verbs of `dojo learn`, in a process of their own each: what they say, write, keep and refuse."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deepdojo.grader.lessons import LESSONS, find_lesson
from deepdojo.learn.learner import Learner
from deepdojo.learn.words import REFUSALS, SAYS

from .conftest import LAST_AXIS, RIGHT, Run, environment, state

CHINESE = {"LANG": "zh_CN.UTF-8"}


@pytest.fixture
def begun(place: Path) -> Path:
    """A folder in which a2-softmax is open."""
    Learner(place).open(find_lesson("a2"))
    return place


def test_without_a_terminal_it_is_plain_text_and_ends_with_its_input(place: Path) -> None:
    (place / "a2_softmax.py").write_text(LAST_AXIS)
    run = Run(place, "a2", keys="h\nt\nq\n")  # other things lie here: a folder is made
    assert run.code == 0
    assert "\x1b" not in run.out
    assert "so lessons lie in dojo-lessons" in run.out
    assert "Hint 1 of 4" in run.out
    assert "There is nothing more to tell." in run.out
    assert (place / "dojo-lessons" / "a2_softmax.py").is_file()
    (place / "dojo-lessons" / "a2_softmax.py").write_text(LAST_AXIS)
    again = Run(place)  # goes on there; the end of the input waits for the verdict
    assert "✗ softmax" in again.out
    assert state(place / "dojo-lessons")["lessons"]["a2-softmax"]["attempts"] == 1


@pytest.mark.slow
def test_the_locale_chooses_the_language_and_it_is_kept(place: Path) -> None:
    first = Run(place, "a2", **CHINESE)
    assert "不溢出的 softmax" in first.out
    assert "正在载入检查器" in first.out
    assert "提示 1/4" in Run(place, "hint").out
    assert "Hint 2 of 4" in Run(place, "hint", "--lang", "en").out
    assert state(place)["lang"] == "en"
    assert "Hint 3 of 4" in Run(place, "hint", **CHINESE).out


def test_check_records_and_answers_by_its_exit_code(begun: Path) -> None:
    file = begun / "a2_softmax.py"
    assert Run(begun, "check").code == 1
    file.write_bytes(LAST_AXIS.replace("\n", "\r\n").encode())
    wrong = Run(begun, "check", "--json")
    assert (wrong.code, wrong.json["mutants"]) == (1, ["last_axis"])
    file.write_text(RIGHT)
    right = Run(begun, "check")
    assert right.code == 0
    assert "✓ softmax" in right.out
    entry = state(begun)["lessons"]["a2-softmax"]
    assert (entry["state"], entry["attempts"], entry["check_version"]) == ("passed", 3, 1)
    file.write_text(LAST_AXIS)
    assert Run(begun, "check").code == 1
    assert state(begun)["lessons"]["a2-softmax"]["state"] == "passed", "a pass stays"
    assert "Next: dojo learn a3" in Run(begun, "list").out


def test_a_stricter_check_takes_no_pass_away(begun: Path) -> None:
    path = begun / ".dojo" / "learn.json"
    kept = state(begun)
    kept["lessons"]["a2-softmax"] |= {"state": "passed", "check_version": 0}
    path.write_text(json.dumps(kept))
    assert "passed (earlier check), run again?" in Run(begun, "list").out
    assert "已通过（旧版检查），要重新运行吗？" in Run(begun, "list", "--lang", "zh").out
    rows = {row["id"]: row["state"] for row in Run(begun, "list", "--json").json}
    assert rows["a2-softmax"] == "earlier"


def test_a_damaged_state_is_kept_aside_and_rebuilt_from_the_files(begun: Path) -> None:
    (begun / "a2_softmax.py").write_text(RIGHT)
    (begun / "b2_adam.py").write_text("def Adam(:\n")
    path = begun / ".dojo" / "learn.json"
    path.write_text('{"format": 1, "lessons": {"a2-softmax": {"state": "pass')
    said = Run(begun, "list")
    assert "Your progress could not be read; it is kept as" in said.err
    assert (begun / ".dojo" / "learn.json.bak").is_file()
    assert "0 of " in said.out
    rebuilt = Run(begun, "verify", "--json").json
    assert {each["lesson"]: each["result"] for each in rebuilt} == {"a2-softmax": "pass", "b2-adam": "fail"}
    assert state(begun)["lessons"]["a2-softmax"]["state"] == "passed"
    path.write_text("[]")
    assert "进度文件无法读取" in Run(begun, "list", "--lang", "zh").err
    assert (begun / ".dojo" / "learn.json.bak1").is_file()


def test_a_state_of_a_later_version_is_left_alone(begun: Path) -> None:
    path = begun / ".dojo" / "learn.json"
    path.write_text('{"format": 2}')
    run = Run(begun, "list")
    assert run.code == 2
    assert "was written by a later DeepDojo; update this one" in run.err
    assert path.read_text() == '{"format": 2}'


def test_reset_keeps_every_old_file(begun: Path) -> None:
    file = begun / "a2_softmax.py"
    stub = file.read_text()
    for number in (1, 2):
        file.write_text(f"# {number}\n")
        assert f"kept as a2_softmax.py.{number}" in Run(begun, "reset").out
        assert (begun / f"a2_softmax.py.{number}").read_text() == f"# {number}\n"
    assert file.read_text() == stub == find_lesson("a2").stub


@pytest.mark.slow
def test_the_solution_waits_for_the_pass_or_for_giving_up(begun: Path) -> None:
    refused = Run(begun, "solution")
    assert refused.code == 2
    assert "4 of its hints are left" in refused.err
    assert "x.amax" not in refused.out
    shown = Run(begun, "solution", "--give-up")
    assert "top = x.amax(dim, keepdim=True)" in shown.out
    assert "--- your code ---" not in shown.out
    assert state(begun)["lessons"]["a2-softmax"]["given_up"] is True
    (begun / "a2_softmax.py").write_text(RIGHT)
    assert Run(begun, "check").code == 0
    assert Run(begun, "solution").code == 0


@pytest.mark.slow
def test_skip_and_back(begun: Path) -> None:
    run = Run(begun, "skip", "--json")
    assert run.json == {"skipped": "a2-softmax", "next": state(begun)["current"]}
    Run(begun, "a2")
    assert state(begun)["current"] == "a2-softmax"


def test_a_debugging_lesson_plants_one_fault_by_the_learners_own_seed(place: Path) -> None:
    Run(place, "m1")
    first = (place / "m1_loop.py").read_text()
    assert first != find_lesson("m1").solution
    Run(place, "reset", "m1")
    assert (place / "m1_loop.py").read_text() == first
    assert "seed" in state(place)


@pytest.mark.parametrize(
    ("words", "english", "chinese"),
    [
        (("softmx",), "did you mean a2-softmax?", "是不是 a2-softmax？"),
        (("lits",), "did you mean list?", "是不是 list？"),
        (("hint",), "no lessons have been begun here; dojo learn begins", "这里还没有开始任何课程；用 dojo learn 开始"),
        (("a2", "b2"), "b2 is one argument too many", "多了一个参数 b2"),
        (("gradebook",), "a folder of progress files is needed", "需要给出进度文件所在的文件夹"),
        (("gradebook", "."), "holds no progress files", "里面没有进度文件"),
        (("--from", "nowhere"), "nowhere: holds no lessons", "nowhere：里面没有课程"),
    ],
)
def test_one_clear_sentence_in_both_languages(place: Path, words: tuple[str, ...], english: str, chinese: str) -> None:
    for said, language in ((english, {}), (chinese, CHINESE)):
        run = Run(place, *words, **language)
        assert run.code == 2
        assert said in run.err
        assert len(run.err.splitlines()) == 1
    assert not any(place.iterdir()), "nothing is made for a command that is refused"


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder that even root may not write")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    for language, said in (({}, "cannot be written"), (CHINESE, "无法写入")):
        command = [sys.executable, "-m", "deepdojo.cli", "learn"]
        done = subprocess.run(command, cwd="/sys/kernel", env=environment(tmp_path, **language), capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=100)  # fmt: skip
        assert done.returncode == 2
        assert said in done.stderr.decode()
        assert "Traceback" not in done.stderr.decode()


def test_an_instructors_folder_works_like_the_built_in_one_once_it_is_trusted(tmp_path: Path, place: Path) -> None:
    made = tmp_path / "week3"
    new = [sys.executable, "-m", "deepdojo.cli", "lessons", "new", str(made / "x1-double")]
    subprocess.run(new, check=True, env=environment(tmp_path), capture_output=True, timeout=100)
    refused = Run(place, "--from", str(made))
    assert refused.code == 2
    assert "Python code from outside; give --trust" in refused.err
    first = Run(place, "--from", str(made), "--trust")
    assert first.code == 0, first.err
    assert (place / "x1_double.py").is_file()
    assert [row["id"] for row in Run(place, "list", "--json").json] == ["x1-double"]
    assert Run(place, "check").code == 1
    back = Run(place, "list", "--json", "--from", "built-in").json
    assert len(back) == len(list(LESSONS.glob("*/lesson.toml")))
    (made / "x1-double" / "check.py").write_text("raise SystemError('changed')\n")
    assert Run(place, "check").code == 2, "what has changed since is trusted anew"


def test_two_processes_lose_nothing(begun: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from deepdojo import api\n"
        "learner = api.learner(Path.cwd())\n"
        "for n in range(40): learner.record(learner.lesson('a2'), f'{sys.argv[1]} {n}', False)\n"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code, name], cwd=begun, env=environment(begun.parent)) for name in "ab"
    ]
    assert [each.wait(100) for each in both] == [0, 0]
    assert state(begun)["lessons"]["a2-softmax"]["attempts"] == 80


def test_every_sentence_has_both_languages_and_the_same_blanks() -> None:
    import string

    def blanks(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    texts: dict[str, Any] = {**SAYS, **{f"{n} {i}": t for n, pair in REFUSALS.items() for i, t in enumerate(pair)}}
    for name, text in texts.items():
        assert blanks(text.en) == blanks(text.zh), name
        assert bool(text.en) == bool(text.zh), name
