"""Sends every signal to process 1 and to all others."""

import os
import signal

for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGSTOP):
    os.kill(1, number)
print("still here")
