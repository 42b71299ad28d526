"""Every fault is one sentence and an exit code; no traceback reaches a user, on any terminal."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deepdojo import api
from deepdojo.errors import DataError, SourceError

from .conftest import Dojo

DOJO = [sys.executable, "-m", "deepdojo.cli"]


def raising(error: BaseException) -> Any:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["trian"], "no command is named 'trian'; did you mean 'train'?"),
        (["xyzzy"], "no command is named 'xyzzy'; known: board, bundle, check,"),
        (["--helpp"], "no option is named '--helpp'; did you mean '--help'?"),
        (["train"], "a project or --resume RUN is needed, and not both; try dojo train digits"),
        (["train", "digits", "--resume", "last"], "a project or --resume RUN is needed"),
        (["train", "digits", "--sede", "3"], "unknown option: --sede; did you mean --seed?"),
        (["train", "digits", "--seed", "x"], 'unable to convert "x" into int'),
        (["train", "digits", "--budget", "10"], "'10' is no duration; write it like 90s, 10m or 1h30m"),
        (["train", "digits", "--budget", "0s"], "a duration has to be longer than nothing"),
        (["board"], "dojo board: "),
        (["list", "modles"], "no list is named 'modles'; did you mean 'models'?"),
        (["schema", "projct"], "no schema is named 'projct'; did you mean 'project'?"),
        (["show", "sofmax"], "did you mean 'softmax'?"),
        (["show", "cnn", "--kind", "modl"], "no kind is named 'modl'; did you mean 'model'?"),
        (["new", "reviews"], "the data are missing; dojo new reviews --from FILE_OR_FOLDER"),
        (["report", "last"], "there is no run here"),
    ],
)
def test_one_sentence_and_exit_code_2(dojo: Dojo, args: list[str], sentence: str) -> None:
    said = dojo(*args)
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err


def test_json_error_is_an_object_on_stdout(dojo: Dojo, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = DataError("label is empty", where="a.csv:3", todo="fill it or drop the row")
    monkeypatch.setattr(api, "check", raising(fault))
    said = dojo("check", "reviews", "--json")
    assert said.code == 2
    assert json.loads(said.out) == {"error": "label is empty", "where": "a.csv:3", "todo": "fill it or drop the row"}
    assert "error: a.csv:3: label is empty; fill it or drop the row\n" in said.err


def test_a_sentence_with_newlines_stays_one_line(dojo: Dojo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "board", raising(SourceError("404\nNot Found\n")))
    assert dojo("board", "digits").err == "error: 404 Not Found\n"


def test_a_fault_of_ours_is_one_line_and_a_file(dojo: Dojo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "board", raising(ZeroDivisionError("division by zero")))
    said = dojo("board", "digits")
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert "ZeroDivisionError: division by zero" in said.err
    path = Path(next(word.rstrip(",") for word in said.err.split() if word.rstrip(",").endswith(".txt")))
    text = path.read_text(encoding="utf-8")
    path.unlink()
    assert text.startswith("dojo board digits\n")
    assert "Traceback" in text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "runs/x"), "runs/x: the disk is full; free some space"),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "runs/x"), "runs/x: there is no permission"),
        (MemoryError(), "there is not enough memory"),
    ],
)
def test_what_the_system_refuses_is_no_fault_of_ours(
    dojo: Dojo, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    monkeypatch.setattr(api, "board", raising(error))
    said = dojo("board", "digits")
    assert said.code == 2
    assert words in said.err


def test_ctrl_c_says_how_to_go_on(dojo: Dojo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        folder = tmp_path / "runs" / "digits" / "2026-11-24-0640-cnn-3f2a.partial"
        folder.mkdir(parents=True)
        (folder / "run.toml").write_text('id = "2026-11-24-0640-cnn-3f2a"')
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "train", interrupted)
    said = dojo("train", "digits")
    assert said.code == 130
    assert "go on with: dojo train --resume 2026-11-24-0640-cnn-3f2a\n" in said.err
    monkeypatch.setattr(api, "train", raising(KeyboardInterrupt()))
    assert "go on with: dojo train --resume last\n" in dojo("train", "--resume", "last").err
    monkeypatch.setattr(api, "board", raising(KeyboardInterrupt()))
    assert dojo("board", "digits").code == 130


def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    program = [*DOJO, "list", "layers", "--json"]
    child = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path)
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()  # nobody reads
    wrong = child.stderr.read()
    child.stderr.close()
    assert child.wait(timeout=30) in (0, 141)
    assert wrong == b""


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "gbk", "utf-8"])
@pytest.mark.parametrize(
    "args", [["list", "layers"], ["show", "softmax"], ["train", "--help"], [], ["doctor-", "\u95ee"]]
)
def test_no_terminal_encoding_crashes(tmp_path: Path, encoding: str, args: list[str]) -> None:
    environ = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run([*DOJO, *args], capture_output=True, env=environ, cwd=tmp_path, timeout=30, check=False)
    assert done.returncode in (0, 2), done.stderr.decode(encoding)
    done.stdout.decode(encoding)
    assert b"Traceback" not in done.stderr


def test_json_stays_json_where_the_encoding_is_poor(tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    program = [*DOJO, "list", "layers", "--json"]
    poor = subprocess.run(program, capture_output=True, env=environ, cwd=tmp_path, check=True).stdout
    rich = subprocess.run(program, capture_output=True, env={**environ, "PYTHONIOENCODING": "utf-8"}, cwd=tmp_path,
                          check=True).stdout  # fmt: skip
    assert json.loads(poor.decode("cp1252")) == json.loads(rich.decode("utf-8"))


def test_our_signs_become_plain_ones() -> None:
    from deepdojo.cli.output import never_crash_on_encoding

    before = sys.stdout
    raw = io.BytesIO()
    sys.stdout = io.TextIOWrapper(raw, encoding="ascii")
    try:
        never_crash_on_encoding()
        print("digits · 99.2 % [98.1 – 99.8] … ──●── \u95ee")
        sys.stdout.flush()
        got = raw.getvalue().decode("ascii").strip()
    finally:
        sys.stdout = before
    assert got == "digits | 99.2 % [98.1 - 99.8] ... --o-- ?"
