"""Ignores every signal and stays."""
# ruff: noqa: SIM105

import signal
import time

for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
print("ready", flush=True)
while True:
    time.sleep(3600)
