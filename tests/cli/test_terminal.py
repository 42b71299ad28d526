"""The progress line: one line on a terminal, seldom a plain one elsewhere; never on stdout."""

from __future__ import annotations

import io
import re

import pytest

from deepdojo.cli import output, terminal
from deepdojo.cli.output import clip, text_width
from deepdojo.cli.terminal import TerminalListener
from deepdojo.errors import UsageError


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    return now


def test_a_pipe_gets_whole_lines_and_not_many(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    listener = TerminalListener(stream)
    listener.stage("train", "cnn, 10 epochs")
    for step in range(1, 601):
        clock[0] += 0.1
        listener.progress(step, 600, f"loss {1 / step:.3f}")
    listener.say("batch size: 64")
    listener.finish()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "train · cnn, 10 epochs"
    assert lines[-1] == "batch size: 64"
    assert len(lines) in (2 + 3, 2 + 4)  # a minute at one line in 15 s
    assert "\x1b" not in stream.getvalue()
    assert "\r" not in stream.getvalue()
    assert lines[1] == " 25 %  train · loss 0.007 · 45 s left"
    assert capsys.readouterr().out == ""


def test_a_terminal_gets_one_live_line_that_goes(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Screen()
    listener = TerminalListener(stream)
    listener.stage("train")
    for step in range(1, 11):
        clock[0] += 1
        listener.progress(step, 10, "x" * 200)
    listener.say("said")
    listener.finish()
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert all(text_width(line) <= 80 for part in plain.split("\n") for line in part.split("\r"))
    assert "said" in plain
    assert stream.getvalue().endswith("\x1b[?25h") or "\x1b[2K" in stream.getvalue()[-20:]  # the line is erased


def test_dumb_terminals_get_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = Screen()
    listener = TerminalListener(stream)
    listener.stage("train")
    listener.progress(1, 2)
    listener.finish()
    assert stream.getvalue() == "train\n"


def test_no_total_means_no_time_left(clock: list[float]) -> None:
    stream = io.StringIO()
    listener = TerminalListener(stream)
    listener.stage("baselines")
    for _ in range(3):
        clock[0] += 20
        listener.progress(0, 0, "still at it")
    assert stream.getvalue() == "baselines\n" + "baselines · still at it\n" * 3


def test_wide_signs_take_two_columns() -> None:
    assert text_width("\u95ee\u9898") == 4
    assert clip("\u95ee\u9898\u95ee\u9898", 5) == "\u95ee\u9898…"
    assert clip("  a   b ", 10) == "a b"


def test_long_lines_are_broken_between_words_on_a_terminal_and_whole_in_a_pipe(monkeypatch, capsys) -> None:
    fault = UsageError("a project or --resume RUN is needed, and not both", where="dojo train", todo="try this or that")
    output.complain(fault)
    output.next_step("dojo report 2026-11-27-1247-default-9505 --open", "the newest run: errors, reasons, cost")
    whole = capsys.readouterr()
    assert whole.err.count("\n") == 1
    assert "--open   the newest run" in whole.out
    monkeypatch.setattr(output, "_room", lambda stream: 60)
    output.complain(fault)
    output.next_step("dojo report 2026-11-27-1247-default-9505 --open", "the newest run: errors, reasons, cost")
    broken = capsys.readouterr()
    assert max(map(len, (broken.err + broken.out).splitlines())) < 60
    assert broken.err.split() == whole.err.split()
    assert "\n      the newest run" in broken.out
