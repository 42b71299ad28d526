"""Where a program failed, as far as its sender may be told: what it prints can quote the hidden inputs that it read.

Told are a kind of exception that Python itself has, a line of a file that was sent, and the name of a module that the
sender's own code imports: some twenty bits a program, however it tries.
"""

from __future__ import annotations

import builtins
import re
from pathlib import Path

__all__ = ["place_of_failure"]

_FRAME = re.compile(r'^  File "/code/([^"\n]{1,240})", line (\d{1,7})(?:, in |$)', re.MULTILINE)
_RAISED = re.compile(r"^([A-Za-z]\w{0,60})(?::|$)", re.MULTILINE)
_LACKING = re.compile(r"^ModuleNotFoundError: No module named '([\w.]{1,80})'", re.MULTILINE)
_START = "Traceback (most recent call last):"


def place_of_failure(printed: bytes, folder: Path) -> str:
    """Such as "ValueError at predict.py, line 12"; empty where nothing can be told.

    Args:
        printed: the end of stderr.
        folder: what was sent, unpacked.
    """
    text = printed.decode("utf-8", "replace")
    at = text.rfind(_START)
    if at < 0:
        return ""
    last = text[at:]
    names = [name for name in _RAISED.findall(last) if _is_exception(name)]
    if not names:
        return ""
    frames = [(name, int(line)) for name, line in _FRAME.findall(last) if int(line) <= _lines(folder, name)]
    said = names[-1]
    lacking = _LACKING.search(last)
    if lacking is not None and _imported(folder, lacking.group(1)):
        said += f", no module named {lacking.group(1)}"
    return said + (f" at {frames[-1][0]}, line {frames[-1][1]}" if frames else "")


def _is_exception(name: str) -> bool:
    found = getattr(builtins, name, None)
    return isinstance(found, type) and issubclass(found, BaseException)


def _lines(folder: Path, name: str) -> int:
    """How many lines a sent file has; none where there is no such file."""
    path = folder / name
    if ".." in Path(name).parts or not path.is_file():
        return 0
    return path.read_bytes().count(b"\n") + 1


def _imported(folder: Path, module: str) -> bool:
    top = re.escape(module.partition(".")[0]).encode()
    stands = re.compile(rb"^\s*(?:import|from)\s[^#\n]*\b" + top + rb"\b", re.MULTILINE)
    return any(stands.search(path.read_bytes()) for path in folder.rglob("*.py"))
