"""A folder that is there whole or not at all: made beside its place under a hidden name, then renamed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepdojo.errors import UsageError
from deepdojo.locks import waiting_for
from deepdojo.places import cannot_write

__all__ = ["check_name", "staged"]


@contextmanager
def staged(folder: Path, *, what: str = "event", todo: str = "choose another name with --name") -> Iterator[Path]:
    """A fresh folder (mode 0700) beside `folder`, which takes its name when the block ends well and is deleted
    otherwise. What a killed process left is swept.

    Raises:
        UsageError: there is something of that name already.
        DojoError: nothing can be written there.
    """
    parent = folder.parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with waiting_for(parent / f".{folder.name}.lock"):
            _refuse(folder, what, todo)
            for left in parent.glob(f".{folder.name}.*.partial"):
                shutil.rmtree(left, ignore_errors=True)
            fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=parent))
            try:
                yield fresh
                if hasattr(os, "sync"):
                    os.sync()  # the name must not last longer than what it names
                _refuse(folder, what, todo)
                fresh.rename(folder)
            except BaseException:
                shutil.rmtree(fresh, ignore_errors=True)
                raise
            finally:
                if os.name == "posix":
                    (parent / f".{folder.name}.lock").unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error


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
