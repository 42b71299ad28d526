"""The scoring process: `python -m deepdojo.competition.worker.scoring LIMITS`. It reads jobs and answers them.

It alone opens hidden answers and strangers' files. It has no database, and it may be killed at any instant: by its own
limits on memory and processor time where the system has them, by the worker's clock everywhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import traceback
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.competition.packing import unpack
from deepdojo.competition.worker.for_senders import for_sender
from deepdojo.competition.worker.frames import read_frame, write_frame
from deepdojo.competition.worker.judge import Judge
from deepdojo.competition.worker.unquoted import unquoted
from deepdojo.errors import DojoError, ScoreError

__all__ = ["main"]

_KEPT = 8
_CHARS = 4000
_LARGEST = 1e30  # as `Standings` has it


def main(arguments: list[str]) -> int:
    """Answer until the worker closes the pipe."""
    limits = json.loads(arguments[0]) if arguments else {}
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the worker's to handle
    out = os.fdopen(os.dup(1), "wb", buffering=1 << 16)
    os.dup2(2, 1)  # what a library prints must not get between the messages
    _limit_memory(limits.get("memory_bytes"))
    judges: OrderedDict[str, Judge] = OrderedDict()
    write_frame(out, {"ready": True})  # what loading took is not the first job's time
    while (frame := read_frame(sys.stdin.buffer)) is not None:
        _limit_cpu(limits.get("cpu_s"))
        head, data = frame
        try:
            answer, body = _answer(judges, head, data)
        except MemoryError:
            write_frame(out, {"failed": "it needs more memory than a scoring process may have", "end": True})
            return 1
        write_frame(out, answer, body)
    return 0


def _answer(judges: OrderedDict[str, Judge], head: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        judge = _judge(judges, head["private"])
    except MemoryError:
        raise
    except Exception as error:  # the event's answers cannot be used: no submission's fault
        return {"unfit": f"{type(error).__name__}: {error}"[:_CHARS]}, b""
    try:
        if head["ask"] == "facts":
            groups = [judge.groups[part] for part in ("public", "private")]
            grouped = groups[0] is not None
            body = b"".join(g.astype("<i8").tobytes() for g in groups if g is not None)
            return {**judge.facts(), "grouped": grouped}, body
        return _scored(judge, head, data)
    except MemoryError:
        raise
    except DojoError as error:
        return {"failed": "\n".join(filter(None, (str(error), getattr(error, "details", ""))))[:_CHARS]}, b""
    except Exception:  # anything that a file of a stranger can bring about: the host reads it, the worker goes on
        return {"failed": traceback.format_exc()[-_CHARS:]}, b""


def _judge(judges: OrderedDict[str, Judge], folder: str) -> Judge:
    if folder not in judges:
        judges[folder] = Judge(Path(folder))
        if len(judges) > _KEPT:
            judges.popitem(last=False)
    judges.move_to_end(folder)
    return judges[folder]


def _scored(judge: Judge, head: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    data = unpack(data, head["encoding"], head["bytes"])
    try:
        read = judge.read(data, head["name"], head["most_bytes"])
    except DojoError as error:  # reading knows no answer, so whatever it quotes is the sender's own
        if not _of_the_sender(error):
            raise
        return _refused(judge, error, head["name"], data)
    try:
        scores = judge.score(read, head["parts"])
    except DojoError as error:
        if hasattr(error, "details") or not _of_the_sender(error):
            raise
        if judge.tells(error, read):
            return {"failed": str(error)[:_CHARS]}, b""
        return _refused(judge, error, head["name"], data)
    if not all(_can_be_kept(score) for score in scores.values()):
        fault = ScoreError("gets a score that is no number", where=head["name"], todo="look for numbers of absurd size")
        if judge.solution.custom:
            raise fault
        return _refused(judge, fault, head["name"], data)
    body = b"".join(score.pop("influence").astype("<f4").tobytes() for score in scores.values())
    return {"scores": scores, "cost": judge.stated(data, head["name"])}, body


def _refused(judge: Judge, error: DojoError, name: str, data: bytes) -> tuple[dict[str, Any], bytes]:
    known = {*judge.solution.contract.predictions, "id", name, *(judge.solution.labels or ())}
    told = for_sender(error.as_json())
    return {"refused": _coded(told), "unquoted": _coded(unquoted(error, data, known))}, b""


def _coded(told: Mapping[str, str | None]) -> dict[str, str | None]:
    short = {name: text if text is None else text[:_CHARS] for name, text in told.items()}
    return {**short, "code": "bad_file"}


def _can_be_kept(score: Mapping[str, Any]) -> bool:
    """Whether Ladder and ranking, whose cells are of single precision, can take it: finite, and no square too large."""
    figures = [score["value"], score["low"], score["high"]]
    with np.errstate(over="ignore", invalid="ignore"):
        reach = float(np.abs(np.asarray(score["influence"], dtype=np.float64) + score["value"]).sum())
    return bool(np.isfinite(figures).all() and reach <= _LARGEST)


def _of_the_sender(error: DojoError) -> bool:
    """A fault of the file, not of the machine or the host."""
    from deepdojo.errors import UnknownNameError

    return isinstance(error, ScoreError | UnknownNameError)


def _limit_memory(most_bytes: int | None) -> None:
    if most_bytes and sys.platform != "win32":
        import resource

        with contextlib.suppress(ValueError, OSError):  # macOS knows the name and refuses the number
            hard = resource.getrlimit(resource.RLIMIT_AS)[1]  # kept: a sandbox of a host's metric has its own, wider
            resource.setrlimit(resource.RLIMIT_AS, (most_bytes, hard))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_cpu(seconds: float | None) -> None:
    """The next job may use so much, whatever went before."""
    if seconds and sys.platform != "win32":
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        most = int(used.ru_utime + used.ru_stime + seconds) + 1
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
