"""Reads what the host keeps for itself, also through process 1's root."""
# ruff: noqa: SIM115

import os
import sys

for path in [
    "/etc/shadow",
    "/etc/passwd",
    "/root",
    "/home",
    "/proc/1/root/etc/shadow",
    "/proc/1/root/root",
    sys.argv[2],
]:
    try:
        found = os.listdir(path) if os.path.isdir(path) else open(path).read()
        if not path.endswith("/root") or set(found) - {".pyenv"}:  # the way to the interpreter may lead through it
            print("READ", path, found)
    except OSError as error:
        print(type(error).__name__, path)
