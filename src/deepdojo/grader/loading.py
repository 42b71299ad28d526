"""check.py as a `Check`, and text of Python as the names that it defines. Trusted code only: lessons' own."""

from __future__ import annotations

import importlib.util
import linecache
import sys
import types
from functools import lru_cache
from pathlib import Path
from typing import Any

from deepdojo.grader.lessons import Lesson
from deepdojo.grader.spec import Check, LessonError, Mutant

__all__ = ["as_function", "load_check", "module_of", "mutated", "names_of", "stub_of"]


def load_check(lesson: Lesson) -> Check:
    """Runs the lesson's check.py. Raises LessonError where it defines no `check`."""
    path = lesson.folder / "check.py"
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        raise LessonError("has no check.py", where=str(lesson.folder)) from None
    return _load(path, changed)


@lru_cache(maxsize=256)
def _load(path: Path, _changed: int) -> Check:
    name = f"deepdojo_check_{path.parent.name.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except LessonError:
        raise
    except Exception as error:
        raise LessonError(f"does not run: {type(error).__name__}: {error}", where=str(path)) from error
    check = getattr(module, "check", None)
    if not isinstance(check, Check):
        raise LessonError("defines no `check = Check(...)`", where=str(path))
    return check


def module_of(source: str, name: str, filename: str) -> types.ModuleType:
    """Runs `source` as a module that tracebacks, dataclasses and `inspect` find."""
    module = types.ModuleType(name)
    module.__file__ = filename
    sys.modules[name] = module
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    exec(compile(source, filename, "exec", dont_inherit=True), module.__dict__)
    return module


def names_of(source: str, names: tuple[str, ...], label: str) -> dict[str, Any]:
    module = module_of(source, f"deepdojo_{label}", f"<{label}>")
    return {name: getattr(module, name) for name in names}


def mutated(solution: str, mutant: Mutant) -> str:
    """The solution with a mutant's edits. Raises LessonError where one does not fit exactly once."""
    for find, put in mutant.edits:
        if solution.count(find) != 1:
            raise LessonError(
                f"mutant {mutant.name!r}: {find!r} stands {solution.count(find)} times in solution.py, not once",
                where="check.py",
            )
        solution = solution.replace(find, put)
    return solution


def stub_of(lesson: Lesson, seed: int = 0) -> str:
    """What a learner starts from: empty bodies, or of a debugging lesson the code with one of its faults planted.

    Args:
        seed: the learner's own; it chooses the fault, so that a neighbour's repair does not help. Where lesson.toml
            names the fault, everybody gets that one.

    Raises: LessonError where it names none of check.py.
    """
    if not lesson.planted:
        return lesson.stub
    faults = load_check(lesson).mutants
    if lesson.fault is None:
        return mutated(lesson.solution, faults[seed % len(faults)])
    named = [m for m in faults if m.name == lesson.fault]
    if not named:
        raise LessonError(f"check.py has no mutant {lesson.fault!r}, which stub names", where=str(lesson.folder))
    return mutated(lesson.solution, named[0])


def as_function(lesson: Lesson, check: Check, source: str | Mutant) -> Any:
    """One function of a case's arguments: from text, or from a mutant."""
    names = check.adapt.names if check.adapt else (lesson.function,)
    if isinstance(source, Mutant):
        if source.function is not None:
            found = source.function if isinstance(source.function, dict) else {names[0]: source.function}
            if len(found) < len(names):
                found = {**names_of(lesson.solution, names, "solution"), **found}
            return _driven(check, [found[n] for n in names])
        source = mutated(lesson.solution, source)
    found = names_of(source, names, "solution")
    return _driven(check, [found[n] for n in names])


def _driven(check: Check, found: list[Any]) -> Any:
    if check.adapt is None:
        return found[0]
    drive = check.adapt.drive
    return lambda *arguments: drive(*found, *arguments)
