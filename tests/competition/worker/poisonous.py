"""The scoring process with a weakness for certain files: what no known file does to the real one."""

from __future__ import annotations

import os
import signal
import sys
import time

from deepdojo.competition.worker import scoring
from deepdojo.competition.worker.judge import Judge

plain_read = Judge.read


def read(self, data, file_name):
    if b"crash" in data:
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(10)
    if b"hang" in data:
        time.sleep(1000)
    if b"spin" in data:
        while True:
            pass
    if b"memory" in data:
        held = []
        while True:
            held.append(bytearray(1 << 26))
    if b"leave" in data:
        os._exit(3)
    if b"raise" in data:
        raise RuntimeError("canary of the host")
    if b"print" in data:
        os.write(1, b"x" * 100_000)
        print("y" * 100_000, flush=True)
    return plain_read(self, data, file_name)


Judge.read = read
sys.exit(scoring.main(sys.argv[1:]))
