"""A learner's file, or a function in a notebook: its text, and which lesson it is about. Torch-free."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from deepdojo.errors import ConsentError, DataError, UnknownNameError, UsageError
from deepdojo.grader.lessons import LESSONS, Lesson, agreed, all_lessons, find_lesson

__all__ = ["lesson_of", "read_source", "require_agreement", "source_of"]

_MAX_BYTES = 1 << 20


def read_source(path: Path) -> str:
    """The text of a Python file. Raises DataError where it is missing, a folder, too large, or no UTF-8 text."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError("there is no such file", where=str(path), todo="give the file with your code") from None
    except IsADirectoryError:
        raise DataError("is a folder", where=str(path), todo="give the file with your code") from None
    except PermissionError:
        raise DataError("may not be read", where=str(path), todo="change its permissions") from None
    if len(data) > _MAX_BYTES:
        raise DataError(f"has {len(data):,} bytes, more than any lesson needs", where=str(path))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError("is no UTF-8 text", where=str(path), todo="save it as UTF-8") from None
    if "\0" in text:
        raise DataError("holds binary data", where=str(path), todo="give a Python file")
    return text.replace("\r\n", "\n")


def lesson_of(source: str, file: Path | None = None, lesson_id: str | None = None, root: Path = LESSONS) -> Lesson:
    """The lesson that a file is about: the given one, or that whose function it defines.

    Where it defines several, helpers of the others are left out, then the file's own name decides.

    Raises:
        UnknownNameError: it defines no function of a lesson.
        UsageError: it defines several, and nothing says which one is meant.
    """
    if lesson_id is not None:
        return find_lesson(lesson_id, root)
    lessons = all_lessons(root)
    defined = _defined(source)
    found = [each for each in lessons if each.function in defined] or [
        each for each in lessons if any(name in defined for name in each.names)
    ]
    if len(found) > 1:
        used = {name for each in found for name in _used_by(source, each.function)}
        found = [each for each in found if each.function not in used] or found
    if len(found) > 1 and file is not None:
        stem = file.stem.lower().replace("_", "-")  # dojo learn writes a2_softmax.py
        found = [
            each for each in found if stem in (each.id, each.function.lower().replace("_", "-"), each.id.split("-")[0])
        ] or found
    if len(found) == 1:
        return found[0]
    where = str(file) if file else None
    if found:
        ids = " or ".join(each.id for each in found)
        raise UsageError(f"answers several lessons: {ids}", where=where, todo=f"give --lesson {found[0].id}")
    names = [name for each in lessons for name in each.names]
    for name in defined:
        fault = UnknownNameError("lesson's function", name, names, where=where)
        if (fault.todo or "").startswith("did you mean"):
            raise fault
    said = ", ".join(list(defined)[:4]) or "nothing"
    raise UsageError(
        f"defines no function of a lesson (it defines {said})",
        where=where,
        todo="see dojo list lessons, or give --lesson",
    )


def require_agreement(lesson: Lesson, *, trust: bool) -> None:
    """Raises ConsentError where a lesson's check is code from outside that nobody has agreed to run."""
    if not agreed([lesson], trust=trust):
        raise ConsentError(
            "the lesson's check is Python code that would run here", where=str(lesson.folder / "check.py"),
            todo="read it, then give --trust",
        )  # fmt: skip


def _defined(source: str) -> dict[str, None]:
    """Names at the top level, in order; of a text that does not parse, what looks like a definition."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return dict.fromkeys(re.findall(r"^(?:def|class)\s+(\w+)", source, re.MULTILINE))
    names: list[str] = []
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [t.id for t in node.targets if isinstance(t, ast.Name)]
        elif isinstance(node, ast.ImportFrom):
            names += [a.asname or a.name for a in node.names]
    return dict.fromkeys(names)


def _used_by(source: str, function: str) -> set[str]:
    """Names that the body of a top-level definition mentions."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == function:
            return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} - {function}
    return set()


def source_of(function: Callable[..., Any]) -> str:
    """A function or class of a notebook as a file of its own: its text, and that of all that it uses.

    Raises:
        UsageError: its text is not known, or it uses a value that cannot be written down.
    """
    parts: dict[str, str] = {}
    imports: dict[str, str] = {"__future__": "from __future__ import annotations"}
    _gather(function, parts, imports)
    return "\n".join([*imports.values(), "", *reversed(parts.values())]) + "\n"


def _gather(thing: Any, parts: dict[str, str], imports: dict[str, str]) -> None:
    name = getattr(thing, "__name__", None)
    try:
        text = inspect.cleandoc("\n" + inspect.getsource(thing))
    except (OSError, TypeError):
        raise UsageError(
            f"the text of {name or thing!r} is not known", todo="write it into a file and use dojo grade FILE"
        ) from None
    if not name or not text.startswith(("def ", "class ", "@")):
        raise UsageError(f"{name or thing!r} is no plain function or class", todo="define it with def or class")
    parts[name] = text + "\n"
    space = _globals_of(thing)
    for used in _names_in(text) - {name}:
        if used in space and used not in parts and used not in imports:
            _write_down(used, space[used], parts, imports)


def _write_down(name: str, value: Any, parts: dict[str, str], imports: dict[str, str]) -> None:
    if isinstance(value, types.ModuleType):
        imports[name] = f"import {value.__name__} as {name}"
    elif isinstance(value, (types.FunctionType, type)) and value.__module__ in ("__main__", "builtins"):
        if getattr(builtins, name, None) is not value:
            _gather(value, parts, imports)
    elif hasattr(value, "__module__") and hasattr(value, "__qualname__") and "<" not in value.__qualname__:
        home = value.__module__
        if _is_library(home):
            imports[name] = f"from {home} import {value.__qualname__.split('.')[0]} as {name}"
        else:
            _gather(value, parts, imports)
    elif _is_plain(value):
        imports[name] = f"{name} = {value!r}"
    else:
        raise UsageError(
            f"it uses {name}, a {type(value).__name__} of your session",
            todo="give it as an argument, or write all into a file and use dojo grade FILE",
        )


def _is_library(module: str) -> bool:
    """Whether another process can import it: what is installed, or part of Python."""
    import sys
    import sysconfig

    top = module.split(".")[0]
    if top in sys.builtin_module_names or top in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    return any(file.startswith(sysconfig.get_path(key)) for key in ("purelib", "platlib"))


def _globals_of(thing: Any) -> dict[str, Any]:
    if isinstance(thing, type):
        for member in vars(thing).values():
            if isinstance(member, types.FunctionType):
                return member.__globals__
        return vars(__import__("sys").modules[thing.__module__])
    space = dict(thing.__globals__)
    closure: Iterable[Any] = thing.__closure__ or ()
    space.update({n: c.cell_contents for n, c in zip(thing.__code__.co_freevars, closure, strict=True)})
    return space


def _names_in(text: str) -> set[str]:
    return {n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple, set)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(_is_plain(k) and _is_plain(v) for k, v in value.items())
    return value is None or isinstance(value, (bool, int, float, complex, str, bytes))
