"""DeepDojo: become good at deep learning by doing it. `import deepdojo as dd` offers one function for each verb,
loaded lazily."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "board", "check", "compare", "curve", "explain", "export", "grade", "load", "look", "new", "predict", "report",
    "reproduce", "runs", "score", "track", "train", "train_all",
]  # fmt: skip

if TYPE_CHECKING:
    from deepdojo.api import (
        board,
        check,
        compare,
        curve,
        explain,
        export,
        grade,
        load,
        look,
        new,
        predict,
        report,
        reproduce,
        runs,
        score,
        train,
        train_all,
    )


def __getattr__(name: str) -> Any:
    if name in __all__:
        from importlib import import_module

        if name == "track":
            return import_module("deepdojo.track")
        return getattr(import_module("deepdojo.api"), name)
    raise AttributeError(f"module 'deepdojo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


class _Verbs(ModuleType):
    """`dd.explain` and `dd.report` stay the functions, also once the packages of the same names have been imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if name == "track" or not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Verbs
