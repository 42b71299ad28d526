"""Fills memory that is nobody's own: shared pages, System V, files in memory."""

import ctypes
import mmap
import os

libc = ctypes.CDLL(None, use_errno=True)
print("shmget", libc.shmget(0, 1 << 28, 0o1600))
try:
    os.memfd_create("hidden")
    print("MEMFD", flush=True)
except OSError as error:
    print("memfd refused", error.errno, flush=True)
kept = []
while True:
    kept.append(mmap.mmap(-1, 8 << 20))
    kept[-1].write(b"x" * (8 << 20))
