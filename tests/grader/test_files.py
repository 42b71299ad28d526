"""Which lesson a file is about, and functions of a notebook as files of their own."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import deepdojo as dd
from deepdojo.errors import DataError, UnknownNameError, UsageError
from deepdojo.grader.files import lesson_of, read_source, source_of

SCALE = 1.0


def _exponentials(x, dim):
    return (SCALE * (x - x.amax(dim, keepdim=True))).exp()


def softmax(x, dim):
    e = _exponentials(x, dim)
    return e / math.fsum([1.0]) / e.sum(dim, keepdim=True)


def test_found_by_the_functions_name() -> None:
    assert lesson_of("def softmax(x, dim): ...").id == "a2-softmax"
    assert lesson_of("from mine import attention").id == "e2-dot-product"
    assert lesson_of("lstm_cell = lambda *a: a").id == "d2-lstm"
    assert lesson_of("def bpe_encode(w, m): ...").id == "g1-bpe"
    assert lesson_of("def softmax(x, dim:").id == "a2-softmax", "a file that does not parse yet"


def test_a_helper_is_not_the_answer(tmp_path: Path) -> None:
    text = "def softmax(x): ...\ndef attention(q, k, v, keep):\n    return softmax(q @ k) @ v\n"
    assert lesson_of(text).id == "e2-dot-product"
    two = "def softmax(x, dim): ...\ndef conv2d(x): ...\n"
    assert lesson_of(two, tmp_path / "conv2d.py").id == "c1-conv2d"
    with pytest.raises(UsageError, match="answers several lessons: a2-softmax or c1-conv2d"):
        lesson_of(two)


def test_a_name_that_nearly_fits() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'attention'"):
        lesson_of("def atention(q, k, v): ...")
    with pytest.raises(UsageError, match="defines no function of a lesson"):
        lesson_of("x = 1")
    with pytest.raises(UnknownNameError, match="did you mean 'a2-softmax'"):
        lesson_of("", None, "a2-sofmax")


@pytest.mark.parametrize(
    ("content", "said"), [(None, "no such file"), (b"\xff\xfe\x00", "no UTF-8 text"), (b"a\0b", "binary data")]
)
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "mine.py"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DataError, match=said):
        read_source(file)
    with pytest.raises(DataError, match="is a folder"):
        read_source(tmp_path)


def test_windows_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "softmax.py"
    file.write_bytes(b"\xef\xbb\xbfdef softmax(x, dim):\r\n    return x\r\n")
    assert read_source(file) == "def softmax(x, dim):\n    return x\n"


def test_a_function_takes_along_what_it_uses() -> None:
    space: dict = {}
    exec(source_of(softmax), space)
    assert {"softmax", "_exponentials", "math", "SCALE"} <= set(space)


def test_a_value_that_cannot_be_written_down_is_named() -> None:
    import torch

    weight = torch.ones(2)

    def scaled(x):
        return x * weight

    with pytest.raises(UsageError, match="it uses weight, a Tensor of your session"):
        source_of(scaled)


def test_grade_in_a_notebook() -> None:
    assert dd.grade(softmax).passed

    def attention(q, k, v, keep):
        return q

    verdict = dd.grade(attention)
    assert (verdict.lesson, verdict.passed, verdict.kind) == ("e2-dot-product", False, "shape")
    with pytest.raises(UnknownNameError, match="lesson's function"):
        dd.grade(test_a_helper_is_not_the_answer)
