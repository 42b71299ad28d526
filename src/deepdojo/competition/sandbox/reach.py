"""For root alone: gives a uid that may not enter `/root` or another closed folder what lies in it, read-only.

In a mount namespace of its own, each closed path is bound to an open place; then the uid is taken and the sandbox's
program started. Runs as a program of its own, so that no thread of the server is forked.

    python -I -S reach.py DESCRIPTOR        fields that end in NUL: uid, program, number of arguments, the
                                            arguments, then source and target of each mount
"""

from __future__ import annotations

import ctypes
import os
import sys

_NEW_MOUNTS = 0x00020000
_PRIVATE, _BIND, _RECURSIVE = 1 << 18, 1 << 12, 1 << 14


def main() -> None:
    with open(int(sys.argv[1]), "rb") as file:
        uid, program, count, *rest = file.read().split(b"\0")[:-1]
    arguments, paths = rest[: int(count)], rest[int(count) :]
    libc = ctypes.CDLL(None, use_errno=True)
    done(libc.unshare(_NEW_MOUNTS), "unshare")
    done(libc.mount(b"none", b"/", None, _PRIVATE | _RECURSIVE, None), "a mount namespace of its own")
    for source, target in zip(paths[::2], paths[1::2], strict=True):
        done(libc.mount(source, target, None, _BIND | _RECURSIVE, None), f"binding {os.fsdecode(source)}")
    os.setgroups([])
    os.setgid(int(uid))
    os.setuid(int(uid))
    os.execv(program, arguments)


def done(result: int, what: str) -> None:
    if result != 0:
        sys.exit(f"{what}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main()
