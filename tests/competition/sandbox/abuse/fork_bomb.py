"""Forks without an end."""

import os
import time

made = 0
try:
    for _ in range(2000):
        if os.fork() == 0:
            time.sleep(3600)
        made += 1
    print("FORKED all")
except OSError as error:
    print("refused", error.errno, "after", made, flush=True)
