"""Traces process 1 and asks to be traced; looks at who else is there."""

import ctypes
import errno
import os
import platform

libc = ctypes.CDLL(None, use_errno=True)
number = 101 if platform.machine() == "x86_64" else 117
for name, request, pid in [("attach", 16, 1), ("seize", 0x4206, 1), ("traceme", 0, 0)]:
    got = libc.syscall(number, request, pid, 0, 0)
    print("refused" if got == -1 and ctypes.get_errno() == errno.EPERM else "ALLOWED", name, flush=True)
print("pids", sorted(int(name) for name in os.listdir("/proc") if name.isdigit()))
