"""One worker as a process: `python -m deepdojo.competition.worker DATABASE EVENTS_FOLDER`.

The database's address may stand in DEEPDOJO_DATABASE instead (then DATABASE is `-`): arguments can be seen by others.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from deepdojo.competition.database.engine import open_when_there
from deepdojo.competition.database.versions import OtherVersion
from deepdojo.competition.worker.loop import Worker
from deepdojo.competition.worker.process import ScoringLimits
from deepdojo.errors import DojoError


def main(arguments: list[str]) -> int:
    """Work until a signal to stop comes, or the pipe on stdin closes where `--with-parent` is given."""
    parser = argparse.ArgumentParser(prog="python -m deepdojo.competition.worker", description=__doc__)
    parser.add_argument("database")
    parser.add_argument("events", type=Path)
    parser.add_argument("--most", type=int, default=32, help="jobs of one lease")
    parser.add_argument("--lease", type=float, default=30.0, help="seconds that a lease holds")
    parser.add_argument("--wall", type=float, default=60.0, help="seconds that one submission may take")
    parser.add_argument("--memory", type=int, default=3 << 30, help="bytes of a scoring process")
    parser.add_argument("--with-parent", action="store_true", help="end when stdin is closed")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s worker %(process)d: %(message)s")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if given.with_parent:
        threading.Thread(target=_end_with_stdin, args=(stop,), daemon=True).start()
    try:
        address = os.environ["DEEPDOJO_DATABASE"] if given.database == "-" else given.database
        database = open_when_there(address)
    except (DojoError, KeyError) as error:
        print(error, file=sys.stderr)
        return 2
    limits = ScoringLimits(wall_s=given.wall, cpu_s=given.wall, memory_bytes=given.memory)
    try:
        Worker(database, given.events, most=given.most, lease_s=given.lease, limits=limits).run(stop)
    except OtherVersion as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        database.close()
    return 0


def _end_with_stdin(stop: threading.Event) -> None:
    while os.read(0, 4096):  # not sys.stdin: its lock, held here, would abort the interpreter when it ends first
        pass
    stop.set()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
