"""Checks what a learner wrote against float64 references, and says what is wrong with it.

Here: lesson folders, the check file's seven names, the process in which a learner's code runs, comparison, diagnosis,
messages in two languages, the author's gate. Not here: training, tasks, the state of a learner, the watching of files.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["Check", "adapt", "case", "keep", "mutant", "near_miss", "normal"]

if TYPE_CHECKING:
    from deepdojo.grader.draws import keep, normal
    from deepdojo.grader.spec import Check, adapt, case, mutant, near_miss

_HOMES = {"keep": "draws", "normal": "draws"}


def __getattr__(name: str) -> Any:  # reading a lesson's texts must not load torch
    if name in __all__:
        return getattr(import_module(f"deepdojo.grader.{_HOMES.get(name, 'spec')}"), name)
    raise AttributeError(f"module 'deepdojo.grader' has no attribute {name!r}")
