"""A uid for each sandbox that root starts: used by nobody else, never by two at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepdojo.competition.sandbox.limits import SandboxError

__all__ = ["UIDS", "sandbox_uid"]

UIDS = range(65_000, 65_500)
"""Reserved in Debian's policy, below nobody (65,534), and mapped in every common container."""

_FOLDER = Path("/run/deepdojo-sandbox")


@contextmanager
def sandbox_uid() -> Iterator[int | None]:
    """The uid to take before bubblewrap starts, held by a lock that ends with us; None: we are not root.

    bubblewrap as root keeps root's rights over the host's files, whatever uid it shows inside.

    Raises:
        SandboxError: when all are in use.
    """
    if os.geteuid() != 0:
        yield None
        return
    import fcntl

    _FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
    for uid in UIDS:
        if _has_name(uid):
            continue
        lock = os.open(_FOLDER / str(uid), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            continue
        try:
            yield uid
        finally:
            os.close(lock)
        return
    raise SandboxError(f"all {len(UIDS)} uids of sandboxes are in use", todo="run fewer at a time")


def _has_name(uid: int) -> bool:
    import pwd

    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
