"""Looks for secrets in environments, command lines and descriptors."""
# ruff: noqa: SIM105, SIM115

import os

for pid in ("1", "self"):
    for name in ("environ", "cmdline"):
        try:
            print(pid, name, open(f"/proc/{pid}/{name}", "rb").read().replace(b"\0", b" ").decode())
        except OSError as error:
            print(pid, name, type(error).__name__)
for number in range(64):
    try:
        print("fd", number, os.readlink(f"/proc/self/fd/{number}"))
    except OSError:
        pass
print(open("/tmp/.start.py").read() if os.path.exists("/tmp/.start.py") else "")
