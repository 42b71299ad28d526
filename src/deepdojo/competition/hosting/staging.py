"""A folder that is there whole or not at all: made beside its place under a hidden name, then renamed."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepdojo.errors import UsageError
from deepdojo.places import cannot_write

__all__ = ["check_name", "staged"]

OLD_S = 86_400
"""What is older was left by a process that has ended, where a process cannot be asked for."""


@contextmanager
def staged(folder: Path, *, what: str = "event", todo: str = "choose another name with --name") -> Iterator[Path]:
    """A fresh folder (mode 0700) beside `folder`, which takes its name when the block ends well and is deleted
    otherwise. What a killed process left is swept. Of two that make the same folder at once, the second to end is
    refused.

    Raises:
        UsageError: there is something of that name already.
        DojoError: nothing can be written there.
    """
    parent = folder.parent
    _refuse(folder, what, todo)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for left in parent.glob(f".{folder.name}.*.partial"):
            if not _alive(left):
                shutil.rmtree(left, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.{os.getpid()}.", suffix=".partial", dir=parent))
        try:
            yield fresh
            if hasattr(os, "sync"):
                os.sync()  # the name must not last longer than what it names
            _refuse(folder, what, todo)
            fresh.rename(folder)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
    except OSError as error:
        _refuse(folder, what, todo)
        raise cannot_write(folder, error) from error


def _alive(left: Path) -> bool:
    """Whether the process that makes it is at work still."""
    pid = left.name.split(".")[-3]
    if os.name != "posix" or not pid.isdigit():  # on Windows to ask for a process by os.kill would end it
        return left.stat().st_mtime > time.time() - OLD_S
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _refuse(folder: Path, what: str, todo: str) -> None:
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"the {what} {folder.name!r} is there already", where=str(folder), todo=todo)


def check_name(name: str) -> None:
    """Raises UsageError for what cannot name a folder and stand in an address."""
    good = 0 < len(name) <= 64 and name[0].isalnum() and all(c.isalnum() or c in "-_." for c in name)
    if not good or not name.isascii() or name.endswith("."):
        raise UsageError(
            f"the name {name[:80]!r} cannot stand in an address", where="--name",
            todo="use up to 64 letters, digits, - and _, a letter or digit first",
        )  # fmt: skip
