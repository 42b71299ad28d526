"""Where a program failed is told by few words, whatever it prints."""

from __future__ import annotations

import pytest

from deepdojo.competition.sandbox.failing import place_of_failure
from deepdojo.competition.sandbox.runner import _record

TRACE = """warming up
Traceback (most recent call last):
  File "/code/predict.py", line 3, in <module>
    main()
  File "/code/parts/model.py", line 2, in load
    import hidden_thing
"""


@pytest.fixture
def sent(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "predict.py").write_text("a\nb\nc\n")
    (tmp_path / "parts" / "model.py").write_text("x = 1\nimport hidden_thing\n")
    return tmp_path


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        (TRACE + "ValueError: secret\n", "ValueError at parts/model.py, line 2"),
        (TRACE + "KeyError\n", "KeyError at parts/model.py, line 2"),
        (TRACE + "ModuleNotFoundError: No module named 'hidden_thing'\n",
         "ModuleNotFoundError, no module named hidden_thing at parts/model.py, line 2"),
        (TRACE + "ModuleNotFoundError: No module named 'secret'\n", "ModuleNotFoundError at parts/model.py, line 2"),
        (TRACE + "torch.SecretError: secret\n", ""),
        (TRACE + "Secret: secret\n", ""),
        ("ValueError: no traceback\n", ""),
        (TRACE.replace("line 2,", "line 2000,") + "ValueError\n", "ValueError at predict.py, line 3"),
        (TRACE.replace("parts/model.py", "../../etc/secret") + "ValueError\n", "ValueError at predict.py, line 3"),
        ("", ""), ("\xff\x00", ""),
    ],
)  # fmt: skip
def test_kind_place_and_lacking_module_are_told_and_nothing_else(printed, told, sent):
    assert place_of_failure(printed.encode("utf-8", "surrogateescape"), sent) == told
    assert "secret" not in told


@pytest.mark.parametrize(
    ("line", "read"),
    [
        (b"3\t100\t\n", (3, 100 << 10, "")),
        (b"-9\t100\t\n", (-9, 100 << 10, "")),
        (b"0\t100\tit is missing\n", (0, 100 << 10, "it is missing")),
        (b"0\t100\tit is secret\n", (0, 100 << 10, "it cannot be read")),
        (b"12345\t100\t\n", (None, 0, "")),
        (b"999\t100\t\n", (None, 0, "")),
        (b"1\t" + b"7" * 40 + b"\t\n", (None, 0, "")),
        (b"secret", (None, 0, "")),
        (b"", (None, 0, "")),
    ],
)
def test_what_a_program_may_forge_about_its_end_carries_nothing(line, read):
    assert _record(line) == read
