"""A learner's process in the sandbox of code competitions: a job goes in as a file, frames come out as one.

Inside are the questions and the learner's text. The folder of the built-in lessons, which the sandbox would show with
the package, is covered by an empty one, so that no oracle and no solution can be opened there.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepdojo.competition.sandbox import Limits, Sandbox
from deepdojo.competition.sandbox.limits import Outcome
from deepdojo.grader.lessons import LESSONS
from deepdojo.grader.protocol import HEADER, MAX_BYTES, ProtocolError, pack, unpack
from deepdojo.grader.runner import OUTPUT_BYTES, Reply

__all__ = ["run_in_sandbox"]

_START_S = 60.0  # to load torch, on a machine that may be busy
_DISK_BYTES, _REPLY_BYTES = 256 << 20, 64 << 20
_JOB, _REPLY = "/input/job", "reply"


def run_in_sandbox(
    job: Mapping[str, Any], *, wall_s: float, memory_bytes: int, sandbox: Sandbox | None = None
) -> tuple[Reply, Outcome, Limits]:
    """Runs one job to its end.

    Args:
        wall_s: for the learner's code, all cases together; what torch needs to load comes on top.

    Raises:
        SandboxError: the sandbox cannot start; the learner's code has not run then.
    """
    limits = Limits(
        wall_s=wall_s + _START_S, cpu_s=wall_s + _START_S, memory_bytes=memory_bytes, disk_bytes=_DISK_BYTES,
        output_bytes=_REPLY_BYTES, kept_bytes=OUTPUT_BYTES,
    )  # fmt: skip
    command = [sys.executable, "-B", "-m", "deepdojo.grader.child", _JOB, f"/tmp/output/{_REPLY}"]
    with tempfile.TemporaryDirectory(prefix="deepdojo-") as empty:
        Path(empty).chmod(0o755)
        covered = {str(place): Path(empty) for place in {LESSONS, LESSONS.resolve()}}
        done = (sandbox or Sandbox()).run(
            command, binds=covered, files={_JOB: pack({**job, "wall_s": wall_s})}, output=_REPLY, limits=limits
        )
    frames, whole = _frames(done.output or b"")
    printed = (done.stdout + done.stderr).decode("utf-8", "replace")
    reply = Reply(
        frames, printed, done=whole, closed=True, exit_code=done.exit_code, seconds=done.seconds, wall_s=wall_s
    )
    return reply, done, limits


def _frames(data: bytes) -> tuple[list[dict[str, Any]], bool]:
    """The frames up to the last, and whether that one was sent; believed in nothing: the learner's code may have
    written them."""
    found: list[dict[str, Any]] = []
    at = 0
    while at + HEADER.size <= len(data):
        size = HEADER.unpack_from(data, at)[0]
        at += HEADER.size
        if size > MAX_BYTES or at + size > len(data):
            break
        try:
            value = unpack(data[at : at + size])
        except ProtocolError:
            break
        at += size
        if not isinstance(value, dict):
            break
        if value.get("kind") == "done":
            return found, True
        found.append(value)
        if value.get("kind") == "stopped":
            break
    return found, False
