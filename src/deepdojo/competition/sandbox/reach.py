"""For root alone: gives a uid that may not enter `/root` or another closed folder what lies in it, read-only.

In a mount namespace of its own, each closed path is bound to an open place; then the uid is taken and the sandbox's
program started. Runs as a program of its own, so that no thread of the server is forked.

    python -I -S reach.py DESCRIPTOR        a JSON object: mounts [[source, target], ...], uid, gid, argv, program
"""

from __future__ import annotations

import ctypes
import json
import os
import sys

_NEW_MOUNTS = 0x00020000
_PRIVATE, _BIND, _RECURSIVE = 1 << 18, 1 << 12, 1 << 14


def main() -> None:
    with open(int(sys.argv[1]), encoding="utf-8") as file:
        plan = json.load(file)
    libc = ctypes.CDLL(None, use_errno=True)
    done(libc.unshare(_NEW_MOUNTS), "unshare")
    done(libc.mount(b"none", b"/", None, _PRIVATE | _RECURSIVE, None), "a mount namespace of its own")
    for source, target in plan["mounts"]:
        done(libc.mount(os.fsencode(source), os.fsencode(target), None, _BIND | _RECURSIVE, None), f"binding {source}")
    os.setgroups([])
    os.setgid(plan["gid"])
    os.setuid(plan["uid"])
    os.execv(plan["program"], plan["argv"])


def done(result: int, what: str) -> None:
    if result != 0:
        sys.exit(f"{what}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main()
