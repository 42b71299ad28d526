"""DeepDojo: become good at deep learning by doing it. `import deepdojo as dd` offers one function for each verb,
loaded lazily."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = ["board", "check", "compare", "explain", "load", "new", "predict", "report", "reproduce", "score", "train"]

if TYPE_CHECKING:
    from deepdojo.api import board, check, compare, explain, load, new, predict, report, reproduce, score, train


def __getattr__(name: str) -> Any:
    if name in __all__:
        from importlib import import_module

        return getattr(import_module("deepdojo.api"), name)
    raise AttributeError(f"module 'deepdojo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
