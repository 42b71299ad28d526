"""`dojo learn` at a terminal: saves, verdicts, keys, languages, narrow windows, and what it leaves behind."""

from __future__ import annotations

import os
import signal
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deepdojo.grader.lessons import all_lessons
from deepdojo.learn.wrapping import columns

from .conftest import LAST_AXIS, RIGHT, Terminal, save, state

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
Begin = Callable[..., Terminal]
KEYS = "q quit"


def ready(watch: Terminal) -> None:
    watch.until(lambda seen: "loading" in seen and KEYS in seen.partition("loading")[2])


def test_a_first_lesson_from_stub_to_pass_to_the_next(terminal: Begin, place: Path) -> None:
    lessons = all_lessons()
    following = lessons[[each.id for each in lessons].index("a2-softmax") + 1]
    watch = terminal("a2")
    file = place / "a2_softmax.py"
    ready(watch)
    text = watch.text
    assert text.index("Idea") < text.index("Formula") < text.index("Your file: a2_softmax.py")
    assert "raise NotImplementedError" in file.read_text()

    at = watch.mark()
    save(file, LAST_AXIS)
    seen = watch.until("h hint · t details", since=at)
    assert seen.index("checking …") < seen.index("✗ softmax")
    assert "Likely cause: the last axis is normalised whatever dim says" in " ".join(seen.split())
    assert state(place)["lessons"]["a2-softmax"]["attempts"] == 1

    at = watch.mark()
    watch.press("h")
    watch.until("Hint 1 of 4", since=at)
    watch.press("ｈ")
    watch.until("Hint 2 of 4", since=at)

    at = watch.mark()
    file.write_text(RIGHT)
    seen = watch.until("n next: ", since=at)
    assert "✓ softmax" in seen
    assert "Why it works" in seen
    assert "dojo train movie-reviews --with a2_softmax.py" in seen
    entry = state(place)["lessons"]["a2-softmax"]
    assert (entry["state"], entry["attempts"], entry["hints"], entry["given_up"]) == ("passed", 2, 2, False)

    (place / "other.py").write_text(LAST_AXIS)  # another file saved moves nothing
    time.sleep(0.3)
    assert state(place)["current"] == "a2-softmax"
    at = watch.mark()
    watch.press("n")
    seen = watch.until(KEYS, since=at)
    assert following.id in seen
    assert state(place)["current"] == following.id
    assert (place / f"{following.id.replace('-', '_')}.py").is_file()
    watch.press("q")
    assert watch.ended() == 0
    assert "1 of " in watch.text.splitlines()[-1]


def test_saving_the_same_text_is_no_attempt_and_r_runs_again(terminal: Begin, place: Path) -> None:
    file = place / "a2_softmax.py"
    watch = terminal("a2")
    ready(watch)
    save(file, LAST_AXIS)
    watch.until("h hint · t details")
    at = watch.mark()
    save(file, LAST_AXIS)
    save(file, LAST_AXIS.replace("\n", "\r\n"))  # Windows line ends are no other text
    time.sleep(1.3)
    assert watch.mark() == at
    watch.press("r")
    watch.until("h hint · t details", since=at)
    assert state(place)["lessons"]["a2-softmax"]["attempts"] == 1


def test_a_save_while_an_endless_loop_is_checked_is_answered_at_once(terminal: Begin, place: Path) -> None:
    file = place / "a2_softmax.py"
    watch = terminal("a2")
    ready(watch)
    save(file, "def softmax(x, dim):\n    while True:\n        x = x + 1\n")
    watch.until("checking …")
    time.sleep(1.0)
    begun = time.monotonic()
    save(file, RIGHT)
    seen = watch.until("✓ softmax", within_s=60)
    assert time.monotonic() - begun < 8, "it did not wait for the limit of ten seconds"
    assert "no answer" not in seen


def test_n_before_the_pass_asks_once_more_and_then_leaves_it_out(terminal: Begin, place: Path) -> None:
    watch = terminal("a2")
    ready(watch)
    watch.press("n")
    watch.until("Press n again")
    assert state(place)["lessons"]["a2-softmax"]["state"] == "open"
    watch.press("ln")  # another key between them: it asks anew
    watch.until(lambda seen: seen.count("Press n again") == 2)
    watch.press("n")
    watch.until("a2-softmax is left out")
    assert state(place)["lessons"]["a2-softmax"]["state"] == "skipped"


@pytest.mark.slow
def test_s_switches_the_language_and_keeps_it(terminal: Begin, place: Path) -> None:
    watch = terminal("a2")
    ready(watch)
    save(place / "a2_softmax.py", LAST_AXIS)
    watch.until("h hint · t details")
    watch.press("s")
    seen = watch.until("h 提示 · t 细节")
    assert "不溢出的 softmax" in seen
    assert "可能的原因：" in seen
    assert state(place)["lang"] == "zh"
    watch.press("q")
    watch.ended()
    assert "继续：dojo learn" in watch.text


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_nothing_is_wider_than_a_terminal_of_60_columns(terminal: Begin, place: Path, lang: str) -> None:
    save(place / "a2_softmax.py", LAST_AXIS)
    (place / ".dojo").mkdir()
    (place / ".dojo" / "learn.json").write_text('{"format": 1, "lessons": {}}')
    watch = terminal("a2", "--lang", lang, columns=60)
    watch.until("项检查" if lang == "zh" else "behind this one")
    watch.press("hl")
    watch.until("m1-loop")
    save(place / "a2_softmax.py", RIGHT)
    watch.until("n 下一课：" if lang == "zh" else "n next: ")
    wide = [line for line in watch.text.split("\n") if columns(line) > 60 and not line.startswith("    ")]
    assert not wide


@pytest.mark.slow
def test_a_file_taken_away_is_said_once_and_seen_when_it_is_back(terminal: Begin, place: Path) -> None:
    file = place / "a2_softmax.py"
    watch = terminal("a2")
    ready(watch)
    file.unlink()
    watch.until("there is no such file; dojo learn reset writes the stub")
    time.sleep(1.5)
    assert watch.text.count("there is no such file") == 1
    file.write_bytes(b"\xff\xfe\x00d\x00")
    watch.until("is no UTF-8 text")
    save(file, RIGHT)
    watch.until("✓ softmax")


@pytest.mark.slow
def test_ctrl_c_ends_it_and_gives_the_terminal_back(terminal: Begin, place: Path) -> None:
    watch = terminal("a2")
    before = watch.mode()
    ready(watch)
    assert not watch.mode()[3] & termios.ICANON
    watch.press("\x03") if watch.mode()[3] & termios.ISIG else None
    os.killpg(watch.process.pid, signal.SIGINT)
    assert watch.ended() == 0
    assert watch.mode()[3] & termios.ICANON
    assert before[3] & termios.ISIG


def test_kill_9_leaves_a_whole_state_and_nothing_running(terminal: Begin, place: Path) -> None:
    file = place / "a2_softmax.py"
    watch = terminal("a2")
    ready(watch)
    save(file, RIGHT)
    watch.until("n next: ")
    os.kill(watch.process.pid, signal.SIGKILL)
    watch.ended()
    assert state(place)["lessons"]["a2-softmax"]["state"] == "passed"
    end = time.monotonic() + 20
    while left := _of_group(watch.process.pid):
        assert time.monotonic() < end, left
        time.sleep(0.05)


def _of_group(session: int) -> list[int]:
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                state_, _, _, in_session = (each / "stat").read_text().rpartition(")")[2].split()[:4]
            except (OSError, ValueError):
                continue
            if int(in_session) == session and state_ != "Z":
                found.append(int(each.name))
    return found
