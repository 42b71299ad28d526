"""Sees calls of forbidden torch functions where torch dispatches them, under whatever name they were reached."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from torch.overrides import TorchFunctionMode, resolve_name

__all__ = ["Watch"]


class Watch(TorchFunctionMode):
    """Remembers the first forbidden call: its name, and the learner's line that led to it."""

    def __init__(self, forbidden: Iterable[str], filename: str) -> None:
        super().__init__()
        self._names = {name.lower() for name in forbidden}
        self._filename = filename
        self.found: dict[str, Any] | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self._names and self.found is None and self._plain(func) in self._names:
            self.found = {"name": _full_name(func), "line": line_in(self._filename, sys._getframe())}
        return func(*args, **(kwargs or {}))

    @staticmethod
    def _plain(func: Any) -> str:
        name = str(getattr(func, "__name__", "")).split(".")[0].strip("_").lower()
        return name.removeprefix("special_").removeprefix("native_")


def line_in(filename: str, frame: Any) -> int | None:
    """The innermost line of `filename` on the stack of `frame`."""
    while frame is not None:
        if frame.f_code.co_filename == filename:
            return int(frame.f_lineno)
        frame = frame.f_back
    return None


def _full_name(func: Any) -> str:
    try:
        name = resolve_name(func)
    except Exception:
        name = None
    return name or str(getattr(func, "__name__", func))
