"""What a hosted lesson tells its senders, and what it believes of what their processes left."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from deepdojo.competition.entrant import what_to_send
from deepdojo.competition.event import Rules
from deepdojo.competition.refusal import Refusal
from deepdojo.competition.server.bodies import file_kind
from deepdojo.errors import UsageError
from deepdojo.grader.protocol import frame, pack
from deepdojo.grader.verdict import Verdict
from deepdojo.grader.words import Text
from deepdojo.session.lesson_grading import for_sender
from deepdojo.session.lesson_sandbox import _frames


def verdict(kind: str, *facts: str) -> Verdict:
    context = Text('case "rows" · seed 1128895087 · x (3,5)', "用例 “rows” · 种子 1128895087 · x (3,5)")
    return Verdict(
        "a2-softmax", "softmax", False, "value", kind, Text("wrong", "不对"), context, [Text(f, f) for f in facts],
        seed=1128895087, output="secret", trace="secret",
    )  # fmt: skip


def test_the_seed_is_not_told_and_a_number_only_where_it_is_compared() -> None:
    told = for_sender(verdict("wrong", "first difference at out[0, 0]:  expected 0.7668   got 0.1636"))
    assert told["en"].splitlines()[0].split(maxsplit=3)[3].strip() == 'case "rows" · x (3,5)'
    assert "用例 “rows” · x (3,5)" in told["zh"]
    assert "expected 0.7668   got 0.1636" in told["en"]
    told = for_sender(verdict("crash", "ValueError: tensor a (3) must match 0.12345 -1e-5 1234567 seed 1.5e+10\x1b[2J"))
    assert "ValueError: tensor a (3) must match … … … seed …" in told["en"]
    assert not {"secret", "1128895087", "\x1b"} & {*told["en"].split(), *told["zh"]}
    assert len(for_sender(verdict("structure", "x" * 5000))["en"]) <= 1500


def test_frames_are_read_up_to_the_first_that_is_none() -> None:
    sent = [frame(pack({"kind": "case", "case": i})) for i in range(2)]
    done = frame(pack({"kind": "done"}))
    assert _frames(b"".join([*sent, done])) == ([{"kind": "case", "case": 0}, {"kind": "case", "case": 1}], True)
    for rubbish in (b"", b"\0", struct.pack(">Q", 1 << 62) + b"x", frame(b"none of ours"), frame(pack([1])), done[:-1]):
        assert _frames(sent[0] + rubbish) == ([{"kind": "case", "case": 0}], False)


def test_one_python_file_is_what_a_lesson_takes(tmp_path: Path) -> None:
    rules = Rules(
        name="a", title="a", task="lesson", metric="accuracy", higher_is_better=True, code=True, lesson="a2-x"
    )
    assert file_kind("mine.py", "", rules) == ("code", "mine.py")
    with pytest.raises(Refusal, match="is no Python file"):
        file_kind("mine.zip", "application/zip", rules)
    with pytest.raises(UsageError, match=r"is a folder.* such as a2_x\.py"):
        what_to_send(tmp_path, code=True, lesson="a2-x")
