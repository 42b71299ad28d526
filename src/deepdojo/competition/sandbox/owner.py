"""Who owns what a sandbox leaves on the host: a mark of the server's process, and the sweep of what dead ones left."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from functools import cache
from pathlib import Path

__all__ = ["mark", "scratch_folder", "sweep"]

_PREFIX = "deepdojo-sandbox"


@cache
def mark() -> str:
    """`deepdojo-sandbox-PID-START`: the start time tells a process from a later one of the same number."""
    return f"{_PREFIX}-{os.getpid()}-{_started(os.getpid())}"


def scratch_folder() -> Path:
    """A new folder for copies, which other users may pass through and not list."""
    folder = Path(tempfile.mkdtemp(prefix=f"{mark()}-"))
    folder.chmod(0o711)
    return folder


def sweep(cgroups: tuple[Path, ...] = ()) -> int:
    """End processes and remove folders and cgroups that servers left which are no more; gives how many.

    A server killed while bubblewrap starts can leave one waiting for ever; what has started dies with its parent.
    """
    found = 0
    for entry in os.listdir("/proc"):
        if entry.isdigit() and _abandoned(_first_argument(int(entry))):
            found += _end(int(entry))
    for place in (Path(tempfile.gettempdir()), *cgroups):
        for folder in place.glob(f"{_PREFIX}-*"):
            if _abandoned(folder.name):
                found += 1
                _remove(folder, is_cgroup=place in cgroups)
    return found


def _remove(folder: Path, is_cgroup: bool) -> None:
    if not is_cgroup:
        shutil.rmtree(folder, ignore_errors=True)
        return
    try:
        folder.rmdir()
    except OSError:  # somebody of another user is still in it
        return


def _end(pid: int) -> int:
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return 0
    try:
        # Looked at again: the number may have gone to another process between the look and the handle.
        if not _abandoned(_first_argument(pid)):
            return 0
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except OSError:
        return 0
    finally:
        os.close(handle)
    return 1


def _abandoned(name: str) -> bool:
    parts = name.removeprefix(f"{_PREFIX}-").split("-")
    if not name.startswith(f"{_PREFIX}-") or len(parts) < 2 or not all(part.isdigit() for part in parts[:2]):
        return False
    return _started(int(parts[0])) != int(parts[1])


def _first_argument(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode("utf-8", "replace")
    except OSError:
        return ""


def _started(pid: int) -> int:
    """Clock ticks since boot, or -1 where there is no such process; field 22, counted from behind the name."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return -1
