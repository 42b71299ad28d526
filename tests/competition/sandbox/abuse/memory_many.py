"""Fills memory in eight processes, each of them below the limit."""

import os
import time

for _ in range(8):
    if os.fork() == 0:
        kept = []
        for _ in range(60):
            kept.append(bytearray(b"x" * (1 << 20)))
            time.sleep(0.005)
        time.sleep(3600)
time.sleep(3600)
