"""One process at a time in a folder: a lock that the system takes back when its process ends, however it ends."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from deepdojo.errors import RunError

__all__ = ["held", "locked", "waiting_for"]


@contextlib.contextmanager
def locked(folder: Path, *, name: str) -> Iterator[None]:
    """Hold `.FOLDER.lock` beside the folder (within it the lock would move when the folder is renamed).

    Args:
        name: what the folder is to the user, for the error.

    Raises:
        RunError: another process holds it.
    """
    path = folder.with_name(f".{folder.name}.lock")
    file = _opened(path, name)
    try:
        if not folder.is_dir():
            raise RunError("another process has just finished this run", where=name, todo="see dojo report last")
        yield
    finally:
        if os.name == "posix":
            path.unlink(missing_ok=True)
            file.close()
        else:  # Windows does not remove open files
            file.close()
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def waiting_for(path: Path, waits: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock file `path`; while another process holds it, wait, and tell `waits` five times a second."""
    with path.open("a+b") as file:
        while not _lock(file):
            if waits is not None:
                waits()
            time.sleep(0.2)
        yield


def held(folder: Path) -> bool:
    """Whether a process is working in `folder` now; asked without waiting, and without leaving a file behind."""
    path = folder.with_name(f".{folder.name}.lock")
    try:
        with path.open("r+b") as file:
            return not _lock(file)  # ours for a moment; closing gives it back
    except OSError:
        return False


def _opened(path: Path, name: str) -> IO[bytes]:
    while True:
        file = path.open("a+b")
        try:
            if not _lock(file):
                file.seek(1)
                holder = file.read().decode("ascii", "replace").strip()
                who = f" (process {holder})" if holder else ""
                raise RunError(
                    f"another process{who} is training this run now", where=name, todo="wait for it or stop it first"
                )
            # Whoever held it may have removed the file after we opened it: then ours is no longer the one of that name.
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                file.truncate(0)
                file.write(b" %d\n" % os.getpid())
                file.flush()
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def _lock(file: IO[bytes]) -> bool:
    """Whether it is ours now; also True where the file system knows no locks."""
    import errno

    file.seek(0)
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)
    return True
