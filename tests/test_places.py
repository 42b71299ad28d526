"""What is said when a file cannot be written fits the command that wanted it."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from deepdojo.places import cannot_write


@pytest.mark.parametrize(
    ("path", "number", "todo"),
    [
        ("p/runs/2026-x.partial/model/w", errno.ENOSPC, "free some space, then go on with dojo train --resume 2026-x"),
        ("out.csv", errno.ENOSPC, "free some space, then do it again"),
        ("p/runs", errno.EACCES, "choose a folder with --runs DIR"),
        ("out.csv", errno.EROFS, "choose another folder"),
    ],
)
def test_full_disk_and_no_permission(path: str, number: int, todo: str) -> None:
    assert cannot_write(Path(path), OSError(number, "")).todo == todo
