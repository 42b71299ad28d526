"""What may be told of a run: the end of what it printed, cleaned, and one sentence for each limit."""

from __future__ import annotations

import re

from deepdojo.competition.sandbox.limits import Limits, Outcome

__all__ = ["stopped_by", "tail"]

_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)")
# Besides control signs: what turns or hides text on a page (bidirectional marks, zero-width signs, line separators).
_HIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def tail(printed: bytes, *, lines: int = 3, chars: int = 500) -> str:
    """The last lines that hold anything, without control signs, at most so many characters."""
    text = printed.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    kept = [_HIDDEN.sub("", line).rstrip() for line in _ESCAPES.sub("", text).split("\n")]
    return "\n".join([line for line in kept if line.strip()][-lines:])[-chars:]


def stopped_by(done: Outcome, limits: Limits) -> str | None:
    """Why a run was stopped, as a clause that follows a name; None: it was not."""
    reasons = {
        "wall": f"it took longer than {limits.wall_s:g} s",
        "cpu": f"it used more than {limits.cpu_s:g} CPU seconds",
        "memory": f"it used more than {limits.memory_bytes / (1 << 20):,.0f} MiB of memory",
        "disk": f"it wrote more than {limits.disk_bytes / (1 << 20):,.0f} MiB, or very many files",
        "output": f"it wrote more than {limits.output_bytes / (1 << 20):,.0f} MiB of output, or printed more than "
        f"{limits.printed_bytes / (1 << 20):,.0f} MiB",
        "killed": "it was ended by a signal",
    }
    return None if done.stopped is None else reasons[done.stopped]
